// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Paho's MQTTClient reduced to what a link needs: one object is one connection, and each function is one synchronous call. Which
 * of them may be called when, and in which thread, is link-pump.c's business; this file's is to know Paho's types and
 * traps. Not thread-safe.
 */
#ifndef DEVBUS_INTERNAL_PAHO_H
#define DEVBUS_INTERNAL_PAHO_H

#include "link.h"

#define PAHO_REASON_SIZE 200

struct paho;

/*
 * Connects; waits up to options->connect_timeout_s and at least 100 ms (Paho's own). *@paho is NULL, or a connection that was lost
 * before all its messages were handed out (paho_drained()), which goes on. On failure @ret_reason is a sentence, and
 * *@paho is NULL or still that one. 0, -ECONNREFUSED (or whatever Paho saw), -ENOMEM.
 */
int paho_connect(struct paho **paho, const struct link_options *options, char ret_reason[PAHO_REASON_SIZE]);

/* The connection's socket, Paho's own: to be watched, never read. */
int paho_fd(const struct paho *paho);

/* Waits for the broker's answer. Its reason code (0..2 granted, >= 0x80 refused), or -EIO: the connection is gone. */
int paho_subscribe(struct paho *paho, const struct link_filter *filter);
int paho_unsubscribe(struct paho *paho, const char *filter);

/*
 * Sends; waits while the socket has no room, and receives meanwhile: @fits says that there is room, else the connection is not drained
 * afterwards. 0, -ENOTCONN, -EINVAL.
 */
int paho_publish(struct paho *paho, const struct link_message *message, bool fits, uint32_t *ret_token);

struct paho_acknowledgement {
	uint32_t token;
	int reason;
};

/*
 * Reads one packet at most, if one is there, and hands out one message at most, also one that came while another function waited.
 * Also sends a ping when one is due. Returns whether there was a message; it is borrowed until @message returns.
 */
bool paho_receive(struct paho *paho, void (*message)(const struct link_message *message, void *userdata),
	void *userdata);

/* Takes the next acknowledgement that came in meanwhile. Returns whether there was one. */
bool paho_take_acknowledgement(struct paho *paho, struct paho_acknowledgement *ret_acknowledgement);

/*
 * Whether every message that came was handed out. Those that wait in Paho are acknowledged already and die with
 * the object; nothing may be published before they are out, or Paho would send that again by itself.
 */
bool paho_drained(const struct paho *paho);

bool paho_connected(const struct paho *paho);

/* Says good-bye to the broker: it does not publish the will. */
void paho_disconnect(struct paho *paho);

/* Without good-bye, if it is still connected. NULL is fine. */
void paho_drop(struct paho *paho); /* ends the connection without a good-bye; what came is still received */
void paho_free(struct paho *paho);

#endif
