// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One ordered reboot from the start of its delay to the end of the device, or to the reason why not. At most one
 * at a time.
 */
#ifndef REBOOT_ORDER_H
#define REBOOT_ORDER_H

#include "record.h"

struct order_settings {
	char command[1024];
	char boot_id_file[256];
	uint32_t reboot_timeout_s;
};

enum step {
	STEP_IDLE,
	STEP_WAITING, /* in the delay */
	STEP_ASKING, /* the delay is over; the firmware service is asked for the last time */
	STEP_REBOOTING, /* on disk; the command is run or about to be */
};

struct order {
	struct devbus *bus;
	const struct order_settings *settings;
	int state_dir_fd;
	enum step step;
	struct record record; /* of the order; meaningless in STEP_IDLE */
	struct devbus_request *request; /* to be answered; NULL: a local call that was answered */
	struct devbus_timer *due; /* end of the delay, or of the time for the reboot */
	struct devbus_timer *pace; /* progress, and looking after the command */
	bool asking; /* a call to the firmware service is under way: */
	uint64_t call;
	struct program *program;
};

/* Begins with order->record filled in but for phase and times. On a failure the request is answered. */
void order_start(struct order *order, struct devbus_request *request, uint32_t delay_s);

/* Goes on with order->record as record_decide() says: VERDICT_WAIT or VERDICT_EXPECT. @request may be NULL. */
void order_continue(struct order *order, struct devbus_request *request, struct decision decision);

/* Ends it: the record goes first, then the request, if there is one, fails. */
void order_fail(struct order *order, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Stops timers and calls without a word. */
void order_drop(struct order *order);

#endif
