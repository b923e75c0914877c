// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Units that can be turned into each other: those of SenML (RFC 8428), the secondary ones of RFC 8798, and degF, which no SenML registry
 * has but some sensors and many people do. A unit that is not in the table is a word that is passed on.
 */
#ifndef DEVBUS_SENSOR_UNIT_H
#define DEVBUS_SENSOR_UNIT_H

#include <stdbool.h>

#define UNIT_SIZE 16

/* Whether a value in @from can be shown in @to; the same word always can. */
bool unit_converts(const char *from, const char *to);

/* @value, which is in @from, in @to. Both must convert. */
double unit_convert(const char *from, const char *to, double value);

#endif
