// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which tokens an answer of the hub proves, and when it is asked. */
#include "../../services/azure/barrier.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTERVAL_MS = 2000 };

static struct barrier barrier;
static char question[BARRIER_QUESTION_SIZE];

static void set_up(void)
{
	barrier_begin(&barrier, 0x1234, INTERVAL_MS);
}

static void tear_down(void)
{
	barrier_clear(&barrier);
	ck_assert_uint_eq(barrier.count, 0);
}

static void add(const char *service, const char *text)
{
	ck_assert_int_eq(barrier_add(&barrier, service, text, strlen(text)), 0);
}

/* What is proven by the answer to @what, as "service text,service text,". */
static const char *answer(const char *what)
{
	static char proven[256];
	struct barrier_token *next;

	proven[0] = '\0';
	for (struct barrier_token *token = barrier_answered(&barrier, what); token; token = next) {
		size_t used = strlen(proven);

		next = token->next;
		snprintf(proven + used, sizeof proven - used, "%s %s,", token->service, token->text);
		free(token);
	}
	return proven;
}

START_TEST(test_one_question_for_all_before_it)
{
	ck_assert_int_eq((int)barrier_due_ms(&barrier, 0), -1);
	add("sensor", "g:1");
	add("bridge", "h:p1");
	ck_assert_int_eq((int)barrier_due_ms(&barrier, 0), 0);
	barrier_ask(&barrier, 0, question);
	ck_assert_str_eq(question, "0000000000001234-1");
	ck_assert_int_eq((int)barrier_due_ms(&barrier, 0), -1);
	add("sensor", "g:2"); /* after the question: what it stands for may be behind it */
	ck_assert_str_eq(answer(question), "sensor g:1,bridge h:p1,");
	ck_assert_str_eq(answer(question), "");
	ck_assert_uint_eq(barrier.count, 1);
	ck_assert_int_eq((int)barrier_due_ms(&barrier, 500), INTERVAL_MS - 500);
	ck_assert_int_eq((int)barrier_due_ms(&barrier, INTERVAL_MS), 0);
	barrier_ask(&barrier, INTERVAL_MS, question);
	ck_assert_str_eq(answer("0000000000001234-2&$version=7"), "sensor g:2,");
}
END_TEST

static const char *const not_proving[] = {
	"",
	"0000000000001234",
	"0000000000001234-",
	"0000000000001234-0",
	"0000000000001234-2",
	"0000000000001235-1",
	"-1",
	"x",
};

START_TEST(test_answers_that_prove_nothing)
{
	add("sensor", "g:1");
	barrier_ask(&barrier, 0, question);
	ck_assert_str_eq(answer(not_proving[_i]), "");
	ck_assert_str_eq(answer(question), "sensor g:1,");
}
END_TEST

START_TEST(test_question_without_an_answer)
{
	add("sensor", "g:1");
	barrier_ask(&barrier, 0, question);
	add("sensor", "g:1"); /* the library sends it again */
	ck_assert_uint_eq(barrier.count, 1);
	ck_assert_int_eq((int)barrier_due_ms(&barrier, 4000), 6000);
	ck_assert_str_eq(answer(question), ""); /* it is behind the next question now */
	ck_assert_int_eq((int)barrier_due_ms(&barrier, 4000), 0);
	barrier_ask(&barrier, 4000, question);
	barrier_ask(&barrier, 20000, question); /* a later answer stands for the earlier ones */
	ck_assert_str_eq(answer(question), "sensor g:1,");
	ck_assert_str_eq(answer("0000000000001234-2"), "");
}
END_TEST

START_TEST(test_same_text_of_two_services)
{
	add("a", "g:1");
	add("b", "g:1");
	add("a", "g:1");
	barrier_ask(&barrier, 0, question);
	ck_assert_str_eq(answer(question), "b g:1,a g:1,");
}
END_TEST

START_TEST(test_bounds)
{
	static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890123";
	static const char zeros[2];
	char text[BARRIER_TOKEN_SIZE];

	ck_assert_int_eq(barrier_add(&barrier, "a", longest, BARRIER_TOKEN_SIZE), -EINVAL);
	ck_assert_int_eq(barrier_add(&barrier, "a", zeros, sizeof zeros), -EINVAL);
	ck_assert_int_eq(barrier_add(&barrier, "a", longest, BARRIER_TOKEN_SIZE - 1), 0);
	for (int i = 0; i < BARRIER_TOKENS_MAX; i++) {
		snprintf(text, sizeof text, "g:%d", i);
		add("sensor", text);
	}
	ck_assert_uint_eq(barrier.count, BARRIER_TOKENS_MAX);
	ck_assert_str_eq(barrier.first->text, "g:0"); /* the oldest has gone */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("barrier");
	TCase *tcase = tcase_create("barrier");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_one_question_for_all_before_it);
	tcase_add_loop_test(tcase, test_answers_that_prove_nothing, 0, LENGTH(not_proving));
	tcase_add_test(tcase, test_question_without_an_answer);
	tcase_add_test(tcase, test_same_text_of_two_services);
	tcase_add_test(tcase, test_bounds);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
