// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Lets one allocation of the JSON floor fail. It takes all its memory through cJSON's hooks (only the text
 * that devbus_json_print() returns comes from malloc()), so that nothing need be replaced at link time,
 * and sanitizers and valgrind keep their own malloc().
 */
#ifndef DEVBUS_TEST_SHORT_MEMORY_H
#define DEVBUS_TEST_SHORT_MEMORY_H

#include <cJSON.h>
#include <stdbool.h>
#include <stdlib.h>

static unsigned long short_memory_allocations, short_memory_failing;

static void *short_memory_malloc(size_t size)
{
	return ++short_memory_allocations == short_memory_failing ? NULL : malloc(size);
}

/* From now on allocation number @failing (the first is 1) fails, once. */
static inline void short_memory_begin(unsigned long failing)
{
	cJSON_Hooks hooks = { .malloc_fn = short_memory_malloc, .free_fn = free };
	short_memory_allocations = 0;
	short_memory_failing = failing;
	cJSON_InitHooks(&hooks);
}

/* Back to normal; whether an allocation failed since short_memory_begin(). */
static inline bool short_memory_end(void)
{
	cJSON_InitHooks(NULL);
	return short_memory_allocations >= short_memory_failing;
}

#endif
