// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * For devices whose maker brings the installer as a few executables, hooks, and for everyone without one. What is said here, in doc/firmware.md
 * and to the hooks is the whole contract:
 *
 *	booted-slot        prints a line "NAME [VERSION]" for the slot that runs, then one for the slot that updates go to
 *	install SLOT       writes standard input, the image, into SLOT and to disk; DEVBUS_VERSION, _BYTES, _SHA256, _COMPATIBLE
 *	activate SLOT      SLOT boots next
 *	mark-good SLOT     SLOT is kept
 *	mark-bad SLOT      SLOT failed its checks; may be absent
 *
 * The trust is here and not in the hooks: bundle.c has verified the image before the first of them sees it.
 */
#include "bundle.h"
#include "hook.h"
#include "reason.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)4 << 20) /* hashed in one turn: some ms */
#define PROGRESS_MS 500

struct script {
	struct backend base;
	const struct firmware_settings *settings;
	char lock_file[PATH_MAX];
	struct hook *hook;
	bool optional; /* a hook that need not be there */
	int image_fd; /* -1: not open */
	struct bundle bundle;
	struct digest *digest; /* while it is hashed */
	struct devbus_timer *timer; /* next piece, or next progress */
	char variables[4][192]; /* for `install` */
};

static struct script *self(struct backend *backend)
{
	return (struct script *)backend;
}

static void fail(struct script *script, const struct devbus_error *error)
{
	backend_finish(&script->base, error->code, "%s", error->message);
}

/* What the job that is over held. */
static void clean(struct script *script)
{
	devbus_timer_stop(script->timer);
	script->timer = NULL;
	digest_free(script->digest);
	script->digest = NULL;
	if (script->image_fd >= 0)
		close(script->image_fd);
	script->image_fd = -1;
}

static int open_image(struct script *script, const char *path)
{
	struct devbus_error error;
	script->image_fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = script->image_fd < 0
			? reason_errno(&error, -errno, path)
			: bundle_read(script->image_fd, script->settings->keys_dir, &script->bundle, &error);
	if (r == 0 && lseek(script->image_fd, script->bundle.offset, SEEK_SET) < 0)
		r = reason_errno(&error, -errno, path);
	if (r < 0) {
		clean(script);
		fail(script, &error);
	}
	return r;
}

/* ---- hooks */

static void on_hook(void *userdata, const struct devbus_error *error, const char *output)
{
	struct script *script = userdata;
	(void)output;
	script->hook = NULL;
	clean(script);
	if (error)
		fail(script, error);
	else
		backend_finish(&script->base, NULL, NULL);
}

static void start_hook(struct script *script, struct hook_options options)
{
	options.folder = script->settings->hooks_dir;
	options.lock_file = script->lock_file;
	options.userdata = script;
	if (!options.done)
		options.done = on_hook;
	if (!options.timeout_s)
		options.timeout_s = script->settings->hook_timeout_s;
	int r = hook_start(script->base.host->bus, &options, &script->hook);
	if (r == 0)
		return;
	clean(script);
	if (r == -ENOENT && script->optional)
		backend_finish(&script->base, NULL, NULL);
	else
		backend_finish(&script->base, DEVBUS_E_IO_ERROR, "hook %s/%s: %s", options.folder,
			options.name, strerror(-r));
}

static void run_hook(struct backend *backend, const char *name, const char *slot, bool optional)
{
	self(backend)->optional = optional;
	start_hook(self(backend), (struct hook_options) { .name = name, .argument = slot });
}

static void script_activate(struct backend *backend, const char *slot)
{
	run_hook(backend, "activate", slot, false);
}

static void script_mark_good(struct backend *backend, const char *slot)
{
	run_hook(backend, "mark-good", slot, false);
}

static void script_mark_bad(struct backend *backend, const char *slot)
{
	run_hook(backend, "mark-bad", slot, true);
}

/* ---- look */

/* Reads "NAME [VERSION]" from *@text on and moves it behind the line. Returns 0 or -EBADMSG. */
static int parse_slot(const char **text, struct backend_slot *ret_slot)
{
	const char *end = *text + strcspn(*text, "\n");
	char line[SLOT_SIZE + VERSION_MAX + 2], rest[2];
	struct backend_slot slot = { 0 };
	if ((size_t)(end - *text) >= sizeof(line))
		return -EBADMSG;
	snprintf(line, sizeof(line), "%.*s", (int)(end - *text), *text);
	int words = sscanf(line, "%32s %64s %1s", slot.name, slot.version, rest);
	*text = *end ? end + 1 : end;
	if (words < 1 || words > 2 || (words == 2 && !version_valid(slot.version)))
		return -EBADMSG;
	for (const char *c = slot.name; *c; c++)
		if (*c <= ' ' || *c > '~') /* it is written to disk and told as JSON */
			return -EBADMSG;
	*ret_slot = slot;
	return 0;
}

static void on_look(void *userdata, const struct devbus_error *error, const char *output)
{
	struct script *script = userdata;
	struct backend_view view = { 0 };
	script->hook = NULL;
	if (error)
		fail(script, error);
	else if (parse_slot(&output, &view.booted) < 0 || parse_slot(&output, &view.other) < 0 ||
		 strcmp(view.booted.name, view.other.name) == 0)
		backend_finish(&script->base, DEVBUS_E_IO_ERROR,
			"hook booted-slot did not print NAME [VERSION] of two slots");
	else {
		script->base.view = view;
		backend_finish(&script->base, NULL, NULL);
	}
}

