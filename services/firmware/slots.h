// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Two images in a folder, one of them in force:
 *
 *	slot-a.img slot-b.img   the images
 *	slot-a.json slot-b.json what they are: version, SHA-256, size
 *	active -> slot-a.img    which is in force; replaced by one rename
 *	new.img.part            one that is being downloaded
 *
 * An image gets its slot's name only when it is whole and on disk, so there is never a mixed slot.
 */
#ifndef FIRMWARE_SLOTS_H
#define FIRMWARE_SLOTS_H

#include "image.h"
#include "version.h"

#include <devbus/devbus.h>

#define SLOT_NONE '\0'
#define SLOTS_PART_NAME "new.img.part"

struct slots {
	int dir_fd;
};

struct slot_record {
	char version[VERSION_MAX + 1];
	char sha256[SHA256_TEXT_SIZE];
	uint64_t bytes;
};

/* Opens the folder, made if absent. Returns 0 or a negative errno. */
int slots_open(const char *dir, struct slots *ret_slots);
void slots_close(struct slots *slots);

/* The slot in force, 'a' or 'b'; SLOT_NONE: none yet. Returns 0, -EBADMSG (`active` names no slot) or a negative errno. */
int slots_active(const struct slots *slots, char *ret_slot);

/* The one that an update goes to. */
char slots_inactive(char active);

/* What is in @slot. Returns 0, -ENOENT (nothing, or nobody wrote it down), -EBADMSG or another negative errno. */
int slots_read_record(const struct slots *slots, char slot, struct slot_record *ret_record);

/*
 * Gives the part file, already synced, the name of @slot, and writes @record beside it. May be repeated after a power cut at any
 * point. Returns 0, -ENOENT (neither a part file nor an image with record->sha256 is there) or a negative errno.
 */
int slots_install(const struct slots *slots, char slot, const struct slot_record *record);

/* Puts @slot in force: on disk when it returns. May be repeated. Returns 0 or a negative errno. */
int slots_activate(const struct slots *slots, char slot);

/* Removes the part file if there is one. Returns 0 or a negative errno. */
int slots_drop_part(const struct slots *slots);

/* Bytes that the service may still write there. Returns 0 or a negative errno. */
int slots_free_bytes(const struct slots *slots, uint64_t *ret_bytes);

#endif
