// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Changes on the bus: published on trial, and kept or undone by what their owner says (protocol 7.4) and, for sections by which a
 * device can cut itself off, by whether the cloud can still confirm them (as the confirmed commit of RFC 6241 section 8.4).
 */
#ifndef DEVBUS_CONFIG_TRIALS_H
#define DEVBUS_CONFIG_TRIALS_H

#include "sections.h"
#include "turns.h"
#include <devbus/devbus.h>

struct settings;
struct trials;

/* @sections and @settings are borrowed. Trials that another life began go on. 0 or -ENOMEM. */
int trials_new(struct devbus *bus, struct sections *sections, const struct settings *settings,
	struct trials **ret_trials);
void trials_free(struct trials *trials); /* NULL is fine */

/* Carries out @change (copied) for @request and answers it when it is decided; changes of one section one after the other. */
int trials_change(struct trials *trials, struct devbus_request *request, const struct change *change);

/* The vendor's values for all sections. */
int trials_reset(struct trials *trials, struct devbus_request *request);

/* The cloud is still there: keeps @revision of @name, which waits for that. */
int trials_confirm(
	struct trials *trials, struct devbus_request *request, const char *name, uint64_t revision);

/* The owner of @name said @report (copied; NULL: it took it back). */
void trials_report(struct trials *trials, const char *name, const struct devbus_json *report);

/* Publishes a section. */
void trials_publish(struct trials *trials, const struct section *section);

#endif