static void script_look(struct backend *backend)
{
	self(backend)->optional = false;
	start_hook(self(backend), (struct hook_options) { .name = "booted-slot", .done = on_look });
}

/* ---- check */

static void end_check(struct script *script)
{
	char sha256[SHA256_TEXT_SIZE] = "";
	const struct backend_image *image = &script->bundle.image;
	int r = digest_finish(script->digest, sha256);
	clean(script);
	if (r == 0 && strcmp(sha256, image->sha256) == 0) {
		script->base.image = *image;
		backend_finish(&script->base, NULL, NULL);
	} else {
		backend_finish(&script->base, DEVBUS_E_CHECKSUM,
			"the image has SHA-256 %s, its manifest says %s", sha256, image->sha256);
	}
}

static void tell_progress(struct script *script, const char *message)
{
	off_t at = lseek(script->image_fd, 0, SEEK_CUR);
	double bytes = at > script->bundle.offset ? (double)(at - script->bundle.offset) : 0;
	double size = script->bundle.image.bytes > 0 ? (double)script->bundle.image.bytes : 1;
	int percent = bytes >= size ? 100 : (int)(bytes * 100 / size);
	script->base.host->progress(script->base.host->userdata, percent, message);
}

static void on_piece(struct devbus *bus, void *userdata)
{
	struct script *script = userdata;
	(void)bus;
	script->timer = NULL;
	ssize_t n = digest_add_file(script->digest, script->image_fd, PIECE_BYTES);
	int r = n < 0 ? (int)n : 0;
	if (n > 0) {
		tell_progress(script, "hashing the image");
		r = devbus_after(script->base.host->bus, 1, on_piece, script, &script->timer);
	}
	if (r < 0) {
		clean(script);
		backend_finish(&script->base, DEVBUS_E_IO_ERROR, "reading the image: %s", strerror(-r));
	} else if (n == 0) {
		end_check(script);
	}
}

static void script_check(struct backend *backend, const char *path)
{
	struct script *script = self(backend);
	if (open_image(script, path) < 0)
		return;
	int r = digest_new(&script->digest);
	if (r == 0)
		r = devbus_after(backend->host->bus, 1, on_piece, script, &script->timer);
	if (r < 0) {
		clean(script);
		backend_finish(backend, DEVBUS_E_INTERNAL, "verifying: %s", strerror(-r));
	}
}

/* ---- install */

/* How far the hook has read is how far it is: the file's offset is shared with it. */
static void on_progress(struct devbus *bus, void *userdata)
{
	(void)bus;
	tell_progress(userdata, "writing the slot");
}

static const char *const *install_environment(struct script *script)
{
	static const char *list[sizeof(script->variables) / sizeof(script->variables[0]) + 1];
	const struct backend_image *image = &script->bundle.image;
	size_t size = sizeof(script->variables[0]);
	snprintf(script->variables[0], size, "DEVBUS_VERSION=%s", image->version);
	snprintf(script->variables[1], size, "DEVBUS_BYTES=%" PRIu64, image->bytes);
	snprintf(script->variables[2], size, "DEVBUS_SHA256=%s", image->sha256);
	snprintf(script->variables[3], size, "DEVBUS_COMPATIBLE=%s", image->compatible);
	for (size_t i = 0; i < sizeof(script->variables) / sizeof(script->variables[0]); i++)
		list[i] = script->variables[i];
	return list;
}

static void script_install(struct backend *backend, const char *path, const char *slot)
{
	struct script *script = self(backend);
	script->optional = false;
	if (open_image(script, path) < 0)
		return;
	int r = devbus_every(backend->host->bus, PROGRESS_MS, on_progress, script, &script->timer);
	if (r < 0)
		devbus_log(DEVBUS_LOG_WARNING, "no progress of the installation: %s", strerror(-r));
	start_hook(script, (struct hook_options) {
				   .name = "install",
				   .argument = slot,
				   .environment = install_environment(script),
				   .input_fd = script->image_fd,
				   .timeout_s = script->settings->install_timeout_s,
			   });
}

/* ---- open and free */

static int script_open(const struct firmware_settings *settings, const struct backend_host *host,
	struct backend **ret_backend, struct devbus_error *ret_error)
{
	struct script *script = calloc(1, sizeof(*script));
	if (!script)
		return reason_set(ret_error, -ENOMEM, DEVBUS_E_INTERNAL, "out of memory");
	backend_init(&script->base, &backend_script, host);
	script->settings = settings;
	script->image_fd = -1;
	int n = snprintf(
		script->lock_file, sizeof(script->lock_file), "%s/hook.lock", devbus_state_dir(host->bus));
	if (n >= (int)sizeof(script->lock_file)) {
		free(script);
		return reason_set(
			ret_error, -ENAMETOOLONG, DEVBUS_E_INTERNAL, "the state folder's name is too long");
	}
	*ret_backend = &script->base;
	return 0;
}

static void script_free(struct backend *backend)
{
	struct script *script = self(backend);
	hook_free(script->hook);
	clean(script);
	free(script);
}

const struct backend_kind backend_script = {
	.name = "script",
	.open = script_open,
	.free = script_free,
	.look = script_look,
	.check = script_check,
	.install = script_install,
	.activate = script_activate,
	.mark_good = script_mark_good,
	.mark_bad = script_mark_bad,
};
