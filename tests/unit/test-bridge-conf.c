// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The bridge's file as it is written by devbus-provision, by hand, and by somebody who means no good. */
#include "../../services/reach/bridge-conf.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct bridge_conf conf;
static char trouble[BRIDGE_CONF_TROUBLE_SIZE];

static int parse(const char *text)
{
	return bridge_conf_parse(text, strlen(text), &conf, trouble);
}

START_TEST(test_all_that_is_used)
{
	ck_assert_int_eq(parse("# a comment\n"
			       "connection cloud\n"
			       "address  one.example:8883 two.example\n"
			       "remote_clientid d1\r\n"
			       "remote_username u s e r\n"
			       "remote_password #p ass \n"
			       "bridge_cafile /a b/ca.pem\n"
			       "bridge_capath /certs\n"
			       "bridge_certfile c.pem\n"
			       "bridge_keyfile k.pem\n"
			       "bridge_alpn x-amzn-mqtt-ca\n"
			       "bridge_insecure true\n"
			       "try_private false\n"
			       "bridge_protocol_version mqttv31\n"
			       "keepalive_interval 30\n"
			       "\n"
			       "topic # in 1 cloud/command/ d/command/\n"
			       "topic a/b\n"
			       "topic x both 0 \"\" \"\""),
		0);
	ck_assert_int_eq(conf.address_count, 2);
	ck_assert_str_eq(conf.addresses[0].host, "one.example");
	ck_assert_str_eq(conf.addresses[0].port, "8883");
	ck_assert_str_eq(conf.addresses[1].host, "two.example");
	ck_assert_str_eq(conf.addresses[1].port, "1883");
	ck_assert_str_eq(conf.client_id, "d1");
	ck_assert_str_eq(conf.user, "u s e r");
	ck_assert_str_eq(conf.password, "#p ass ");
	ck_assert_str_eq(conf.cafile, "/a b/ca.pem");
	ck_assert_str_eq(conf.capath, "/certs");
	ck_assert_str_eq(conf.certfile, "c.pem");
	ck_assert_str_eq(conf.keyfile, "k.pem");
	ck_assert_str_eq(conf.alpn, "x-amzn-mqtt-ca");
	ck_assert_str_eq(conf.version, "mqttv31");
	ck_assert(conf.insecure && !conf.private_bit && bridge_conf_has_tls(&conf));
	ck_assert_int_eq(conf.topic_count, 3);
	ck_assert_int_eq(conf.topics[0].direction, BRIDGE_IN);
	ck_assert_str_eq(conf.topics[0].pattern, "#");
	ck_assert_str_eq(conf.topics[0].remote, "d/command/");
	ck_assert_int_eq(conf.topics[1].direction, BRIDGE_OUT);
	ck_assert_str_eq(conf.topics[1].remote, "");
	ck_assert_int_eq(conf.topics[2].direction, BRIDGE_BOTH);
	ck_assert_str_eq(conf.topics[2].remote, "");
}
END_TEST

START_TEST(test_defaults_are_those_of_mosquitto)
{
	ck_assert_int_eq(parse("connection c\naddress h"), 0);
	ck_assert_str_eq(conf.version, "mqttv311");
	ck_assert(conf.private_bit && !conf.insecure && !bridge_conf_has_tls(&conf));
}
END_TEST

#define GOOD "connection c\naddress h:1\n"

static const struct {
	const char *text, *says;
} refused[] = {
	{ "", "no connection" },
	{ "connection c\n", "no address" },
	{ GOOD "connection d\n", "more than one connection" },
	{ GOOD "addresses h:2\n", "line 3: addresses: there is another line" },
	{ "connection c\naddress\n", "line 2: address: the value is missing" },
	{ "connection c\naddress   \n", "line 2: address: the value is missing" },
	{ "connection c\naddress h:\n", "write HOST:PORT" },
	{ "connection c\naddress :1\n", "write HOST:PORT" },
	{ "connection c\naddress h:0\n", "write HOST:PORT" },
	{ "connection c\naddress h:65536\n", "write HOST:PORT" },
	{ "connection c\naddress h:+1\n", "write HOST:PORT" },
	{ "connection c\naddress h:000001\n", "write HOST:PORT" },
	{ "connection c\naddress a b c d e f g h i\n", "too many addresses" },
	{ GOOD "try_private perhaps\n", "line 3: try_private: write true or false" },
	{ GOOD "try_private\n", "line 3: try_private: write true or false" },
	{ GOOD "remote_password\n", "line 3: remote_password: the value is missing" },
	{ GOOD "bridge_certfile c\n", "go together" },
	{ GOOD "bridge_keyfile k\n", "go together" },
	{ GOOD "topic\n", "write topic PATTERN" },
	{ GOOD "topic # sideways\n", "write topic PATTERN" },
};

START_TEST(test_refused)
{
	ck_assert_int_eq(parse(refused[_i].text), -EINVAL);
	ck_assert_msg(strstr(trouble, refused[_i].says) != NULL, "%s", trouble);
}
END_TEST

/* ---- those who mean no good */

