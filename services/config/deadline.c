// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "deadline.h"

#include <string.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void read_boot_id(char id[DEVBUS_BOOT_ID_SIZE])
{
	if (devbus_boot_id(NULL, id) < 0)
		id[0] = '\0';
}

struct deadline deadline_in(int64_t ms)
{
	struct deadline deadline = { .boot_ms = now_ms() + ms };

	read_boot_id(deadline.boot_id);
	return deadline;
}

int64_t deadline_left_ms(const struct deadline *deadline)
{
	int64_t left_ms = deadline->boot_ms - now_ms();
	char boot_id[DEVBUS_BOOT_ID_SIZE];

	read_boot_id(boot_id);
	return left_ms > 0 && strcmp(boot_id, deadline->boot_id) == 0 ? left_ms : 0;
}
