// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "link-work.h"
#include <stdlib.h>
#include <string.h>

static void do_subscribe(struct work *work)
{
	for (size_t i = 0; i < work->count; i++)
		work->reasons[i] = paho_subscribe(work->paho, &work->filters[i]);
}

static void do_connect(struct work *work)
{
	if (paho_connect(&work->paho, &work->options, work->reason) == 0)
		do_subscribe(work);
}

static void do_unsubscribe(struct work *work)
{
	paho_unsubscribe(work->paho, work->filters[0].filter);
}

static void do_disconnect(struct work *work)
{
	paho_disconnect(work->paho);
}

void work_do(void *argument)
{
	static void (*const tasks[])(struct work *) = {
		[TASK_CONNECT] = do_connect,
		[TASK_SUBSCRIBE] = do_subscribe,
		[TASK_UNSUBSCRIBE] = do_unsubscribe,
		[TASK_DISCONNECT] = do_disconnect,
	};
	struct work *work = argument;

	tasks[work->task](work);
}

static bool copy_options(struct link_options *copy, const struct link_options *options)
{
	const char **const strings[] = { &copy->host, &copy->client_id, &copy->user, &copy->password,
		&copy->will_topic, &copy->will_payload };
	bool copied = true;

	*copy = *options;
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		if (*strings[i] && !(*strings[i] = strdup(*strings[i])))
			copied = false;
	return copied;
}

static void free_options(struct link_options *options)
{
	const char *const strings[] = { options->host, options->client_id, options->user, options->password,
		options->will_topic, options->will_payload };

	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		free((char *)strings[i]);
}

static bool copy_filters(struct work *work, const struct link_filter *filters, size_t count)
{
	work->filters = calloc(count ? count : 1, sizeof *work->filters);
	work->reasons = calloc(count ? count : 1, sizeof *work->reasons);
	if (!work->filters || !work->reasons)
		return false;
	for (; work->count < count; work->count++) {
		work->filters[work->count] = filters[work->count];
		work->filters[work->count].filter = strdup(filters[work->count].filter);
		if (!work->filters[work->count].filter)
			return false;
	}
	return true;
}

void work_free(void *argument)
{
	struct work *work = argument;

	paho_free(work->paho);
	for (size_t i = 0; work->filters && i < work->count; i++)
		free((char *)work->filters[i].filter);
	free(work->filters);
	free(work->reasons);
	free_options(&work->options);
	free(work);
}

struct work *work_new(enum task task, struct paho *paho, const struct link_options *options,
	const struct link_filter *filters, size_t count)
{
	struct work *work = calloc(1, sizeof *work);

	if (!work)
		return NULL;
	work->task = task;
	if (!copy_filters(work, filters, count) || (options && !copy_options(&work->options, options))) {
		work_free(work);
		return NULL;
	}
	work->paho = paho;
	return work;
}
