// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The errno of a failed read is told in words that mean something on a device: "No such device" helps, "Success" does not. */
#include "window.h"

#include <errno.h>
#include <string.h>

const char *reading_quality(const struct reading *reading)
{
	return reading->error ? "error" : "good";
}

const char *reading_problem(const struct reading *reading)
{
	static const struct problem {
		int error;
		const char *text;
	} problems[] = {
		{ -EAGAIN, "the source had no value when it was asked" },
		{ -ENODATA, "the source is empty" },
		{ -EBADMSG, "the source holds no number" },
		{ -EREMOTEIO, "the driver reports a fault of the sensor" },
		{ -ENOENT, "the source is gone" },
		{ -ENODEV, "the device is gone" },
	};

	if (!reading->error)
		return NULL;
	for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++)
		if (problems[i].error == reading->error)
			return problems[i].text;
	return strerror(-reading->error);
}

void window_add(struct window *window, const struct reading *reading)
{
	window->last = *reading;
	if (reading->error) {
		window->errors++;
		return;
	}
	if (window->count == 0 || reading->value < window->min)
		window->min = reading->value;
	if (window->count == 0 || reading->value > window->max)
		window->max = reading->value;
	window->sum += reading->value;
	window->count++;
}

double window_mean(const struct window *window)
{
	return window->sum / (double)window->count;
}
