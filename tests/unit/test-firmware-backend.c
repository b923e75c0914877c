// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The backend of hooks: what it makes of what they print and of how they end, and that one waits for the other across processes. */
#include "../../services/firmware/backend.h"
#include "bus-kit.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static struct firmware_settings settings;
static struct backend *backend;
static struct {
	int times, progresses, last_percent;
	struct devbus_error error; /* code "": it succeeded */
} done;

static void on_progress(void *userdata, int percent, const char *message)
{
	(void)userdata, (void)message;
	done.progresses++;
	done.last_percent = percent;
}

static void on_done(void *userdata, const struct devbus_error *error)
{
	(void)userdata;
	done.times++;
	done.error = error ? *error : (struct devbus_error) { "", "" };
}

static struct backend_host host = { .progress = on_progress, .done = on_done };

static const char *path_in(const char *name)
{
	static char path[160];
	snprintf(path, sizeof(path), "%s/%s", kit.folder, name);
	return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(path_in(name), "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path_in(name), mode), 0);
}

static void write_hook(const char *name, const char *script)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "hooks/%s", name);
	snprintf(text, sizeof(text), "#!/bin/sh\nF=%s\n%s\n", kit.folder, script);
	write_file(path, text, 0700);
}

/* $F is the folder, $S that of the sources. */
static void shell(const char *command)
{
	setenv("F", kit.folder, 1);
	setenv("S", getenv("srcdir") ? getenv("srcdir") : "../src", 1);
	ck_assert_int_eq(system(command), 0);
}

static void set_up(void)
{
	struct devbus_error error;
	kit_set_up();
	kit_open(0);
	shell("mkdir $F/hooks $F/keys");
	memset(&settings, 0, sizeof(settings));
	memset(&done, 0, sizeof(done));
	snprintf(settings.backend, sizeof(settings.backend), "script");
	snprintf(settings.hooks_dir, sizeof(settings.hooks_dir), "%s", path_in("hooks"));
	snprintf(settings.keys_dir, sizeof(settings.keys_dir), "%s", path_in("keys"));
	settings.hook_timeout_s = settings.install_timeout_s = 10;
	host.bus = kit.bus;
	ck_assert_int_eq(backend_open(&settings, &host, &backend, &error), 0);
}

static void tear_down(void)
{
	backend_free(backend);
	kit_tear_down();
}

/* Dispatches until the job is done. The clock is a fake one, so it is turned a little for the timers. */
static void await(void)
{
	ck_assert_int_eq(done.times, 0); /* never from inside */
	for (int i = 0; done.times == 0 && i < 20000; i++) {
		poll(&(struct pollfd) { devbus_fd(kit.bus), POLLIN, 0 }, 1, 1);
		kit_turn(1);
	}
	ck_assert_int_eq(done.times, 1);
	done.times = 0;
}

/* ---- look */

static const struct {
	const char *print;
	const char *booted, *version, *other; /* NULL: refused */
} looks[] = {
	{ "echo a 1.0; echo b 2.0", "a", "1.0", "b" },
	{ "echo rootfs.1; echo rootfs.0", "rootfs.1", "", "rootfs.0" },
	{ "echo 'b '; echo 'a 0.9'; echo more", "b", "", "a" },
	{ "echo a", NULL, NULL, NULL },
	{ "echo a 1.0; echo a 2.0", NULL, NULL, NULL },
	{ "echo a 1.0 x; echo b", NULL, NULL, NULL },
	{ "echo a /1; echo b", NULL, NULL, NULL },
	{ "printf '%0100d\\n' 1; echo b", NULL, NULL, NULL },
	{ ":", NULL, NULL, NULL },
	{ "echo a; echo b; exit 1", NULL, NULL, NULL },
};

