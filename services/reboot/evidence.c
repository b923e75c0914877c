// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Each source is a pattern of files and a function that says what one of them means; the strongest word of all is told. Files that
 * are not there, or may not be read, are no evidence and no error. A crash is known by its record's name and time only, because
 * records may be read by root alone.
 */
#include "evidence.h"

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const cause_words[] = {
	[CAUSE_UNKNOWN] = "unknown",
	[CAUSE_POWER] = "power",
	[CAUSE_WATCHDOG] = "watchdog",
	[CAUSE_PANIC] = "panic",
	[CAUSE_ORDERED] = "ordered",
};

struct look {
	const char *root;
	struct evidence *evidence;
	int64_t crash_s; /* time of evidence->crash */
};

static bool read_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, line, size - 1);
	close(fd);
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return *line != '\0';
}

static void witness(struct look *look, enum cause cause, const char *what, const char *word)
{
	struct evidence *evidence = look->evidence;
	if (*evidence->text && cause <= evidence->cause)
		return;
	evidence->cause = cause;
	snprintf(evidence->text, sizeof(evidence->text), "%s%s%s", what, *word ? ": " : "", word);
}

static const char *below_root(const struct look *look, const char *path)
{
	return path + strlen(look->root);
}

static void look_at_watchdog(struct look *look, const char *path)
{
	char line[32];
	if (!read_line(path, line, sizeof(line)))
		return;
	unsigned long bits = strtoul(line, NULL, 0);
	if (bits & WDIOF_CARDRESET)
		witness(look, CAUSE_WATCHDOG, below_root(look, path), line);
	else if (bits & (WDIOF_POWERUNDER | WDIOF_POWEROVER))
		witness(look, CAUSE_POWER, below_root(look, path), line);
}

static void look_at_reason(struct look *look, const char *path)
{
	static const struct {
		const char *word; /* of include/linux/power/power_on_reason.h */
		enum cause cause;
	} reasons[] = {
		{ "regular power-up", CAUSE_POWER },
		{ "brown-out reset", CAUSE_POWER },
		{ "watchdog timeout", CAUSE_WATCHDOG },
	};
	char line[64];
	if (!read_line(path, line, sizeof(line)))
		return;
	enum cause cause = CAUSE_UNKNOWN;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(line, reasons[i].word) == 0)
			cause = reasons[i].cause;
	witness(look, cause, below_root(look, path), line);
}

static void look_at_crash(struct look *look, const char *path)
{
	struct stat status;
	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return;
	if (*look->evidence->crash && status.st_mtime <= look->crash_s)
		return;
	look->crash_s = status.st_mtime;
	snprintf(look->evidence->crash, CRASH_SIZE, "%" PRId64 " %.120s", look->crash_s,
		strrchr(path, '/') + 1);
}

static const struct source {
	const char *pattern;
	void (*look_at)(struct look *look, const char *path);
} sources[] = {
	{ "sys/class/watchdog/*/bootstatus", look_at_watchdog },
	{ "sys/devices/platform/*/power_on_reason", look_at_reason },
	{ "sys/devices/platform/*/*/power_on_reason", look_at_reason },
	{ "sys/devices/platform/*/*/*/power_on_reason", look_at_reason },
	{ "sys/fs/pstore/dmesg-*", look_at_crash },
	{ "var/lib/systemd/pstore/dmesg-*", look_at_crash },
	{ "var/lib/systemd/pstore/*/dmesg-*", look_at_crash },
};

static void look_for(struct look *look, const struct source *source)
{
	char pattern[PATH_MAX];
	glob_t found;
	snprintf(pattern, sizeof(pattern), "%s/%s", look->root, source->pattern);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		source->look_at(look, found.gl_pathv[i]);
	globfree(&found);
}

void evidence_read(const char *root, const char *seen_crash, struct evidence *ret_evidence)
{
	struct look look = { .root = root, .evidence = ret_evidence };
	memset(ret_evidence, 0, sizeof(*ret_evidence));
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		look_for(&look, &sources[i]);
	const char *crash = ret_evidence->crash;
	/* One that is older than what was seen came to light because somebody has removed the newer ones. */
	if (*crash && strcmp(crash, seen_crash) != 0 && look.crash_s >= strtoll(seen_crash, NULL, 10))
		witness(&look, CAUSE_PANIC, strchr(crash, ' ') + 1, "");
}
