// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A name server that gives no answer: the functions of netdb.h are replaced here, since a real one cannot be made to hang at will, and what a
 * question leaves behind is counted.
 */
#include "../../services/reach/reach.h"
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 5, QUESTIONS_MAX = 64 };

static struct gaicb *under_way[QUESTIONS_MAX];
static int asked, waiting, answers; /* given, and not freed again */

int getaddrinfo_a(int mode, struct gaicb *list[], int count, struct sigevent *event)
{
	(void)mode, (void)event;
	ck_assert_int_eq(count, 1);
	ck_assert_int_lt(waiting, QUESTIONS_MAX);
	under_way[waiting++] = list[0];
	asked++;
	return 0;
}

int gai_error(struct gaicb *request)
{
	for (int i = 0; i < waiting; i++)
		if (under_way[i] == request)
			return EAI_INPROGRESS;
	return request->ar_result ? 0 : EAI_NONAME;
}

int gai_suspend(const struct gaicb *const list[], int count, const struct timespec *timeout)
{
	(void)list, (void)count;
	nanosleep(timeout, NULL);
	return EAI_AGAIN;
}

void freeaddrinfo(struct addrinfo *list)
{
	answers--;
	free(list);
}

/* To all that wait. */
static void answer(bool known)
{
	while (waiting > 0) {
		struct {
			struct addrinfo info;
			struct sockaddr_in address;
		} *found = known ? calloc(1, sizeof *found) : NULL;

		if (found) {
			found->address.sin_family = AF_INET;
			found->info.ai_addr = (struct sockaddr *)&found->address;
			found->info.ai_addrlen = sizeof found->address;
			answers++;
		}
		under_way[--waiting]->ar_result = found ? &found->info : NULL;
	}
}

static const struct bridge_address addresses[] = { { "a.example", "8883" }, { "b.example", "8883" } };
static const struct bridge_conf conf;
static struct reach reach;

static void set_up(void)
{
	asked = 0;
	reach_begin(&reach, &conf, TIMEOUT_MS);
}

static void tear_down(void)
{
	answer(false);
	reach_end(&reach);
	ck_assert_int_eq(answers, 0);
}

static int resolve(int which)
{
	reach_choose(&reach, &addresses[which]);
	return reach_resolve(&reach);
}

START_TEST(test_nobody_is_asked_twice_at_a_time)
{
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(resolve(i % 2), -ETIMEDOUT);
		ck_assert_ptr_nonnull(strstr(reach.trouble, "DNS gives no answer"));
	}
	ck_assert_int_eq(asked, 2);
}
END_TEST

START_TEST(test_late_answers_are_freed)
{
	resolve(0);
	resolve(1);
	answer(true);
	ck_assert_int_eq(resolve(0), -ETIMEDOUT); /* may have changed since */
	ck_assert_int_eq(answers, 0);
	ck_assert_int_eq(asked, 3);
}
END_TEST

START_TEST(test_name_that_is_not_known)
{
	resolve(0);
	answer(false);
	ck_assert_int_eq(resolve(1), -ETIMEDOUT);
	ck_assert_int_eq(asked, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reach");
	TCase *tcase = tcase_create("reach");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_nobody_is_asked_twice_at_a_time);
	tcase_add_test(tcase, test_late_answers_are_freed);
	tcase_add_test(tcase, test_name_that_is_not_known);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
