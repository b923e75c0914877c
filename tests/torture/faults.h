// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The world that fails on order: the k-th allocation, write, sync, read or other system call, once or from then on. The linker puts our
 * allocator in place of malloc() in libdevbus (sanitizers and valgrind keep theirs); cJSON and SQLite are given it by their own
 * hooks; system calls are functions of this program, which go before those of libc for shared libraries too.
 */
#ifndef DEVBUS_TEST_FAULTS_H
#define DEVBUS_TEST_FAULTS_H

#include <stdbool.h>

enum fault_kind {
	FAULT_ALLOCATION, /* ENOMEM */
	FAULT_WRITE, /* ENOSPC */
	FAULT_SYNC, /* EIO */
	FAULT_SYSTEM, /* what opens something: EMFILE; all else that changes something: EIO */
	FAULT_READ, /* EIO */
	FAULT_KINDS,
};

/* Before anything of cJSON or SQLite is used. */
void faults_set_up(void);

/* From now on calls are counted, and number @first (1 is the next) of @kind fails, or that and all after it. 0: none. */
void faults_begin(enum fault_kind kind, unsigned long first, bool lasting);
void faults_end(void);

/* What the test does itself, between the two. */
void faults_pause(void);
void faults_resume(void);

/* Since the last faults_begin(). */
unsigned long faults_counted(enum fault_kind kind);
unsigned long faults_failed(void);

/* Whether @r is what a function may return now: 0, or, if something failed, the error of what failed. */
bool faults_explain(int r);

/* Allocations that are not freed. */
long faults_live(void);

#endif
