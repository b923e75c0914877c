// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A copy for each test, because tests change files, pull devices out and put FIFOs in. */
#include "sensor-tree.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_parents(const struct sensor_tree *tree, const char *path)
{
	char folder[512];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
		ck_assert(mkdirat(tree->root, folder, 0755) == 0 || errno == EEXIST);
	}
}

static void put(const struct sensor_tree *tree, const char *path, const char *text, int flag)
{
	make_parents(tree, path);
	int fd = openat(tree->root, path, O_WRONLY | O_CREAT | O_CLOEXEC | flag, 0644);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_ge(dprintf(fd, "%s\n", text), 0);
	close(fd);
}

void tree_write(const struct sensor_tree *tree, const char *path, const char *text)
{
	put(tree, path, text, O_TRUNC);
}

void tree_append(const struct sensor_tree *tree, const char *path, const char *text)
{
	put(tree, path, text, O_APPEND);
}

void tree_link(const struct sensor_tree *tree, const char *path, const char *target)
{
	make_parents(tree, path);
	ck_assert_int_eq(symlinkat(target, tree->root, path), 0);
}

void tree_fifo(const struct sensor_tree *tree, const char *path)
{
	make_parents(tree, path);
	unlinkat(tree->root, path, 0);
	ck_assert_int_eq(mkfifoat(tree->root, path, 0644), 0);
}

void tree_rename(const struct sensor_tree *tree, const char *from, const char *to)
{
	ck_assert_int_eq(renameat(tree->root, from, tree->root, to), 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void tree_delete(const struct sensor_tree *tree, const char *path)
{
	char all[512];

	snprintf(all, sizeof all, "%s/%s", tree->path, path);
	ck_assert_int_eq(nftw(all, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void unfold_line(const struct sensor_tree *tree, char *line)
{
	char *equals = strstr(line, " = "), *arrow = strstr(line, " -> ");

	line[strcspn(line, "\n")] = '\0';
	if (!*line || *line == '#')
		return;
	ck_assert_msg(equals || arrow, "no \" = \" or \" -> \": %s", line);
	if (equals) {
		*equals = '\0';
		tree_append(tree, line, equals + 3);
	} else {
		*arrow = '\0';
		tree_link(tree, line, arrow + 4);
	}
}

static void unfold(const struct sensor_tree *tree, const char *board)
{
	const char *source = getenv("srcdir");
	char path[512], line[512];

	snprintf(path, sizeof path, "%s/tests/data/sensor-root/%s.tree", source ? source : ".", board);
	FILE *file = fopen(path, "re");

	ck_assert_msg(file, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, file))
		unfold_line(tree, line);
	fclose(file);
}

void tree_make(struct sensor_tree *tree, const char *board)
{
	snprintf(tree->path, sizeof tree->path, "/tmp/devbus-sensor-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(tree->path));
	tree->root = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(tree->root, 0);
	if (board)
		unfold(tree, board);
}

void tree_remove(struct sensor_tree *tree)
{
	close(tree->root);
	nftw(tree->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
