// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#ifndef FIRMWARE_RAUC_SLOTS_H
#define FIRMWARE_RAUC_SLOTS_H

#include "backend.h"

#include <systemd/sd-bus.h>

/*
 * Reads the answer of GetSlotStatus, a(sa{sv}): of the slots that can be booted the one that is, and another. A name is empty when there is
 * none. Returns 0 or a negative errno.
 */
int rauc_read_slots(sd_bus_message *answer, struct backend_view *ret_view);

#endif
