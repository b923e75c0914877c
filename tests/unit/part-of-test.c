// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A module as it should be, and one as an upgrade leaves it beside a program that still runs. */
#include "../../services/part/part.h"

extern const struct part devbus_part;

const struct part devbus_part = { PART_VERSION };