START_TEST(test_look)
{
	write_hook("booted-slot", looks[_i].print);
	backend->kind->look(backend);
	await();
	if (!looks[_i].booted) {
		ck_assert_str_eq(done.error.code, "io-error");
		ck_assert_ptr_nonnull(strstr(done.error.message, "booted-slot"));
		ck_assert_str_eq(backend->view.booted.name, "");
		return;
	}
	ck_assert_str_eq(done.error.code, "");
	ck_assert_str_eq(backend->view.booted.name, looks[_i].booted);
	ck_assert_str_eq(backend->view.booted.version, looks[_i].version);
	ck_assert_str_eq(backend->view.other.name, looks[_i].other);
}
END_TEST

/* ---- jobs for a slot */

START_TEST(test_slot_jobs)
{
	static const char *const names[] = { "activate", "mark-good", "mark-bad" };
	void (*const jobs[])(struct backend *, const char *) = { backend->kind->activate,
		backend->kind->mark_good, backend->kind->mark_bad };
	write_hook(names[_i], "[ \"$1\" = b ] && [ $# = 1 ] && pwd >/dev/null");
	jobs[_i](backend, "b");
	await();
	ck_assert_str_eq(done.error.code, "");
	jobs[_i](backend, "c");
	await();
	ck_assert_str_eq(done.error.code, "io-error");
	ck_assert_int_eq(unlinkat(AT_FDCWD, path_in("hooks/mark-bad"), 0) == 0, _i == 2);
	unlinkat(AT_FDCWD, path_in("hooks/activate"), 0);
	unlinkat(AT_FDCWD, path_in("hooks/mark-good"), 0);
	jobs[_i](backend, "b");
	await();
	ck_assert_str_eq(done.error.code, _i == 2 ? "" : "io-error"); /* only mark-bad may be absent */
}
END_TEST

START_TEST(test_hook_takes_too_long)
{
	settings.hook_timeout_s = 1;
	write_hook("activate", "sleep 600 & sleep 600");
	backend->kind->activate(backend, "b");
	await();
	ck_assert_str_eq(done.error.code, "timeout");
}
END_TEST

