// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "vendor.h"
#include "limits.h"
#include "refusal.h"
#include "schemas.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME_SIZE (SECTION_NAME_SIZE + 16)

/* 0, -ENOENT, -EBADMSG with @ret_error, or another negative errno. */
static int read_good(const struct vendor *vendor, int folder, const char *name,
	struct devbus_json **ret_values, struct devbus_error *ret_error)
{
	struct devbus_json *values = NULL;
	char file[FILE_NAME_SIZE];

	snprintf(file, sizeof file, "%s.json", name);
	int r = folder < 0 ? -ENOENT
			   : devbus_file_read_json(folder, file, LIMIT_FILE_BYTES, &values, ret_error);

	if (r == -EFBIG)
		return refuse(ret_error, -EBADMSG, DEVBUS_E_INVALID_ARGS, "too large");
	if (r < 0)
		return r;
	if (devbus_json_type(values) != DEVBUS_JSON_OBJECT)
		r = refuse(ret_error, -EBADMSG, DEVBUS_E_INVALID_ARGS, "no JSON object");
	else if ((r = check_limits(values, ret_error)) == 0)
		r = schemas_check(vendor->schemas, name, values, ret_error);
	if (r == 0)
		*ret_values = values;
	else
		devbus_json_free(values);
	return r == 0 || r == -ENOMEM ? r : -EBADMSG;
}

static bool was_put_aside(const struct vendor *vendor, const char *name)
{
	char aside[FILE_NAME_SIZE];

	snprintf(aside, sizeof aside, "%s.json.damaged", name);
	return vendor->folder >= 0 && faccessat(vendor->folder, aside, F_OK, 0) == 0;
}

static void put_aside(const struct vendor *vendor, const char *name, const char *why, char problem[256])
{
	char file[FILE_NAME_SIZE], aside[FILE_NAME_SIZE];

	snprintf(file, sizeof file, "%s.json", name);
	snprintf(aside, sizeof aside, "%s.json.damaged", name);
	bool moved = renameat(vendor->folder, file, vendor->folder, aside) == 0;

	snprintf(problem, 256, "%.80s of the vendor: %.100s; %s", moved ? aside : file, why,
		"the vendor's last good values are used");
	devbus_log(DEVBUS_LOG_ERROR, "%s", problem);
}

/* The copy follows the file, so that there is one when the file goes bad. */
static int copy(const struct vendor *vendor, const char *name, const struct devbus_json *values)
{
	struct devbus_json *old = NULL;
	char file[FILE_NAME_SIZE];

	snprintf(file, sizeof file, "%s.json", name);
	if (!values)
		return devbus_file_remove(vendor->copies, file);
	int r = devbus_file_read_json(vendor->copies, file, LIMIT_FILE_BYTES, &old, NULL);

	if (r < 0 || !devbus_json_equal(old, values))
		r = devbus_file_write_json(vendor->copies, file, values);
	devbus_json_free(old);
	return r;
}

int vendor_read(
	const struct vendor *vendor, const char *name, struct devbus_json **ret_values, char problem[256])
{
	struct devbus_error error = { "", "" };
	struct devbus_json *values = NULL;
	int r = read_good(vendor, vendor->folder, name, &values, &error), copied = 0;

	problem[0] = '\0';
	if (r == -EBADMSG)
		put_aside(vendor, name, error.message, problem);
	if (r == -EBADMSG || (r == -ENOENT && was_put_aside(vendor, name)))
		r = read_good(vendor, vendor->copies, name, &values, &error);
	else if (r == 0 || r == -ENOENT)
		copied = copy(vendor, name, values);
	if (copied < 0)
		devbus_log(DEVBUS_LOG_WARNING, "the vendor's values of %s are not copied: %s", name,
			strerror(-copied));
	if (r == -ENOENT || r == -EBADMSG)
		r = (values = devbus_json_new_object()) ? 0 : -ENOMEM;
	if (r == 0)
		*ret_values = values;
	return r;
}
