// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* devbus_main(): its options, and what the program ends with. Each case is a process of its own, with no broker near. */
#include "bus-kit.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STARTS, QUITS, FAILS, FAILS_LATE };

static int behaviour, started;

static void note(const char *text)
{
	require(write(STDOUT_FILENO, text, strlen(text)) > 0);
}

static int on_start(struct devbus *bus, void **ret_service)
{
	note("start ");
	if (behaviour == FAILS)
		return -ENOTDIR;
	*ret_service = &started;
	if (behaviour == QUITS)
		devbus_quit(bus);
	return behaviour == FAILS_LATE ? -ENOTDIR : 0;
}

static void on_stop(void *service)
{
	note(service == &started ? "stop" : "stop-nothing");
}

static struct devbus_service service = { .name = "unit",
	.version = "7.1",
	.summary = "Does nothing at all.",
	.start = on_start,
	.stop = on_stop };

/* A port of ours where nobody listens. */
static void set_broker(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[32];

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(address.sin_port));
	setenv("DEVBUS_BROKER", text, 1);
}

static void set_up(void)
{
	kit_set_up();
	set_broker();
}

struct run {
	pid_t pid;
	int out, err;
};

static struct run run_main(char **argv)
{
	int argc = 0, out[2], err[2];
	struct run run;

	ck_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
	run = (struct run) { fork(), out[0], err[0] };
	if (run.pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		while (argv[argc])
			argc++;
		exit(devbus_main(argc, argv, &service));
	}
	close(out[1]);
	close(err[1]);
	return run;
}

static void read_all(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
		length += (size_t)got;
	text[length] = '\0';
	close(fd);
}

/* What it returned, and what it wrote. */
static int finish(struct run run, char out[2048], char err[2048])
{
	int status;

	read_all(run.out, out, 2048);
	read_all(run.err, err, 2048);
	ck_assert_int_eq(waitpid(run.pid, &status, 0), run.pid);
	ck_assert_msg(WIFEXITED(status), "status %x: %s", (unsigned)status, err);
	return WEXITSTATUS(status);
}

static const struct {
	const char *arguments[3];
	int status;
	const char *out, *err; /* what is in it; "": nothing */
} options[] = {
	{ { "--help" }, 0, "Does nothing at all.", "" },
	{ { "--help" }, 0, "Usage: program [OPTION]", "" },
	{ { "--help" }, 0, "devbus.d/unit.conf", "" },
	{ { "--help", "more" }, 0, "--config-dir DIR", "" },
	{ { "--version" }, 0, "program 7.1\n", "" },
	{ { "--config-dir" }, 2, "", "--config-dir" },
	{ { "--config-dir", "" }, 1, "", "the configuration folder : No such file" },
	{ { "--config-dir", "/" }, 0, "start stop", "" },
	{ { "--unknown" }, 2, "", "--unknown" },
	{ { "-x" }, 2, "", "x" },
	{ { "more" }, 2, "", "unexpected argument more" },
	{ { "--", "more" }, 2, "", "unexpected argument more" },
	{ { "--config-dir", "/nowhere/at/all", "more" }, 2, "", "unexpected argument more" },
	{ { "--config-dir", "/nowhere/at/all" }, 1, "", "/nowhere/at/all" },
	{ { NULL }, 0, "start stop", "" },
};

static void assert_holds(const char *text, const char *part)
{
	ck_assert_msg(part[0] ? strstr(text, part) != NULL : !text[0], "\"%s\" in \"%s\"", part, text);
}

START_TEST(test_options)
{
	char *argv[5] = { (char *)"/some/where/program" }, out[2048], err[2048];

	behaviour = QUITS;
	for (int i = 0; i < 3; i++)
		argv[1 + i] = (char *)options[_i].arguments[i];
	ck_assert_int_eq(finish(run_main(argv), out, err), options[_i].status);
	assert_holds(out, options[_i].out);
	assert_holds(err, options[_i].err);
}
END_TEST

static const struct {
	int behaviour, status;
	bool stop;
	const char *out, *err;
} runs[] = {
	{ QUITS, 0, true, "start stop", "" },
	{ QUITS, 0, false, "start ", "" },
	{ FAILS, 1, true, "start stop-nothing", "program: Not a directory\n" },
	{ FAILS, 1, false, "start ", "program: Not a directory\n" },
	{ FAILS_LATE, 1, true, "start stop", "program: Not a directory\n" },
};

START_TEST(test_runs)
{
	char *argv[] = { (char *)"program", NULL }, out[2048], err[2048];

	behaviour = runs[_i].behaviour;
	service.stop = runs[_i].stop ? on_stop : NULL;
	ck_assert_int_eq(finish(run_main(argv), out, err), runs[_i].status);
	ck_assert_str_eq(out, runs[_i].out);
	ck_assert_str_eq(err, runs[_i].err);
}
END_TEST

static const int signals[] = { SIGTERM, SIGINT };

START_TEST(test_ended_by_a_signal)
{
	char *argv[] = { (char *)"program", NULL }, out[2048], err[2048], byte;
	struct run run;

	setenv("DEVBUS_LOG", "warning", 1);
	run = run_main(argv);
	do /* that it tries again is said from the loop: signals are taken over by then */
		ck_assert_int_eq(read(run.err, &byte, 1), 1);
	while (byte != '\n');
	kill(run.pid, signals[_i]);
	ck_assert_int_eq(finish(run, out, err), 0);
	ck_assert_str_eq(out, "start stop");
}
END_TEST

static const struct {
	const char *variable, *value;
	bool locked;
	const char *err;
} refusals[] = {
	{ "DEVBUS_BROKER", "nowhere", false, "HOST:PORT" },
	{ "DEVBUS_STATE_DIR", "/dev/null/x", false, "state_dir" },
	{ "DEVBUS_KEEPALIVE_S", "soon", false, "DEVBUS_KEEPALIVE_S" },
	{ NULL, NULL, true, "a service named unit runs already" },
};

START_TEST(test_cannot_be_opened)
{
	char *argv[] = { (char *)"program", NULL }, out[2048], err[2048];
	struct run other;

	if (refusals[_i].locked) {
		char byte;

		other = run_main(argv);
		ck_assert_int_eq(read(other.out, &byte, 1), 1);
	} else {
		setenv(refusals[_i].variable, refusals[_i].value, 1);
	}
	ck_assert_int_eq(finish(run_main(argv), out, err), 1);
	assert_holds(out, ""); /* neither start nor stop */
	assert_holds(err, refusals[_i].err);
	assert_holds(err, "program: ");
	if (refusals[_i].locked) {
		kill(other.pid, SIGKILL);
		waitpid(other.pid, NULL, 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("main");
	TCase *all = tcase_create("main");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_loop_test(all, test_options, 0, LENGTH(options));
	tcase_add_loop_test(all, test_runs, 0, LENGTH(runs));
	tcase_add_loop_test(all, test_ended_by_a_signal, 0, LENGTH(signals));
	tcase_add_loop_test(all, test_cannot_be_opened, 0, LENGTH(refusals));
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
