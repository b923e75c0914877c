// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One hook at a time, also across a crash of this service: a hook holds a lock as its fd 3, and the next one waits until it is free. So an
 * installer that outlived the service that started it never writes side by side with its successor.
 */
#ifndef FIRMWARE_HOOK_H
#define FIRMWARE_HOOK_H

#include <devbus/devbus.h>
#include <devbus/host.h>

struct hook;

struct hook_options {
	const char *folder; /* of the hooks */
	const char *name; /* of the hook in it */
	const char *argument; /* NULL: none */
	const char *const *environment; /* as in devbus_program_options */
	int input_fd; /* as in devbus_program_options */
	const char *lock_file;
	uint32_t timeout_s; /* for the wait, and again for the hook */
	/* The end, once, never from inside hook_start(): @error NULL and what the hook wrote, or why it failed. Borrowed. */
	void (*done)(void *userdata, const struct devbus_error *error, const char *output);
	void *userdata;
};

/* All in *@options but itself is borrowed until the end. Returns 0 or a negative errno (then `done` is not called). */
int hook_start(struct devbus *bus, const struct hook_options *options, struct hook **ret_hook);

/* Kills it; no `done` follows. NULL is fine. */
void hook_free(struct hook *hook);

#endif
