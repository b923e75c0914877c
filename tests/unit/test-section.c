// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A service's section of the device's configuration, as devbus_config() gives it to the service. */
#include "bus-kit.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTION "service/config/state/unit"
#define STATUS "service/unit/status"
#define REPORT "service/unit/state/config"
#define SECRETS "service/config/call/secrets"

struct section {
	uint32_t level;
	char mode[8], key[16];
};
static const struct devbus_field fields[] = {
	DEVBUS_FIELD(struct section, level, .initial = 3, .max = 10),
	DEVBUS_FIELD(struct section, mode, .initial_text = "auto"),
	DEVBUS_FIELD(struct section, key, .flags = DEVBUS_SECRET),
	{ 0 },
};

static int calls, answer;
static const char *reason;
static struct section taken;

static int on_section(struct devbus *bus, const void *values, void *userdata)
{
	ck_assert_ptr_eq(userdata, &taken);
	calls++;
	if (reason)
		return devbus_config_refuse(bus, "%s", reason);
	if (answer == 0)
		taken = *(const struct section *)values;
	return answer;
}

static void set_up(void)
{
	kit_set_up();
	calls = answer = 0;
	reason = NULL;
	memset(&taken, 0, sizeof taken);
}

static void configure(void)
{
	kit_open(0);
	ck_assert_int_eq(devbus_config(kit.bus, fields, sizeof(struct section), on_section, &taken), 0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
}

/* A service that is connected, called once with the initial values. */
static void start(void)
{
	configure();
	kit_connect();
	ck_assert_int_eq(calls, 1);
}

/* All that is left of this life is on disk. */
static void restart(void)
{
	kit_kill();
	calls = 0;
	memset(&taken, 0, sizeof taken);
	start();
}

static void section(const char *payload)
{
	fake_link_deliver_text(SECTION, payload);
}

static struct fake_record *report(void)
{
	struct fake_record *last = NULL, *record;

	while ((record = kit_published(REPORT)))
		last = record;
	ck_assert_ptr_nonnull(last);
	return last;
}

static void assert_in_force(uint32_t level, const char *mode)
{
	ck_assert_uint_eq(taken.level, level);
	ck_assert_str_eq(taken.mode, mode);
}

/* ---- at the start */

START_TEST(test_schema_is_published)
{
	configure();
	kit_dispatch();
	kit_settle();
	struct fake_record *record = kit_published("service/unit/state/schema");
	ck_assert(record->retained);
	kit_assert_member(record, "properties.level.maximum", "10");
	kit_assert_member(record, "properties.key.writeOnly", "true");
	ck_assert_int_eq(devbus_config(kit.bus, fields, sizeof(struct section), on_section, NULL), -EALREADY);
	kit_close();
	kit_open(DEVBUS_CALLER);
	ck_assert_int_eq(devbus_config(kit.bus, fields, sizeof(struct section), on_section, NULL), -EPERM);
}
END_TEST

START_TEST(test_initial_values_come_before_the_broker)
{
	configure();
	ck_assert_int_eq(calls, 1);
	assert_in_force(3, "auto");
	kit_dispatch();
	kit_settle();
	kit_assert_member(report(), "values.level", "3");
}
END_TEST

START_TEST(test_last_values_come_before_the_broker)
{
	start();
	section("{\"revision\":4,\"values\":{\"level\":7}}");
	kit_kill();
	calls = 0;
	configure();
	ck_assert_int_eq(calls, 1);
	assert_in_force(7, "auto");
	kit_dispatch();
	kit_settle();
	kit_assert_member(report(), "revision", "4");
}
END_TEST

static const char *const damaged[] = { "", "{\"revision\":4}", "{\"values\":{\"level\":7}}", "[]",
	"{\"revision\":4,\"values\":{\"level\":70}}" };

START_TEST(test_last_values_that_are_no_good)
{
	char path[128];

	start();
	section("{\"revision\":4,\"values\":{\"level\":7}}");
	snprintf(path, sizeof path, "%s/state/unit/section.json", kit.folder);
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	fputs(damaged[_i], file);
	fclose(file);
	restart();
	assert_in_force(3, "auto");
}
END_TEST

START_TEST(test_initial_values_that_the_service_refuses)
{
	kit_open(0);
	answer = -EIO;
	ck_assert_int_eq(devbus_config(kit.bus, fields, sizeof(struct section), on_section, &taken), -EIO);
}
END_TEST

START_TEST(test_required_members_have_no_initial_values)
{
	static const struct devbus_field required[] = {
		DEVBUS_FIELD(struct section, level, .flags = DEVBUS_REQUIRED), { 0 }
	};

	kit_open(0);
	ck_assert_int_eq(devbus_config(kit.bus, required, sizeof(struct section), on_section, &taken), 0);
	ck_assert_int_eq(calls, 0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_connect();
	section("{\"revision\":0,\"values\":{}}");
	ck_assert_int_eq(calls, 0);
	section("{\"revision\":1,\"values\":{\"level\":0}}");
	ck_assert_int_eq(calls, 1);
}
END_TEST

/* ---- changes */

START_TEST(test_values_are_taken)
{
	start();
	section("{\"values\":{\"level\":7},\"revision\":4}");
	ck_assert_int_eq(calls, 2);
	assert_in_force(7, "auto");
	struct fake_record *record = report();
	kit_assert_member(record, "revision", "4");
	kit_assert_member(record, "values", "{\"level\":7,\"mode\":\"auto\"}");
	kit_assert_member(record, "refused", "(absent)");
	section("{\"values\":{},\"revision\":5}");
	ck_assert_int_eq(calls, 3);
	assert_in_force(3, "auto");
	ck_assert_ptr_null(kit_published(STATUS));
}
END_TEST

/* `config` waits for the answer, and it comes whether or not there was anything to do. */
START_TEST(test_values_in_force_are_not_given_again)
{
	start();
	section("{\"values\":{\"level\":7},\"revision\":4}");
	section("{\"values\":{\"level\":7},\"revision\":4}");
	ck_assert_int_eq(calls, 2);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, REPORT), 2);
	section("{\"values\":{\"level\":7},\"revision\":6}");
	ck_assert_int_eq(calls, 2);
	kit_assert_member(report(), "revision", "6");
	restart();
	kit_dispatch();
	assert_in_force(7, "auto");
}
END_TEST

