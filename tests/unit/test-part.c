// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Only a module beside the program, of its version, is a part of it. */
#include "../../services/part/part.h"
#include "unit.h"

#include <errno.h>
#include <stddef.h>

static const struct {
	const char *file;
	int result;
} files[] = {
	{ "part-of-this-version.so", 0 }, { "part-of-old-version.so", -ELIBACC },
	{ "no-such-part.so", -ELIBACC },
	{ "libc.so.6", -ELIBACC }, /* the system has it, and it is not beside the program */
};

START_TEST(test_load)
{
	const struct part *part = NULL;
	ck_assert_int_eq(part_load(files[_i].file, &part), files[_i].result);
	ck_assert_int_eq(part != NULL, files[_i].result == 0);
}
END_TEST

START_TEST(test_load_again)
{
	const struct part *first = NULL, *second = NULL;
	ck_assert_int_eq(part_load(files[0].file, &first), 0);
	ck_assert_int_eq(part_load(files[0].file, &second), 0);
	ck_assert_ptr_eq(first, second);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("part");
	TCase *tcase = tcase_create("part");
	tcase_add_loop_test(tcase, test_load, 0, LENGTH(files));
	tcase_add_test(tcase, test_load_again);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
