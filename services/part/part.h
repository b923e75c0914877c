// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A part of a service that is seldom needed and drags in large libraries: relocations and constructors alone cost megabytes
 * in each process that links them. So it is a module beside the program, loaded when it is first needed, and kept.
 */
#ifndef PART_PART_H
#define PART_PART_H

/* The first member of what each module exports as `devbus_part`. */
struct part {
	const char *
		version; /* DEVBUS_VERSION: a program that an upgrade left running must not take the new module */
};

/*
 * The part in @file, in the folder of the running program; each call costs a search, so keep what comes. Returns 0, or -ELIBACC
 * after it has logged why. Any thread.
 */
int part_load(const char *file, const struct part **ret_part);

#endif
