// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int files_each(int folder, files_visit *visit, void *userdata)
{
	/* Opened anew: the position in a folder belongs to the open file, and @folder is used again. */
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!entries) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(entries)))
		if (entry->d_name[0] != '.')
			r = visit(entry->d_name, userdata);
	closedir(entries);
	return r;
}