static const struct {
	const char *payload, *message;
} wrong[] = {
	{ "{\"revision\":5,\"values\":{\"level\":11}}", "level: 11 is above 10" },
	{ "{\"revision\":5,\"values\":{\"mode\":\"much too long\"}}", "mode: " },
	{ "{\"revision\":5,\"values\":[1]}", "an object is expected" },
};

/* As a whole, and said so; what is in force stays. */
START_TEST(test_values_that_do_not_fit)
{
	start();
	section("{\"revision\":4,\"values\":{\"level\":7}}");
	section(wrong[_i].payload);
	ck_assert_int_eq(calls, 2);
	struct fake_record *record = kit_published(STATUS);
	kit_assert_member(record, "state", "degraded");
	ck_assert_ptr_nonnull(strstr(kit_member(record, "reason"), "configuration not taken"));
	record = report();
	kit_assert_member(record, "revision", "4");
	kit_assert_member(record, "values.level", "7");
	kit_assert_member(record, "refused.revision", "5");
	kit_assert_member(record, "refused.error.code", "invalid-args");
	ck_assert_ptr_nonnull(strstr(kit_member(record, "refused.error.message"), wrong[_i].message));
	section("{\"revision\":6,\"values\":{\"level\":8}}");
	kit_assert_member(kit_published(STATUS), "state", "online");
	ck_assert_int_eq(calls, 3);
	kit_assert_member(report(), "refused", "(absent)");
}
END_TEST

START_TEST(test_the_service_refuses)
{
	start();
	reason = "there is no such fan";
	section("{\"revision\":4,\"values\":{\"level\":7}}");
	struct fake_record *record = report();
	kit_assert_member(record, "revision", "0");
	kit_assert_member(record, "refused.revision", "4");
	kit_assert_member(record, "refused.error.code", "refused");
	kit_assert_member(record, "refused.error.message", "there is no such fan");
	kit_assert_member(kit_published(STATUS), "state", "degraded");
	reason = NULL;
	answer = -EBUSY;
	section("{\"revision\":5,\"values\":{\"level\":8}}");
	kit_assert_member(report(), "refused.error.message", strerror(EBUSY));
	/* the one before comes back: nothing to do, and nothing wrong any more */
	section("{\"revision\":0,\"values\":{}}");
	ck_assert_int_eq(calls, 3);
	kit_assert_member(report(), "refused", "(absent)");
	assert_in_force(3, "auto");
	answer = 0;
	restart();
	assert_in_force(3, "auto");
}
END_TEST

