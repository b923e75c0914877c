// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A link that was only torn is open at the first look, and back before the second: so an open way is no cause until it has been found so
 * twice.
 */
#include "cause.h"
#include "../reach/reach.h"
#include "../reach/words.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_TIMEOUT_MS 10000
#define LINE_MAX_BYTES 512

void cause_forget(struct cause *cause)
{
	*cause = (struct cause) { .looks = 0 };
}

uint32_t cause_pause_ms(const struct cause *cause)
{
	uint32_t pause_ms = CAUSE_PAUSE_MIN_MS;

	for (unsigned i = 1; i < cause->looks && pause_ms < CAUSE_PAUSE_MAX_MS; i++)
		pause_ms *= 2;
	return pause_ms < CAUSE_PAUSE_MAX_MS ? pause_ms : CAUSE_PAUSE_MAX_MS;
}

void cause_looked(struct cause *cause, const struct cause_look *look)
{
	cause->look = *look;
	cause->looks++;
}

/* ---- Mosquitto's log */

/* Its words for the return codes; 2.0.11 has none of its own for 4. */
static const char *read_refusal(const char *line)
{
	static const struct {
		const char *words;
		int code;
	} rows[] = {
		{ "unacceptable protocol version", 1 },
		{ "identifier rejected", 2 },
		{ "broker unavailable", 3 },
		{ "bad user name or password", 4 },
		{ "not authorised", 5 },
		{ "unknown reason", 4 },
	};
	static const char refused[] = "Connection Refused: ";
	const char *words = strstr(line, refused);

	for (size_t i = 0; words && i < sizeof rows / sizeof *rows; i++)
		if (!strncmp(words + strlen(refused), rows[i].words, strlen(rows[i].words)))
			return words_connack(rows[i].code, false);
	return NULL;
}

/* "OpenSSL Error[0]: error:0A000418:SSL routines::tlsv1 alert unknown ca" */
static const char *read_tls_error(const char *line)
{
	static const char error[] = "error:";
	const char *number = strstr(line, "OpenSSL Error[");

	number = number ? strstr(number, error) : NULL;
	return number ? words_tls(ERR_GET_REASON(strtoul(number + strlen(error), NULL, 16))) : NULL;
}

bool cause_logged(struct cause *cause, const char *line, size_t size)
{
	char text[LINE_MAX_BYTES];
	const char *sentence;

	if (size >= sizeof text)
		return false;
	memcpy(text, line, size);
	text[size] = '\0';
	sentence = read_refusal(text);
	if (!sentence)
		sentence = read_tls_error(text);
	if (!sentence || sentence == cause->logged)
		return false;
	cause->logged = sentence;
	return true;
}

/* ---- the tunnel */

bool cause_met(struct cause *cause, const char *trouble)
{
	if (!strcmp(cause->met, trouble))
		return false;
	snprintf(cause->met, sizeof cause->met, "%s", trouble);
	return true;
}

/* ---- the sentence */

static const char *explain_open(const struct cause *cause, bool connected)
{
	if (cause->logged)
		return cause->logged;
	if (cause->looks < 2)
		return NULL;
	if (connected)
		return "it is reached, but hangs, or gives this device no right to the topics of the echo; "
		       "devbus-cloud-test says which";
	if (cause->look.asked_for_certificate)
		return "it is reached, but lets the bridge not in: it asks for a certificate of this device and "
		       "refuses the one that it gets; devbus-cloud-test says why";
	return "it is reached, but lets the bridge not in, and does not say why; devbus-cloud-test says more";
}

bool cause_tell(const struct cause *cause, bool connected, char text[CAUSE_TEXT_SIZE])
{
	const char *sentence;

	if (cause->met[0] || cause->look.result == CAUSE_CLOSED) {
		memcpy(text, cause->met[0] ? cause->met : cause->look.text, CAUSE_TEXT_SIZE);
		return true;
	}
	sentence = cause->look.result == CAUSE_OPEN ? explain_open(cause, connected) : cause->logged;
	if (!sentence)
		return false;
	if (cause->look.result == CAUSE_OPEN)
		snprintf(text, CAUSE_TEXT_SIZE, "%.300s: %s", cause->look.text, sentence);
	else
		snprintf(text, CAUSE_TEXT_SIZE, "%s", sentence);
	return true;
}

/* ---- the look */

static int look_at(struct reach *reach, const struct bridge_address *address)
{
	int r;

	reach_choose(reach, address);
	r = reach_resolve(reach);
	if (r == 0)
		r = reach_connect(reach);
	return r < 0 ? r : reach_secure(reach);
}

/* One for all looks: a name server that is waited for is not asked again (reach.h). */
static struct reach reach = { .fd = -1 };

void cause_look(const char *path, struct cause_look *ret_look)
{
	static struct bridge_conf conf;
	char trouble[BRIDGE_CONF_TROUBLE_SIZE];
	int r = bridge_conf_read(path, &conf, trouble);

	*ret_look = (struct cause_look) { .result = CAUSE_NOT_LOOKED };
	if (r < 0)
		return;
	reach.conf = &conf;
	reach.timeout_ms = STEP_TIMEOUT_MS;
	reach.as_nobody = true;
	r = look_at(&reach, &conf.addresses[0]);
	memcpy(ret_look->text, reach.trouble,
		sizeof ret_look->text); /* the first address is the one that is meant */
	for (int i = 1; i < conf.address_count && r < 0; i++)
		r = look_at(&reach, &conf.addresses[i]);
	ret_look->result = r < 0 ? CAUSE_CLOSED : CAUSE_OPEN;
	ret_look->asked_for_certificate = reach.asked_for_certificate;
	if (r == 0)
		snprintf(ret_look->text, sizeof ret_look->text, "%s:%s", reach.address->host,
			reach.address->port);
	reach_close(&reach);
}
