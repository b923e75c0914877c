// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which kinds there are, and what they share. */
#include "backend.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct backend_kind *const kinds[] = {
	&backend_script,
#ifdef HAVE_LIBSYSTEMD
	&backend_rauc,
#endif
};

int backend_open(const struct firmware_settings *settings, const struct backend_host *host,
	struct backend **ret_backend, struct devbus_error *ret_error)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i]->name, settings->backend) == 0)
			return kinds[i]->open(settings, host, ret_backend, ret_error);
	*ret_error = (struct devbus_error) { DEVBUS_E_INTERNAL, "" };
	snprintf(ret_error->message, sizeof(ret_error->message),
		"backend %s is not part of this build; see the setting `backend`", settings->backend);
	return -ENOENT;
}

void backend_free(struct backend *backend)
{
	if (!backend)
		return;
	devbus_timer_stop(backend->later);
	backend->kind->free(backend);
}

void backend_init(struct backend *backend, const struct backend_kind *kind, const struct backend_host *host)
{
	*backend = (struct backend) { .kind = kind, .host = host };
}

static void on_later(struct devbus *bus, void *userdata)
{
	struct backend *backend = userdata;
	struct devbus_error error = backend->error;
	(void)bus;
	backend->later = NULL;
	backend->host->done(backend->host->userdata, *error.code ? &error : NULL);
}

void backend_finish(struct backend *backend, const char *code, const char *format, ...)
{
	va_list args;
	backend->error = (struct devbus_error) { 0 };
	if (code) {
		va_start(args, format);
		snprintf(backend->error.code, sizeof(backend->error.code), "%s", code);
		vsnprintf(backend->error.message, sizeof(backend->error.message), format, args);
		va_end(args);
	}
	int r = devbus_after(backend->host->bus, 1, on_later, backend, &backend->later);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "timer: %s", strerror(-r));
}
