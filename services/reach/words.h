// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What went wrong, as a sentence for whoever has to mend it: the cause, and after a semicolon what to do. */
#ifndef REACH_WORDS_H
#define REACH_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* What getaddrinfo(3) returned; @error is errno for EAI_SYSTEM. */
const char *words_resolver(int code, int error);

/* Why a TCP connection was not made; @error is a positive errno. */
const char *words_tcp(int error);

/* A certificate that was not believed. */
struct words_certificate {
	int code; /* X509_V_ERR_... */
	bool authority; /* it is that of an authority, not of the server itself */
	char subject[128]; /* its name */
	char issuer[128];
	char names[256]; /* hosts that it is for */
	char from[32], until[32]; /* dates; "" if they cannot be read */
	time_t now;
};

/* Writes at most @size bytes to @text. */
void words_certificate(const struct words_certificate *certificate, char *text, size_t size);

/*
 * What an error of OpenSSL in the course of TLS means, by its reason (ERR_GET_REASON). NULL: nothing that we know better than OpenSSL.
 */
const char *words_tls(int reason);

/* Return codes of a CONNACK (MQTT 3.1.1, 3.2.2.3); there is a sentence for every @code but 0. */
const char *words_connack(int code, bool private_bit);

#endif
