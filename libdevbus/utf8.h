// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* UTF-8 as JSON, MQTT topics and the log need it: what is well-formed is decided in one place. */
#ifndef DEVBUS_INTERNAL_UTF8_H
#define DEVBUS_INTERNAL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest character, in bytes. */
#define UTF8_LENGTH_MAX 4

/*
 * The length in bytes (1..4) of the character that @text begins with, and its code point (@ret_point may
 * be NULL). 0 when @size is 0 or the bytes are not well-formed (Unicode 15 table 3-7: no overlong forms,
 * no surrogates).
 */
size_t utf8_decode(const char *text, size_t size, uint32_t *ret_point);

/* Whether all of @text is well-formed; the empty text is. */
bool utf8_valid(const char *text, size_t size);

/* Puts '?' in place of each byte of @text that is part of no well-formed character. The length stays, so what fitted its buffer still does. */
void utf8_clean(char *text);

/* C0 and C1 control characters and DEL: what a terminal or an MQTT broker may take amiss. */
bool utf8_is_control(uint32_t point);

#endif