static const char *const not_sections[] = { "", "nonsense", "{}", "{\"revision\":5}" };

/* Without values: `config` does not know the schema yet. */
START_TEST(test_not_a_section)
{
	start();
	section(not_sections[_i]);
	ck_assert_int_eq(calls, 1);
	ck_assert_ptr_null(kit_published(REPORT));
	ck_assert_ptr_null(kit_published(STATUS));
}
END_TEST

/* ---- secrets */

static void answer_secrets(const char *payload)
{
	struct fake_record *call = fake_link_take(FAKE_PUBLISH, SECRETS);

	ck_assert_ptr_nonnull(call);
	ck_assert_str_eq(call->response_topic, "service/unit/reply/secrets");
	fake_link_deliver(&(struct link_message) { .topic = call->response_topic,
		.payload = payload,
		.payload_size = strlen(payload),
		.correlation = call->correlation,
		.correlation_size = call->correlation_size });
}

START_TEST(test_a_secret_is_asked_for)
{
	start();
	section("{\"revision\":4,\"values\":{\"level\":7,\"key\":\"***\"}}");
	kit_settle();
	ck_assert_int_eq(calls, 1);
	answer_secrets("{\"result\":{\"revision\":4,\"values\":{\"key\":\"hunter2\"}}}");
	ck_assert_int_eq(calls, 2);
	ck_assert_str_eq(taken.key, "hunter2");
	kit_assert_member(report(), "values", "{\"level\":7,\"mode\":\"auto\"}");
	/* known: not asked for again, also after a restart */
	section("{\"revision\":4,\"values\":{\"level\":7,\"key\":\"***\"}}");
	restart();
	ck_assert_str_eq(taken.key, "hunter2");
	section("{\"revision\":4,\"values\":{\"level\":7,\"key\":\"***\"}}");
	kit_settle();
	ck_assert_ptr_null(fake_link_take(FAKE_PUBLISH, SECRETS));
	ck_assert_int_eq(calls, 1);
	section("{\"revision\":5,\"values\":{\"level\":7}}");
	ck_assert_str_eq(taken.key, "");
}
END_TEST

struct port {
	char pin[8];
};
static const struct devbus_field port_fields[] = { DEVBUS_FIELD(struct port, pin, .flags = DEVBUS_SECRET),
	{ 0 } };
struct ports {
	struct devbus_json *ports;
};
static const struct devbus_field ports_fields[] = {
	DEVBUS_FIELD(struct ports, ports, .each = port_fields, .each_size = sizeof(struct port)), { 0 }
};

static int on_ports(struct devbus *bus, const void *values, void *userdata)
{
	char *text = devbus_json_print(((const struct ports *)values)->ports);

	(void)bus;
	snprintf(userdata, 64, "%s", text ? text : "");
	free(text);
	return 0;
}

START_TEST(test_secrets_in_a_map)
{
	char ports[64];

	kit_open(0);
	ck_assert_int_eq(devbus_config(kit.bus, ports_fields, sizeof(struct ports), on_ports, ports), 0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_connect();
	section("{\"revision\":4,\"values\":{\"ports\":{\"a\":{\"pin\":\"***\"},\"b\":{}}}}");
	kit_settle();
	answer_secrets("{\"result\":{\"revision\":4,\"values\":{\"ports\":{\"a\":{\"pin\":\"123\"}}}}}");
	ck_assert_str_eq(ports, "{\"a\":{\"pin\":\"123\"},\"b\":{}}");
	ck_assert_ptr_null(strstr(report()->payload, "123"));
}
END_TEST

START_TEST(test_secrets_of_another_revision_or_none)
{
	start();
	section("{\"revision\":4,\"values\":{\"key\":\"***\"}}");
	kit_settle();
	answer_secrets("{\"result\":{\"revision\":5,\"values\":{\"key\":\"new\"}}}");
	ck_assert_int_eq(calls, 1);
	section("{\"revision\":5,\"values\":{\"key\":\"***\"}}");
	kit_settle();
	answer_secrets("{\"error\":{\"code\":\"internal\",\"message\":\"no\"}}");
	ck_assert_int_eq(calls, 1);
	kit_turn(5000);
	kit_settle();
	answer_secrets("{\"result\":{\"revision\":5,\"values\":{\"key\":\"new\"}}}");
	ck_assert_str_eq(taken.key, "new");
}
END_TEST

START_TEST(test_a_newer_section_while_secrets_are_asked_for)
{
	start();
	section("{\"revision\":4,\"values\":{\"key\":\"***\"}}");
	kit_settle();
	section("{\"revision\":5,\"values\":{\"level\":9}}");
	ck_assert_uint_eq(taken.level, 9);
	answer_secrets("{\"result\":{\"revision\":4,\"values\":{\"key\":\"old\"}}}");
	ck_assert_uint_eq(taken.level, 9);
	ck_assert_str_eq(taken.key, "");
}
END_TEST

START_TEST(test_secrets_are_kept_for_the_owner_alone)
{
	char path[128];
	struct stat status;

	start();
	section("{\"revision\":4,\"values\":{\"level\":7}}");
	snprintf(path, sizeof path, "%s/state/unit/section.json", kit.folder);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
}
END_TEST

static void put_credential(const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "%s/config.key", kit.folder);
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	setenv("CREDENTIALS_DIRECTORY", kit.folder, 1);
}