/* A hook of a process that is gone holds the lock. */
START_TEST(test_waits_for_hook_of_before)
{
	int fd = open(path_in("state/unit/hook.lock"), O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	write_hook("activate", "touch $F/ran");
	backend->kind->activate(backend, "b");
	kit_turn(5000);
	ck_assert_int_eq(done.times, 0);
	ck_assert_int_lt(access(path_in("ran"), F_OK), 0);
	close(fd);
	await();
	ck_assert_str_eq(done.error.code, "");
	ck_assert_int_eq(access(path_in("ran"), F_OK), 0);
}
END_TEST

START_TEST(test_hook_of_before_never_ends)
{
	int fd = open(path_in("state/unit/hook.lock"), O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	settings.hook_timeout_s = 1;
	write_hook("activate", "touch $F/ran");
	backend->kind->activate(backend, "b");
	await();
	ck_assert_str_eq(done.error.code, "timeout");
	ck_assert_int_lt(access(path_in("ran"), F_OK), 0);
	close(fd);
}
END_TEST

START_TEST(test_freed_in_mid_job)
{
	write_hook("activate", "sleep 600");
	backend->kind->activate(backend, "b");
	kit_dispatch();
	backend_free(backend);
	backend = NULL;
	kit_turn(20000);
	ck_assert_int_eq(done.times, 0);
}
END_TEST

/* ---- signed images */

static void make_image(const char *tool)
{
	shell("openssl genpkey -algorithm ed25519 -out $F/key.pem 2>/dev/null && openssl pkey -in $F/key.pem -pubout "
	      "-out $F/keys/a.pem && echo nonsense >$F/keys/b.pem && echo other >$F/keys/readme");
	shell("head -c 9000000 /dev/zero >$F/raw");
	shell(tool);
}

#define SIGN                                                                                                 \
	"$S/tools/devbus-sign-image --key $F/key.pem --version 2.0 --compatible box $F/raw $F/image >$F/args"

START_TEST(test_check_and_install)
{
	make_image(SIGN);
	backend->kind->check(backend, path_in("image"));
	await();
	ck_assert_str_eq(done.error.message, "");
	ck_assert_str_eq(backend->image.version, "2.0");
	ck_assert_str_eq(backend->image.compatible, "box");
	ck_assert_uint_eq(backend->image.bytes, 9000000);
	ck_assert_int_ge(done.progresses, 2);
	ck_assert_int_eq(done.last_percent, 100);
	write_hook("install",
		"[ $1 = b ] && [ $DEVBUS_VERSION-$DEVBUS_BYTES-$DEVBUS_COMPATIBLE = 2.0-9000000-box ] || exit 1\n"
		"cat >$F/slot && cmp $F/slot $F/raw && [ $(sha256sum <$F/raw | cut -c 1-64) = $DEVBUS_SHA256 ]");
	backend->kind->install(backend, path_in("image"), "b");
	await();
	ck_assert_str_eq(done.error.message, "");
}
END_TEST

static const struct {
	const char *spoil; /* by the shell */
	const char *code;
} spoilt[] = {
	{ "rm $F/keys/*.pem", "signature" },
	{ "rm -r $F/keys", "signature" },
	{ "openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkey -pubout -out $F/keys/a.pem",
		"signature" },
	{ "printf 'X' | dd of=$F/image conv=notrunc 2>/dev/null", "signature" },
	{ "printf '0' | dd of=$F/image bs=1 seek=15 conv=notrunc 2>/dev/null", "signature" },
	{ "printf 'Z' | dd of=$F/image bs=1 seek=60 conv=notrunc 2>/dev/null", "signature" },
	{ "sed -i 's/\"box\"/\"bax\"/' $F/image", "signature" },
	{ "printf x >>$F/image", "checksum" },
	{ "printf x | dd of=$F/image bs=1 seek=8000000 conv=notrunc 2>/dev/null", "checksum" },
	{ "truncate -s 100 $F/image", "signature" },
	{ "truncate -s 200 $F/image", "signature" },
	{ "truncate -s 0 $F/image", "signature" },
	{ "rm $F/image", "io-error" },
};

START_TEST(test_spoilt_image)
{
	make_image(SIGN);
	shell(spoilt[_i].spoil);
	backend->kind->check(backend, path_in("image"));
	await();
	ck_assert_str_eq(done.error.code, spoilt[_i].code);
	ck_assert_str_eq(backend->image.version, "");
}
END_TEST

START_TEST(test_unknown_backend)
{
	struct backend *other = NULL;
	struct devbus_error error;
	snprintf(settings.backend, sizeof(settings.backend), "none");
	ck_assert_int_lt(backend_open(&settings, &host, &other, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.message, "none"));
	ck_assert_ptr_null(other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("firmware-backend");
	TCase *hooks = tcase_create("hooks"), *images = tcase_create("images");
	tcase_add_checked_fixture(hooks, set_up, tear_down);
	tcase_add_loop_test(hooks, test_look, 0, LENGTH(looks));
	tcase_add_loop_test(hooks, test_slot_jobs, 0, 3);
	tcase_add_test(hooks, test_hook_takes_too_long);
	tcase_add_test(hooks, test_waits_for_hook_of_before);
	tcase_add_test(hooks, test_hook_of_before_never_ends);
	tcase_add_test(hooks, test_freed_in_mid_job);
	tcase_add_test(hooks, test_unknown_backend);
	tcase_set_timeout(hooks, 60);
	suite_add_tcase(suite, hooks);
	tcase_add_checked_fixture(images, set_up, tear_down);
	tcase_add_test(images, test_check_and_install);
	tcase_add_loop_test(images, test_spoilt_image, 0, LENGTH(spoilt));
	tcase_set_timeout(images, 60);
	suite_add_tcase(suite, images);
	return unit_main(suite);
}
