// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which tokens the translator for Azure believes. */
#include "../../services/azure/sources.h"
#include "unit.h"

static struct sources sources;

static void tear_down(void)
{
	sources_forget(&sources, NULL);
	ck_assert_uint_eq(sources.count, 0);
}

START_TEST(test_first_generation_is_not_believed)
{
	ck_assert(!sources_believe(&sources, "a", "0123456789abcdef:1"));
	ck_assert(!sources_believe(&sources, "a", "0123456789abcdef:2"));
	ck_assert(!sources_believe(&sources, "b", "0123456789abcdee:1"));
	ck_assert(sources_believe(&sources, "a", "0123456789abcdee:1"));
	ck_assert(sources_believe(&sources, "a", "0123456789abcdee:2"));
	ck_assert(!sources_believe(&sources, "b", "0123456789abcdee:3"));
	ck_assert(sources_believe(&sources, "b", "0123456789abcde:3"));
}
END_TEST

START_TEST(test_loss_begins_anew)
{
	for (int i = 0; i < 2; i++) {
		sources_forget(&sources, i == 0 ? "nobody" : NULL);
		ck_assert(!sources_believe(&sources, "a", "1:1"));
		ck_assert(!sources_believe(&sources, "b", "1:1"));
		ck_assert(sources_believe(&sources, "a", "2:1"));
		sources_forget(&sources, "a");
		ck_assert(!sources_believe(&sources, "a", "2:2"));
		ck_assert(!sources_believe(&sources, "b", "1:2"));
		ck_assert(sources_believe(&sources, "a", "3:1") && sources_believe(&sources, "b", "3:1"));
	}
}
END_TEST

static const char *const of_memory[] = { "0123456789abcdef:p1", "0123456789abcdef:r1", "", "x", ":",
	"1:", "0123456789abcdef0:1" };

/* They stand for nothing that could be sent again, or are none. */
START_TEST(test_other_tokens_pass)
{
	ck_assert(sources_believe(&sources, "a", of_memory[_i]));
	ck_assert_uint_eq(sources.count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("azure-sources");
	TCase *tcase = tcase_create("azure-sources");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, test_first_generation_is_not_believed);
	tcase_add_test(tcase, test_loss_begins_anew);
	tcase_add_loop_test(tcase, test_other_tokens_pass, 0, LENGTH(of_memory));
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
