// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* RAUC tells what it knows of a slot as a dictionary of many types; five of its texts are of use here, the rest is skipped. */
#include "rauc-slots.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct slot_status {
	const char *name, *class, *state, *boot_name, *version, *boot_status;
};

static const struct {
	const char *key;
	size_t offset;
} slot_keys[] = {
	{ "class", offsetof(struct slot_status, class) },
	{ "state", offsetof(struct slot_status, state) },
	{ "bootname", offsetof(struct slot_status, boot_name) },
	{ "bundle.version", offsetof(struct slot_status, version) },
	{ "boot-status", offsetof(struct slot_status, boot_status) },
};

static int read_slot_value(sd_bus_message *answer, struct slot_status *slot)
{
	const char *key, *contents;
	int r = sd_bus_message_read(answer, "s", &key);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(slot_keys) / sizeof(slot_keys[0]); i++)
		if (strcmp(key, slot_keys[i].key) == 0 &&
			sd_bus_message_peek_type(answer, NULL, &contents) > 0 && strcmp(contents, "s") == 0)
			return sd_bus_message_read(
				answer, "v", "s", (const char **)((char *)slot + slot_keys[i].offset));
	return sd_bus_message_skip(answer, "v");
}

/* The next slot of GetSlotStatus's answer, borrowed from it. Returns 1, 0 at the end, or a negative errno. */
static int read_slot(sd_bus_message *answer, struct slot_status *ret_slot)
{
	struct slot_status slot = { "", "", "", "", "", "" };
	int r = sd_bus_message_enter_container(answer, 'r', "sa{sv}");
	if (r <= 0)
		return r;
	r = sd_bus_message_read(answer, "s", &slot.name);
	if (r >= 0)
		r = sd_bus_message_enter_container(answer, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(answer, 'e', "sv")) > 0) {
		r = read_slot_value(answer, &slot);
		if (r >= 0)
			r = sd_bus_message_exit_container(answer);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(answer);
	if (r >= 0)
		r = sd_bus_message_exit_container(answer);
	if (r < 0)
		return r;
	*ret_slot = slot;
	return 1;
}

static void take_slot(struct backend_slot *into, const struct slot_status *slot)
{
	*into = (struct backend_slot) { 0 };
	snprintf(into->name, sizeof(into->name), "%s", slot->name);
	snprintf(into->health, sizeof(into->health), "%s", slot->boot_status);
	if (version_valid(slot->version))
		snprintf(into->version, sizeof(into->version), "%s", slot->version);
}

int rauc_read_slots(sd_bus_message *answer, struct backend_view *ret_view)
{
	struct backend_view view = { 0 };
	struct slot_status slot = { 0 };
	int r = sd_bus_message_enter_container(answer, 'a', "(sa{sv})");
	while (r >= 0 && (r = read_slot(answer, &slot)) > 0)
		if (*slot.boot_name)
			take_slot(strcmp(slot.state, "booted") == 0 ? &view.booted : &view.other, &slot);
	if (r < 0)
		return r;
	*ret_view = view;
	return 0;
}
