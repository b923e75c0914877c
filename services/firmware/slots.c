// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * `active` is a symbolic link, not a file with a letter in it, so that whatever uses the image opens one name and
 * needs to know nothing of slots. Every change is one rename followed by a sync of the folder.
 */
#include "slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ACTIVE "active"
#define ACTIVE_NEW ".active.new"

struct slot_name {
	char text[sizeof("slot-a.json")];
};

static const struct devbus_field record_fields[] = {
	DEVBUS_FIELD(struct slot_record, version, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct slot_record, sha256, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct slot_record, bytes, .flags = DEVBUS_REQUIRED),
	{ 0 },
};

static struct slot_name slot_name(char slot, const char *ending)
{
	struct slot_name name;
	snprintf(name.text, sizeof(name.text), "slot-%c.%s", slot, ending);
	return name;
}

int slots_open(const char *dir, struct slots *ret_slots)
{
	int fd = devbus_folder(AT_FDCWD, dir);
	if (fd < 0)
		return fd;
	ret_slots->dir_fd = fd;
	return 0;
}

void slots_close(struct slots *slots)
{
	if (slots->dir_fd >= 0)
		close(slots->dir_fd);
	slots->dir_fd = -1;
}

int slots_active(const struct slots *slots, char *ret_slot)
{
	char target[32];
	ssize_t size = readlinkat(slots->dir_fd, ACTIVE, target, sizeof(target) - 1);
	if (size < 0 && errno == ENOENT) {
		*ret_slot = SLOT_NONE;
		return 0;
	}
	if (size < 0)
		return errno == EINVAL ? -EBADMSG : -errno;
	target[size] = '\0';
	for (char slot = 'a'; slot <= 'b'; slot++) {
		if (strcmp(target, slot_name(slot, "img").text) == 0) {
			*ret_slot = slot;
			return 0;
		}
	}
	return -EBADMSG;
}

char slots_inactive(char active)
{
	return active == 'a' ? 'b' : 'a';
}

int slots_read_record(const struct slots *slots, char slot, struct slot_record *ret_record)
{
	struct slot_record record;
	int r = devbus_file_load(slots->dir_fd, slot_name(slot, "json").text, record_fields, &record);
	if (r == 0)
		*ret_record = record;
	return r;
}

/*
 * After a power cut the part file may have its final name already. Only its hash is a witness of that: images of
 * one device often have one size.
 */
static int name_image(const struct slots *slots, const char *name, const char *sha256)
{
	char found[SHA256_TEXT_SIZE];
	if (renameat(slots->dir_fd, SLOTS_PART_NAME, slots->dir_fd, name) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	int r = image_hash(slots->dir_fd, name, found);
	if (r < 0)
		return r;
	return strcmp(found, sha256) == 0 ? 0 : -ENOENT;
}

int slots_install(const struct slots *slots, char slot, const struct slot_record *record)
{
	int r = name_image(slots, slot_name(slot, "img").text, record->sha256);
	if (r < 0)
		return r;
	if (fsync(slots->dir_fd) < 0)
		return -errno;
	return devbus_file_save(slots->dir_fd, slot_name(slot, "json").text, record_fields, record);
}

int slots_activate(const struct slots *slots, char slot)
{
	if (unlinkat(slots->dir_fd, ACTIVE_NEW, 0) < 0 && errno != ENOENT)
		return -errno;
	if (symlinkat(slot_name(slot, "img").text, slots->dir_fd, ACTIVE_NEW) < 0)
		return -errno;
	if (renameat(slots->dir_fd, ACTIVE_NEW, slots->dir_fd, ACTIVE) < 0)
		return -errno;
	return fsync(slots->dir_fd) < 0 ? -errno : 0;
}

int slots_drop_part(const struct slots *slots)
{
	return unlinkat(slots->dir_fd, SLOTS_PART_NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int slots_free_bytes(const struct slots *slots, uint64_t *ret_bytes)
{
	struct statvfs status;
	if (fstatvfs(slots->dir_fd, &status) < 0)
		return -errno;
	*ret_bytes = (uint64_t)status.f_bavail * status.f_frsize;
	return 0;
}
