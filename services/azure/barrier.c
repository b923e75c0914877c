// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A question that is not answered is asked again when a token comes: the library sends its own again, so there is no timer here. */
#include "barrier.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 10000 }; /* for an answer, before it is asked again */

void barrier_begin(struct barrier *barrier, uint64_t generation, int64_t interval_ms)
{
	*barrier = (struct barrier) { .generation = generation, .interval_ms = interval_ms };
	barrier->asked_ms = INT64_MIN / 2;
	barrier->end = &barrier->first;
}

static struct barrier_token *take_first(struct barrier *barrier)
{
	struct barrier_token *token = barrier->first;

	barrier->first = token->next;
	if (!barrier->first)
		barrier->end = &barrier->first;
	barrier->count--;
	token->next = NULL;
	return token;
}

void barrier_clear(struct barrier *barrier)
{
	while (barrier->first)
		free(take_first(barrier));
}

static struct barrier_token *take_same(
	struct barrier *barrier, const char *service, const void *text, size_t size)
{
	struct barrier_token **link = &barrier->first, *token;

	while ((token = *link) && (strcmp(token->service, service) != 0 || strlen(token->text) != size ||
					  memcmp(token->text, text, size) != 0))
		link = &token->next;
	if (!token)
		return NULL;
	*link = token->next;
	if (!*link)
		barrier->end = link;
	barrier->count--;
	return token;
}

static struct barrier_token *new_token(const char *service, const void *text, size_t size)
{
	struct barrier_token *token = calloc(1, sizeof *token);

	if (!token)
		return NULL;
	strcpy(token->service, service);
	memcpy(token->text, text, size);
	return token;
}

int barrier_add(struct barrier *barrier, const char *service, const void *text, size_t size)
{
	struct barrier_token *token;

	if (size >= BARRIER_TOKEN_SIZE || memchr(text, '\0', size) || strlen(service) >= BARRIER_SERVICE_SIZE)
		return -EINVAL;
	token = take_same(barrier, service, text, size);
	if (!token)
		token = new_token(service, text, size);
	if (!token)
		return -ENOMEM;
	if (barrier->count == BARRIER_TOKENS_MAX)
		free(take_first(barrier));
	token->next = NULL;
	token->question = barrier->asked + 1;
	*barrier->end = token;
	barrier->end = &token->next;
	barrier->count++;
	return 0;
}

static bool has_new_token(const struct barrier *barrier)
{
	for (const struct barrier_token *token = barrier->first; token; token = token->next)
		if (token->question > barrier->asked)
			return true;
	return false;
}

int64_t barrier_due_ms(const struct barrier *barrier, int64_t now_ms)
{
	int64_t pause_ms = barrier->interval_ms;
	int64_t left_ms;

	if (!has_new_token(barrier))
		return -1;
	if (barrier->asked > barrier->answered && pause_ms < PATIENCE_MS)
		pause_ms = PATIENCE_MS;
	left_ms = barrier->asked_ms + pause_ms - now_ms;
	return left_ms > 0 ? left_ms : 0;
}

void barrier_ask(struct barrier *barrier, int64_t now_ms, char ret_question[BARRIER_QUESTION_SIZE])
{
	barrier->asked++;
	barrier->asked_ms = now_ms;
	snprintf(ret_question, BARRIER_QUESTION_SIZE, "%016" PRIx64 "-%" PRIu64, barrier->generation,
		barrier->asked);
}

struct barrier_token *barrier_answered(struct barrier *barrier, const char *question)
{
	struct barrier_token *proven = NULL, **end = &proven;
	uint64_t generation, number;

	if (sscanf(question, "%16" SCNx64 "-%" SCNu64, &generation, &number) != 2 ||
		generation != barrier->generation || number > barrier->asked || number <= barrier->answered)
		return NULL;
	barrier->answered = number;
	while (barrier->first && barrier->first->question <= number) {
		*end = take_first(barrier);
		end = &(*end)->next;
	}
	return proven;
}
