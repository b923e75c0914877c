// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What all unit tests share: TAP on standard output, which automake's driver reads, and nothing else
 * there.
 */
#ifndef DEVBUS_TEST_UNIT_H
#define DEVBUS_TEST_UNIT_H

#include <check.h>
#include <stdlib.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Runs @suite; the result is for main() to return. */
static inline int unit_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	const int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
