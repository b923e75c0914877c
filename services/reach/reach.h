// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The way to the cloud's broker, step by step, as a bridge goes it: name, TCP, TLS. Mosquitto's own log has one line for every
 * certificate that it does not believe, and none for a name without an address, so whoever wants the cause has to go there.
 *
 * Each step waits, at most for timeout_ms, and is taken after the one before it. It returns 0 or a negative errno; `trouble` then
 * is a sentence, and `found` what there is to say of a success. Of one thread at a time.
 */
#ifndef REACH_REACH_H
#define REACH_REACH_H

#include "bridge-conf.h"

#include <netdb.h>
#include <openssl/ssl.h>
#include <stdint.h>

#define REACH_TEXT_SIZE 512

/* A question to DNS. It cannot be taken back, so each address has one at most, which is waited for again. */
struct reach_question;

struct reach {
	const struct bridge_conf *conf;
	const struct bridge_address *address;
	uint32_t timeout_ms;
	bool as_nobody; /* shows no certificate of its own, and takes it for a success that it is asked for one */

	struct reach_question *questions;
	const struct addrinfo *found_addresses; /* of the question for `address` */
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	bool asked_for_certificate;
	char found[REACH_TEXT_SIZE];
	char trouble[REACH_TEXT_SIZE];
};

/* Borrows @conf. */
void reach_begin(struct reach *reach, const struct bridge_conf *conf, uint32_t timeout_ms);

/* The next address of the conf; leaves the one before it. */
void reach_choose(struct reach *reach, const struct bridge_address *address);

int reach_resolve(struct reach *reach);
int reach_connect(struct reach *reach);
int reach_secure(struct reach *reach); /* nothing to do without TLS */

/*
 * Bytes, through TLS or not. Returns how many (at least 1), -ETIMEDOUT at @deadline_ms, -ECONNRESET (the other side has closed it)
 * or another negative errno; but for a time-out, `trouble` says why where there is more to say than that, else it is "".
 */
int reach_read(struct reach *reach, void *bytes, size_t size, int64_t deadline_ms);
int reach_write(
	struct reach *reach, const void *bytes, size_t size, int64_t deadline_ms); /* all of them: 0 */

void reach_close(struct reach *reach);
void reach_end(struct reach *reach);

/* For the files of this folder. */
int64_t reach_now_ms(void); /* monotonic */
int reach_fail(
	struct reach *reach, int error, const char *text); /* puts the address in front; returns @error */
int reach_wait(const struct reach *reach, short events, int64_t deadline_ms); /* 0 or a negative errno */

#endif
