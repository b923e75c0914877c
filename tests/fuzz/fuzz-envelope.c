// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The input is read as all that may come in: a time, a command, a status, a response. What is accepted must be printed so that it is
 * read as the same. The input is also a text that a service sends: whatever is in it, the payload must be one that
 * the strict reader takes.
 */
#include "envelope.h"
#include "utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
	if (!good)
		abort();
}

static void try_time(const char *text)
{
	char printed[ENVELOPE_TIME_SIZE];
	int64_t wall_ms, again_ms;
	if (envelope_time_read(text, &wall_ms) < 0)
		return;
	envelope_time_print(wall_ms, printed);
	require(envelope_time_read(printed, &again_ms) == 0);
	/* Offsets reach a day past the first and the last year that can be printed. */
	require(again_ms == wall_ms || wall_ms < -62167219200000 || wall_ms > 253402300799999);
}

static void try_command(const struct devbus_json *object)
{
	struct envelope_command command;
	struct devbus_error error = { "", "" };
	if (envelope_command_read(object, &command, &error) == 0) {
		require(envelope_id_valid(command.id));
		return;
	}
	require(!command.args && !command.expires && strcmp(error.code, DEVBUS_E_MALFORMED) == 0);
	require(command.id[0] == '\0' || envelope_id_valid(command.id));
}

static void try_status(const struct devbus_json *object)
{
	struct envelope_status status, again;
	struct devbus_json *written = NULL;
	if (envelope_status_read(object, &status) < 0)
		return;
	require(envelope_status_write(&status, &written) == 0);
	require(envelope_status_read(written, &again) == 0);
	require(again.state == status.state && again.incarnation == status.incarnation &&
		again.pid == status.pid && again.clock_unsynced == status.clock_unsynced);
	require(!envelope_status_stale(&status, &again));
	devbus_json_free(written);
}

static void try_response(const struct devbus_json *object)
{
	const struct devbus_json *result = NULL;
	struct devbus_error error = { "", "" };
	const int r = envelope_response_read(object, &result, &error);
	require((r == 0) == (result != NULL) && (r == 1) == (error.code[0] != '\0'));
	require(utf8_valid(error.message, strlen(error.message)));
}

static void try_text(const char *text)
{
	const struct envelope_event event = {
		.phase = ENVELOPE_FAILED, .error_code = text, .error_message = text
	};
	struct devbus_json *object = NULL, *again = NULL;
	require(envelope_event_write(&event, &object) == 0);
	char *printed = devbus_json_print(object);
	require(devbus_json_parse(printed, strlen(printed), &again, NULL) == 0);
	require(devbus_json_equal(object, again));
	free(printed);
	devbus_json_free(object);
	devbus_json_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct devbus_json *object = NULL;
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	try_time(text);
	try_text(text);
	free(text);
	if (devbus_json_parse(data, size, &object, NULL) < 0)
		return 0;
	try_command(object);
	try_status(object);
	try_response(object);
	devbus_json_free(object);
	return 0;
}