START_TEST(test_a_secret_from_a_credential)
{
	put_credential("s3cret\n");
	start();
	ck_assert_str_eq(taken.key, "s3cret");
	section("{\"revision\":3,\"values\":{\"level\":7}}");
	ck_assert_str_eq(taken.key, "s3cret");
	ck_assert_ptr_null(strstr(kit_member(report(), "values"), "s3cret"));
	section("{\"revision\":4,\"values\":{\"key\":\"***\"}}");
	kit_settle();
	answer_secrets("{\"result\":{\"revision\":4,\"values\":{\"key\":\"section's\"}}}");
	ck_assert_str_eq(taken.key, "section's");
}
END_TEST

/* Nothing may wait for a section to have it, neither the service nor the schema that `config` checks by. */
START_TEST(test_a_required_secret_from_a_credential)
{
	static const struct devbus_field required[] = {
		DEVBUS_FIELD(struct section, level),
		DEVBUS_FIELD(struct section, key, .flags = DEVBUS_SECRET | DEVBUS_REQUIRED),
		{ 0 },
	};

	put_credential("s3cret\n");
	kit_open(0);
	ck_assert_int_eq(devbus_config(kit.bus, required, sizeof(struct section), on_section, &taken), 0);
	ck_assert_int_eq(calls, 1);
	ck_assert_str_eq(taken.key, "s3cret");
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_dispatch();
	kit_settle();
	kit_assert_member(kit_published("service/unit/state/schema"), "required", "[]");
	section("{\"revision\":3,\"values\":{\"level\":7}}");
	ck_assert_uint_eq(taken.level, 7);
	ck_assert_str_eq(taken.key, "s3cret");
}
END_TEST

START_TEST(test_a_credential_that_does_not_fit)
{
	put_credential("much too long for a key\n");
	kit_open(0);
	ck_assert_int_eq(devbus_config(kit.bus, fields, sizeof(struct section), on_section, &taken), -EINVAL);
	ck_assert_int_eq(calls, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("section");
	TCase *all = tcase_create("section");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_add_test(all, test_schema_is_published);
	tcase_add_test(all, test_initial_values_come_before_the_broker);
	tcase_add_test(all, test_last_values_come_before_the_broker);
	tcase_add_loop_test(all, test_last_values_that_are_no_good, 0, LENGTH(damaged));
	tcase_add_test(all, test_initial_values_that_the_service_refuses);
	tcase_add_test(all, test_required_members_have_no_initial_values);
	tcase_add_test(all, test_values_are_taken);
	tcase_add_test(all, test_values_in_force_are_not_given_again);
	tcase_add_loop_test(all, test_values_that_do_not_fit, 0, LENGTH(wrong));
	tcase_add_test(all, test_the_service_refuses);
	tcase_add_loop_test(all, test_not_a_section, 0, LENGTH(not_sections));
	tcase_add_test(all, test_a_secret_is_asked_for);
	tcase_add_test(all, test_secrets_in_a_map);
	tcase_add_test(all, test_secrets_of_another_revision_or_none);
	tcase_add_test(all, test_a_newer_section_while_secrets_are_asked_for);
	tcase_add_test(all, test_secrets_are_kept_for_the_owner_alone);
	tcase_add_test(all, test_a_secret_from_a_credential);
	tcase_add_test(all, test_a_required_secret_from_a_credential);
	tcase_add_test(all, test_a_credential_that_does_not_fit);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
