// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * devbus-cloud-test: why does the bridge not connect? Goes the bridge's way with the bridge's own configuration and says where it
 * ends. The secrets come from that file and go to the cloud only.
 */
#include "session.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DONE = 0, NOT_DONE = 1, USAGE = 2 };

#define TIMEOUT_MAX_S 600

struct settings {
	unsigned timeout_s;
	bool as_device;
};

static void help(void)
{
	printf("usage: devbus-cloud-test [OPTIONS] BRIDGE.CONF\n"
	       "Goes the way to the cloud that the bridge of Mosquitto goes with the file BRIDGE.CONF,\n"
	       "and says how far it leads and what has to be mended.\n\n"
	       "  --timeout S   seconds that each step may take, 1 to %d [10]\n"
	       "  --as-device   connect with the device's own client id in place of one with -test\n"
	       "                behind it. The cloud throws out a bridge that is connected meanwhile\n"
	       "  --help        this text\n"
	       "  --version     the version\n\n"
	       "Exit status: 0 the way is open, 1 it is not, 2 wrong options or no such file.\n",
		TIMEOUT_MAX_S);
}

static int usage(const char *what)
{
	fprintf(stderr, "devbus-cloud-test: %s; see --help\n", what);
	return USAGE;
}

static bool read_timeout(const char *text, unsigned *ret_timeout_s)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || number < 1 || number > TIMEOUT_MAX_S)
		return false;
	*ret_timeout_s = (unsigned)number;
	return true;
}

/* Returns -1 to go on, or the exit status. */
static int read_options(int argc, char *argv[], struct settings *settings)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "as-device", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			help();
			return DONE;
		}
		if (option == 'v') {
			printf("devbus-cloud-test " DEVBUS_VERSION "\n");
			return DONE;
		}
		if (option == 'd')
			settings->as_device = true;
		else if (option != 't')
			return USAGE; /* getopt_long() has said why */
		else if (!read_timeout(optarg, &settings->timeout_s))
			return usage("--timeout: give whole seconds, 1 to 600");
	}
	return -1;
}

/* ---- the steps */

static int step_resolve(struct session *session)
{
	return reach_resolve(session->reach);
}

static int step_connect(struct session *session)
{
	return reach_connect(session->reach);
}

static int step_secure(struct session *session)
{
	return reach_secure(session->reach);
}

static const struct step {
	const char *name;
	int (*run)(struct session *session);
} steps[] = {
	{ "name", step_resolve },
	{ "TCP", step_connect },
	{ "TLS", step_secure },
	{ "MQTT", session_connect },
	{ "topics", session_subscribe },
	{ "echo", session_echo },
};

static bool run_step(const struct step *step, struct session *session)
{
	int64_t began_ms = reach_now_ms();
	int r;

	session->reach->trouble[0] = session->reach->found[0] = '\0';
	r = step->run(session);
	printf("%-8s %6lld ms  %s\n", step->name, (long long)(reach_now_ms() - began_ms),
		r < 0 ? "failed" : session->reach->found);
	fflush(stdout);
	return r == 0;
}

/* One address. The last line is the verdict. */
static bool test(struct session *session, const struct bridge_address *address)
{
	bool good = true;

	reach_choose(session->reach, address);
	printf("%s:%s\n", address->host, address->port);
	for (size_t i = 0; good && i < sizeof steps / sizeof *steps; i++)
		good = run_step(&steps[i], session);
	if (good)
		printf("ok: the way to %s:%s is open\n", address->host, address->port);
	else
		printf("failed: %s\n", session->reach->trouble);
	session_end(session);
	return good;
}

static int test_all(const struct bridge_conf *conf, const struct settings *settings)
{
	static struct session session;
	struct reach reach;
	int failed = 0;

	reach_begin(&reach, conf, settings->timeout_s * 1000);
	session = (struct session) { .reach = &reach, .as_device = settings->as_device };
	for (int i = 0; i < conf->address_count; i++)
		failed += !test(&session, &conf->addresses[i]);
	reach_end(&reach);
	if (failed && conf->address_count > 1)
		printf("failed: %d of %d addresses, as said above\n", failed, conf->address_count);
	return failed ? NOT_DONE : DONE;
}

int main(int argc, char *argv[])
{
	static struct bridge_conf conf;
	char trouble[BRIDGE_CONF_TROUBLE_SIZE];
	struct settings settings = { .timeout_s = 10 };
	int result = read_options(argc, argv, &settings);

	if (result >= 0)
		return result;
	if (optind != argc - 1)
		return usage("give one file, such as /etc/devbus/cloud.conf");
	if (bridge_conf_read(argv[optind], &conf, trouble) < 0)
		return usage(trouble);
	signal(SIGPIPE, SIG_IGN);
	result = test_all(&conf, &settings);
	explicit_bzero(&conf, sizeof conf);
	return fflush(stdout) == 0 ? result : NOT_DONE;
}
