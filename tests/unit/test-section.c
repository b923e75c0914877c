// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A service's section of the device's configuration, as devbus_config() gives it to the service. */
#include "bus-kit.h"
#include <errno.h>
#include <string.h>

#define SECTION "service/config/state/unit"
#define STATUS "service/unit/status"

struct section {
	uint32_t level;
	char mode[8];
};
static const struct devbus_field fields[] = {
	DEVBUS_FIELD(struct section, level, .initial = 3, .max = 10),
	DEVBUS_FIELD(struct section, mode, .initial_text = "auto"),
	{ 0 },
};

static int calls;
static struct section taken;

static void on_section(struct devbus *bus, const void *values, void *userdata)
{
	ck_assert_ptr_eq(bus, kit.bus);
	ck_assert_ptr_eq(userdata, &taken);
	taken = *(const struct section *)values;
	calls++;
}

static void set_up(void)
{
	kit_set_up();
	calls = 0;
}

static void configure(void)
{
	kit_open(0);
	ck_assert_int_eq(devbus_config(kit.bus, fields, sizeof(struct section), on_section, &taken), 0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
}

START_TEST(test_schema_is_published)
{
	configure();
	kit_dispatch();
	kit_settle();
	struct fake_record *record = kit_published("service/unit/state/schema");
	ck_assert(record->retained);
	kit_assert_member(record, "properties.level.maximum", "10");
	ck_assert_int_eq(devbus_config(kit.bus, fields, sizeof(struct section), on_section, NULL), -EALREADY);
	ck_assert_int_eq(calls, 0);
	kit_close();
	kit_open(DEVBUS_CALLER);
	ck_assert_int_eq(devbus_config(kit.bus, fields, sizeof(struct section), on_section, NULL), -EPERM);
}
END_TEST

START_TEST(test_values_are_taken)
{
	configure();
	kit_connect();
	fake_link_deliver_text(SECTION, "{\"values\":{\"level\":7},\"revision\":4}");
	ck_assert_int_eq(calls, 1);
	ck_assert_uint_eq(taken.level, 7);
	ck_assert_str_eq(taken.mode, "auto");
	fake_link_deliver_text(SECTION, "{\"values\":{},\"revision\":5}");
	ck_assert_int_eq(calls, 2);
	ck_assert_uint_eq(taken.level, 3);
	ck_assert_ptr_null(kit_published(STATUS));
}
END_TEST

static const char *const refused[] = {
	"{\"values\":{\"level\":11}}",
	"{\"values\":{\"mode\":\"much too long\"}}",
	"{\"values\":[1]}",
	"{\"revision\":5}", /* no values at all: not a reason to forget those in force */
	"{}",
};

/* As a whole, and said so; what is in force stays. */
START_TEST(test_values_that_do_not_fit)
{
	configure();
	kit_connect();
	fake_link_deliver_text(SECTION, "{\"values\":{\"level\":7}}");
	fake_link_deliver_text(SECTION, refused[_i]);
	ck_assert_int_eq(calls, 1);
	struct fake_record *record = kit_published(STATUS);
	kit_assert_member(record, "state", "degraded");
	ck_assert_ptr_nonnull(strstr(kit_member(record, "reason"), "configuration not taken"));
	fake_link_deliver_text(SECTION, "{\"values\":{\"level\":8}}");
	kit_assert_member(kit_published(STATUS), "state", "online");
	ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(test_not_a_section)
{
	configure();
	kit_connect();
	fake_link_deliver_text(SECTION, "");
	fake_link_deliver_text(SECTION, "nonsense");
	ck_assert_int_eq(calls, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("section");
	TCase *all = tcase_create("section");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_add_test(all, test_schema_is_published);
	tcase_add_test(all, test_values_are_taken);
	tcase_add_loop_test(all, test_values_that_do_not_fit, 0, LENGTH(refused));
	tcase_add_test(all, test_not_a_section);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
