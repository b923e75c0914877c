// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The property bag of IoT Hub: NAME=VALUE&NAME=VALUE..., percent-encoded (RFC 2396), at the end of a topic. The hub passes on
 * what an application wrote, so nothing in it can be trusted.
 */
#ifndef AZURE_BAG_H
#define AZURE_BAG_H

#define BAG_LEVEL_SIZE 65 /* a topic level (protocol 1.3) and its NUL */

struct bag_address {
	char service[BAG_LEVEL_SIZE];
	char command[BAG_LEVEL_SIZE];
};

/*
 * Whom the message with this bag is for: its properties `service` and `command`, whatever else there is. Each has to be there once and be a
 * topic level when it is decoded. Returns 0 or -EINVAL; *@ret_address is untouched then.
 */
int bag_read_address(const char *bag, struct bag_address *ret_address);

/* The two levels behind cloud/event/ (protocol 1). Returns 0 or -EINVAL. */
int bag_split_event(const char *topic, char ret_service[BAG_LEVEL_SIZE], char ret_item[BAG_LEVEL_SIZE]);

#endif
