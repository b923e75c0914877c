// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A bus that runs in the test's hand: fake link, fake clock, folders of its own. Functions that fail, fail the test. Each test has
 * the process to itself (Check forks), so there is one kit.
 */
#ifndef DEVBUS_TEST_BUS_KIT_H
#define DEVBUS_TEST_BUS_KIT_H

#include "bus.h"
#include "fake-clock.h"
#include "fake-link.h"
#include "unit.h"

struct kit {
	char folder[64]; /* temporary, with config/ and state/ in it */
	struct fake_clock time;
	struct devbus *bus; /* NULL: not open */
};
extern struct kit kit;

/* Fixtures: folders, environment and clock, and all of it gone. The bus is named "unit". */
void kit_set_up(void);
void kit_tear_down(void); /* closes the bus, if it is open */

/* Opens with fake parts; 0 or a negative errno. */
int kit_try_open(const struct devbus_options *options);
void kit_open(unsigned flags);
void kit_close(void); /* as with a broker that acknowledges */
void kit_kill(void); /* as kill -9 does: no good-bye, nothing is sent any more */

/* Connects, and takes all records: the state after a quiet start. */
void kit_connect(void);

/* As after the first token that came back: the windows of bridge-window.h are wide. kit_connect() does it. */
void kit_bridge_works(void);
void kit_start(void); /* open, ready, connect */
void kit_dispatch(void);
void kit_turn(int64_t ms); /* turns the clocks and dispatches */
void kit_settle(void); /* until nothing is left to finish, send, acknowledge or echo through the bridge */

/* The bridge and the cloud behind it: tokens that are on their way come back (protocol 6.5). */
void kit_echo_tokens(void);

/* A setting of the library, for the next open. */
void kit_setting(const char *key, const char *value);

/*
 * The member at @path ("error.code") of the payload, as JSON text without the quotes of a string; "(absent)" when it is not there,
 * "(nothing)" when @record is NULL. Good until the next four calls.
 */
const char *kit_member(const struct fake_record *record, const char *path);
#define kit_assert_member(record, path, text) ck_assert_str_eq(kit_member(record, path), text)

/* The next publish on @topic that was not taken yet; NULL: none. */
struct fake_record *kit_published(const char *topic);

#endif
