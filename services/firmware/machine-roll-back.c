// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The way back to the slot that the update came from: each step may be done again after a crash, and a slot is called bad only for failed
 * checks.
 */
#include "machine-internal.h"

#include <string.h>

static void on_source_active(struct machine *machine, const struct devbus_error *error)
{
	if (error)
		machine_fail(machine, error->code,
			"slot %s cannot be activated again: %s; it failed because: %.100s",
			machine->record.source, error->message, machine->record.error_message);
	else if (strcmp(machine->backend->view.booted.name, machine->record.source) == 0)
		machine_enter(machine, STATE_FAILED);
	else
		machine_do_rebooting(machine);
}

static void on_marked_bad(struct machine *machine, const struct devbus_error *error)
{
	if (error)
		devbus_log(DEVBUS_LOG_WARNING, "slot %s is not marked bad: %s", machine->record.target,
			error->message);
	machine->then = on_source_active;
	machine->backend->kind->activate(machine->backend, machine->record.source);
}

void machine_do_rolling_back(struct machine *machine)
{
	if (strcmp(machine->record.error_code, DEVBUS_E_ROLLED_BACK) != 0) {
		on_marked_bad(machine, NULL); /* nothing is known against what is in the target */
		return;
	}
	machine->then = on_marked_bad;
	machine->backend->kind->mark_bad(machine->backend, machine->record.target);
}