static char big[BRIDGE_CONF_LIMIT_BYTES];

static int parse_repeated(const char *before, const char *unit, int times)
{
	size_t used = (size_t)snprintf(big, sizeof big, "%s", before);

	while (times-- > 0 && used < sizeof big)
		used += (size_t)snprintf(big + used, sizeof big - used, "%s", unit);
	return parse(big);
}

START_TEST(test_long_values)
{
	static const char *const keys[] = { "remote_clientid ", "remote_username ", "remote_password ",
		"bridge_cafile ", "bridge_alpn ", "address ", "topic ", "topic # in 1 x ",
		"bridge_protocol_version " };
	char before[128];

	for (int i = 0; i < LENGTH(keys); i++) {
		snprintf(before, sizeof before, "connection c\n%s", keys[i]);
		for (int length = 250; length < 2100; length++) {
			int r = parse_repeated(before, "x", length);

			ck_assert(r == 0 || r == -EINVAL);
			ck_assert_ptr_nonnull(memchr(conf.password, '\0', sizeof conf.password));
		}
	}
	ck_assert_int_eq(parse_repeated(GOOD "remote_password ", "x", BRIDGE_CONF_TEXT_SIZE - 1), 0);
	ck_assert_int_eq(parse_repeated(GOOD "remote_password ", "x", BRIDGE_CONF_TEXT_SIZE), -EINVAL);
	ck_assert_int_eq(parse_repeated(GOOD "topic ", "x", 255), 0);
	ck_assert_int_eq(parse_repeated(GOOD "topic ", "x", 256), -EINVAL);
}
END_TEST

START_TEST(test_many_topics)
{
	ck_assert_int_eq(parse_repeated(GOOD, "topic # in\n", BRIDGE_CONF_TOPICS_MAX), 0);
	ck_assert_int_eq(parse_repeated(GOOD, "topic # in\n", BRIDGE_CONF_TOPICS_MAX + 1), -EINVAL);
}
END_TEST

START_TEST(test_secret_is_in_no_message)
{
	static const char secret[] = "s3cr3t";
	char text[4096];

	for (int filler = 0; filler < 3000; filler += 7) {
		snprintf(text, sizeof text, GOOD "remote_password %0*d%s\nremote_password\n", filler, 0,
			secret);
		ck_assert_int_eq(parse(text), -EINVAL);
		ck_assert_ptr_null(strstr(trouble, secret));
	}
}
END_TEST

/* Every single byte of a good file replaced by others, and the file cut at every place: read or refused, and never beyond its end. */
START_TEST(test_damaged)
{
	static const char good[] = "connection cloud\naddress one.example:8883\nremote_password x\n"
				   "topic # in 1 cloud/ \"\"\ntry_private false\nbridge_cafile /ca\n";
	static const char bytes[] = { '\0', '\n', '\r', ' ', '\t', '#', ':', '"', '\x7f', '\xff' };

	for (size_t cut = 0; cut < sizeof good; cut++) {
		char *text = malloc(cut + 1);

		memcpy(text, good, cut);
		bridge_conf_parse(text, cut, &conf, trouble);
		for (size_t i = 0; cut == sizeof good - 1 && i < cut * sizeof bytes; i++) {
			char before = text[i / sizeof bytes];

			text[i / sizeof bytes] = bytes[i % sizeof bytes];
			bridge_conf_parse(text, cut, &conf, trouble);
			text[i / sizeof bytes] = before;
		}
		free(text);
	}
	ck_assert_int_eq(parse(good), 0);
	ck_assert_int_eq(bridge_conf_parse("connection c\naddress h\0:1\n", 25, &conf, trouble), -EINVAL);
	ck_assert_ptr_nonnull(strstr(trouble, "byte 0"));
}
END_TEST

START_TEST(test_files)
{
	char path[] = "bridge-conf-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	fputs(GOOD, file);
	fflush(file);
	ck_assert_int_eq(bridge_conf_read(path, &conf, trouble), 0);
	for (int i = 0; i < BRIDGE_CONF_LIMIT_BYTES; i++)
		fputc('#', file);
	fclose(file);
	ck_assert_int_eq(bridge_conf_read(path, &conf, trouble), -EFBIG);
	unlink(path);
	ck_assert_int_eq(bridge_conf_read(path, &conf, trouble), -ENOENT);
	ck_assert_int_eq(strncmp(trouble, path, strlen(path)), 0);
	ck_assert_int_eq(bridge_conf_read("/", &conf, trouble), -EISDIR);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bridge-conf");
	TCase *tcase = tcase_create("bridge-conf");

	tcase_add_test(tcase, test_all_that_is_used);
	tcase_add_test(tcase, test_defaults_are_those_of_mosquitto);
	tcase_add_loop_test(tcase, test_refused, 0, LENGTH(refused));
	tcase_add_test(tcase, test_long_values);
	tcase_add_test(tcase, test_many_topics);
	tcase_add_test(tcase, test_secret_is_in_no_message);
	tcase_add_test(tcase, test_damaged);
	tcase_add_test(tcase, test_files);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
