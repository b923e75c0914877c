// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* RAUC on the system's D-Bus, as far as backend-rauc.c needs it: one question at a time, and what RAUC says by itself. */
#ifndef FIRMWARE_RAUC_CLIENT_H
#define FIRMWARE_RAUC_CLIENT_H

#include <devbus/devbus.h>
#include <systemd/sd-bus.h>

struct rauc_client;

/* All in the loop's thread. Static. */
struct rauc_client_events {
	void (*progress)(void *userdata, int percent, const char *step);
	void (*completed)(void *userdata, int result); /* an installation ended; 0: well */
	/* RAUC ended, or the connection broke; no answer follows. It may free the client, and must do so if @connection_lost. */
	void (*gone)(void *userdata, bool connection_lost, const char *why);
};

/* Connects and listens. Does not wait for RAUC, which D-Bus starts when it is asked. Returns 0 or a negative errno. */
int rauc_client_open(struct devbus *bus, const struct rauc_client_events *events, void *userdata,
	struct rauc_client **ret_client);
void rauc_client_free(struct rauc_client *client); /* NULL is fine */

/* @answer is borrowed; it may be an error (sd_bus_message_get_error()). The next question may be asked, and the client freed. */
typedef void rauc_client_handler(void *userdata, sd_bus_message *answer);

/* Asks; @types and what follows as for sd_bus_call_method(3). Returns 0 or a negative errno; then @handler is not called. */
int rauc_client_call(
	struct rauc_client *client, rauc_client_handler *handler, const char *method, const char *types, ...);
int rauc_client_get(struct rauc_client *client, rauc_client_handler *handler, const char *property);

/* The answer to the last question is not wanted any more. NULL is fine. */
void rauc_client_forget(struct rauc_client *client);

/* As of RAUC 1.8 errors have no names to know them by, only sentences: the code word for the one who sent the update, ... */
const char *rauc_error_code(const char *sentence);
/* ... and whether it says no more than that it is doing something else. */
bool rauc_says_busy(const char *sentence);

#endif
