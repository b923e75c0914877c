// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Runs a fuzz target over the files of the folders that are named on the command line, so that what
 * fuzzing once found is tested by everyone, with any compiler. TAP: one test per folder; a crash ends the
 * program, and the diagnostic before it names the file.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As much as any payload may have, and then some. */
#define FILE_SIZE_MAX (1 << 20)

static int replay_file(const char *path)
{
	static uint8_t buffer[FILE_SIZE_MAX];
	FILE *file = fopen(path, "rb");
	if (!file)
		return -errno;
	const size_t size = fread(buffer, 1, sizeof(buffer), file);
	const int r = ferror(file) ? -EIO : 0;
	fclose(file);
	if (r < 0)
		return r;
	/* Of exact size, so that reading past the end is seen by sanitizers and valgrind. */
	uint8_t *data = malloc(size > 0 ? size : 1);
	if (!data)
		return -ENOMEM;
	memcpy(data, buffer, size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

/* How many files were run, or a negative errno. */
static int replay_folder(const char *folder)
{
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	int count = 0;
	if (!entries)
		return -errno;
	while (count >= 0 && (entry = readdir(entries))) {
		char path[PATH_MAX];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		printf("# %s\n", path);
		fflush(stdout);
		const int r = replay_file(path);
		count = r < 0 ? r : count + 1;
	}
	closedir(entries);
	return count;
}

int main(int argc, char **argv)
{
	int failed = 0;
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		const int count = replay_folder(argv[i]);
		failed += count <= 0;
		printf("%sok %d - %s: %s\n", count > 0 ? "" : "not ", i, argv[i],
			count > 0    ? "replayed"
			: count == 0 ? "no files"
				     : strerror(-count));
	}
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
