// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Two kinds of failure, kept apart:
 * - a function that could not do its work returns a negative errno, for the program;
 * - a peer that was told "no" gets a code word and a sentence, for the other side and for people.
 * This is the second kind, as it travels in answers and events (protocol 2.3).
 */
#ifndef DEVBUS_ERROR_H
#define DEVBUS_ERROR_H

/* The code words of protocol 2.3. A service may use words of its own, in the same form: [a-z0-9-]{1,31}. */
#define DEVBUS_E_MALFORMED "malformed"
#define DEVBUS_E_INVALID_ARGS "invalid-args"
#define DEVBUS_E_UNKNOWN_COMMAND "unknown-command"
#define DEVBUS_E_EXPIRED "expired"
#define DEVBUS_E_DUPLICATE_ID "duplicate-id"
#define DEVBUS_E_RETAINED "retained"
#define DEVBUS_E_BUSY "busy"
#define DEVBUS_E_REFUSED "refused"
#define DEVBUS_E_TIMEOUT "timeout"
#define DEVBUS_E_CANCELLED "cancelled"
#define DEVBUS_E_INTERRUPTED "interrupted"
#define DEVBUS_E_NOT_FOUND "not-found"
#define DEVBUS_E_IO_ERROR "io-error"
#define DEVBUS_E_CHECKSUM "checksum"
#define DEVBUS_E_SIGNATURE "signature"
#define DEVBUS_E_INCOMPATIBLE "incompatible"
#define DEVBUS_E_NO_SPACE "no-space"
#define DEVBUS_E_ROLLED_BACK "rolled-back"
#define DEVBUS_E_INTERNAL "internal"

/* A code word and a sentence for a person; both NUL-terminated, a longer text is cut. */
struct devbus_error {
	char code[32];
	char message[256];
};

#endif
