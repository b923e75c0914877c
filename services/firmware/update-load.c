// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Apart from all else, so that unit tests can link the module in its place. */
#include "update-part.h"

int update_part(const struct update_part **ret_part)
{
	static const struct part *part;
	int r = part ? 0 : part_load(UPDATE_PART_FILE, &part);
	if (r == 0)
		*ret_part = (const struct update_part *)part;
	return r;
}
