// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One ordered reboot from the start of its delay to the end of the device, or to the reason why not. At most one
 * at a time.
 */
#ifndef REBOOT_ORDER_H
#define REBOOT_ORDER_H

#include "alarm.h"
#include "backend.h"
#include "record.h"

enum step {
	STEP_IDLE,
	STEP_WAITING, /* in the delay */
	STEP_ASKING, /* the delay is over; the others are asked for the last time */
	STEP_REBOOTING, /* on disk; the reboot is asked for or about to be */
};

struct order {
	struct devbus *bus;
	int state_dir_fd;
	uint32_t reboot_timeout_s;
	enum step step;
	struct record record; /* of the order; in STEP_IDLE that of the last one, or zero */
	struct devbus_request *request; /* to be answered; NULL: a local call that was answered */
	struct alarm due; /* end of the delay, or of the time for the reboot */
	struct devbus_timer *pace; /* progress */
	bool asking; /* a call to the firmware service is under way: */
	uint64_t call;
	bool settling; /* the last event is on its way out */
	struct backends backends;
};

/* Begins with order->record filled in but for phase and times. On a failure the request is answered. */
void order_start(struct order *order, struct devbus_request *request, uint32_t delay_s);

/* Goes on with order->record as record_decide() says: VERDICT_WAIT, _AGAIN or _EXPECT. @request may be NULL. */
void order_continue(struct order *order, struct devbus_request *request, struct decision decision);

/* Ends it: the record says so first, then the request, if there is one, fails. */
void order_fail(struct order *order, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* How much of the delay is left, in seconds, rounded up. */
uint64_t order_rest_s(const struct order *order);

/* Stops timers and questions without a word. */
void order_drop(struct order *order);

#endif
