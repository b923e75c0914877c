// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The errno of a failed read is told in words that mean something on a device: "No such device" helps, "Success" does not. */
#include "window.h"

#include <errno.h>
#include <math.h>
#include <string.h>

const char *reading_quality(const struct reading *reading)
{
	return reading->error == 0 ? "good" : reading->error == -ESTALE ? "stale" : "error";
}

bool reading_has_value(const struct reading *reading)
{
	return reading->error == 0 || (reading->error == -ESTALE && !isnan(reading->value));
}

const char *reading_problem(const struct reading *reading)
{
	static const struct problem {
		int error;
		const char *text;
	} problems[] = {
		{ -ESTALE, "the source has not answered yet; the value is an old one" },
		{ -ETIMEDOUT, "the source does not answer" },
		{ -EINPROGRESS, "the source was not read yet" },
		{ -ECANCELED, "switched off in the configuration" },
		{ -EAGAIN, "the source had no value when it was asked" },
		{ -EPROTO, "the checksum of the sensor's answer is wrong" },
		{ -ECHILD, "the program failed" },
		{ -ENODATA, "the source is empty" },
		{ -EBADMSG, "the source holds no number" },
		{ -ERANGE, "the value is too large for a number: look at factor and offset" },
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
