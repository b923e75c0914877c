// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The first packet through the tunnel, a CONNECT of MQTT 3.1.1. Any program on the device may connect to a loopback port, and what gets through is the device at
 * the cloud. So the broker shows a password that only it and the tunnel know, and the cloud's own takes its place. Pure.
 */
#ifndef BRIDGE_DOOR_H
#define BRIDGE_DOOR_H

#include <stddef.h>
#include <stdint.h>

#define DOOR_PACKET_MAX                                                                                      \
	8192 /* client id, will, user and password with the largest sizes of reach/bridge-conf.h */

/*
 * How many bytes the packet that begins with the @size bytes at @bytes has. 0: more of it is needed to know. -EPROTO: no CONNECT. -EMSGSIZE: longer than
 * DOOR_PACKET_MAX.
 */
int door_packet_size(const uint8_t *bytes, size_t size);

/*
 * Writes the CONNECT of @size bytes at @packet to @ret_packet, with @user and @password ("": none) in place of those in it, if @secret is
 * the password in it. Returns its size, -EACCES (another password), -EPROTO (not well-formed) or -EMSGSIZE.
 */
int door_exchange(const uint8_t *packet, size_t size, const char *secret, const char *user,
	const char *password, uint8_t ret_packet[DOOR_PACKET_MAX]);

#endif
