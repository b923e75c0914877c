// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Whatever the hub passes on, what comes out of it is two levels of a topic (protocol 1.3) or nothing. */
#include "../../services/azure/bag.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_level(const char *level)
{
	size_t size = strspn(level, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	if (size == 0 || size > 64 || level[size])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bag_address address = { "x", "y" };
	char *bag = strndup((const char *)data, size);

	if (bag_read_address(bag, &address) == 0) {
		require_level(address.service);
		require_level(address.command);
	} else if (strcmp(address.service, "x") != 0 || strcmp(address.command, "y") != 0) {
		abort();
	}
	free(bag);
	return 0;
}
