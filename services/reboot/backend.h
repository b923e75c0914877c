// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The ways in which a device can be rebooted, behind one question (does anything hold a reboot up?) and one order. With
 * "auto" they are tried in a fixed order, and one that is not there gives way to the next; one that is there and says no is believed.
 */
#ifndef REBOOT_BACKEND_H
#define REBOOT_BACKEND_H

#include <devbus/devbus.h>
#include <devbus/host.h>

/* A service's own code word: someone holds a block inhibitor of logind. */
#define REBOOT_E_INHIBITED "inhibited"

extern const char *const backend_choices[];

enum answer {
	ANSWER_LATER, /* backend_answer() follows */
	ANSWER_YES, /* nothing holds it up; it is under way */
	ANSWER_NO, /* with code and message in backends->error */
	ANSWER_ABSENT, /* there is nothing of this kind here; with a message */
};

struct backends;
struct dbus;

struct backend {
	const char *name;
	/* Both return at once, mostly with ANSWER_LATER. */
	enum answer (*check)(struct backends *backends);
	enum answer (*run)(struct backends *backends);
	void (*stop)(
		struct backends *backends); /* no answer any more; what was ordered goes on. May be NULL */
};
extern const struct backend backend_logind, backend_command, backend_kernel;

/* @answer is ANSWER_YES or ANSWER_NO. */
typedef void backends_handler(enum answer answer, const struct devbus_error *error, void *userdata);

struct backends {
	struct devbus *bus;
	const char *choice; /* of backend_choices */
	const char *command; /* program and arguments, between blanks */
	/* ---- the rest is theirs */
	bool running; /* the order, not the question */
	size_t next; /* backend to try */
	const struct backend *active; /* that owes an answer */
	struct devbus_timer *turn;
	struct devbus_error error;
	backends_handler *handler; /* NULL: nobody waits */
	void *userdata;
	struct dbus *dbus; /* of logind's */
	struct devbus_program *program;
};

/*
 * Ask, or order. One at a time: what was begun before is forgotten. @handler is called exactly once, never from inside. After a reboot that
 * is under way it may not be called any more. Returns 0 or a negative errno; then it is not called.
 */
int backends_check(struct backends *backends, backends_handler *handler, void *userdata);
int backends_run(struct backends *backends, backends_handler *handler, void *userdata);

/* No handler is called any more. A program that was started runs on; with backends_cancel() it is killed. */
void backends_stop(struct backends *backends);
void backends_cancel(struct backends *backends);

/* For backends: the answer that was owed; and how to fill in the error, returning @answer. */
void backend_answer(struct backends *backends, enum answer answer);
enum answer backend_say(struct backends *backends, enum answer answer, const char *code, const char *format,
	...) __attribute__((format(printf, 4, 5)));

#endif
