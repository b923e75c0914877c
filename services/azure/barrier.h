// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Tokens that wait for a proof that the hub has read all that went before them (protocol 6.5). IoT Hub sends nothing back to who sent it,
 * but it answers a question for the device's twin, and that question goes over the same connection behind the events. One question stands
 * for all tokens that came before it. Pure: tokens and answers go in, what to ask comes out.
 */
#ifndef AZURE_BARRIER_H
#define AZURE_BARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARRIER_TOKENS_MAX 1024 /* more are dropped, the oldest first: whoever sent one sends it again */
#define BARRIER_TOKEN_SIZE 64
#define BARRIER_SERVICE_SIZE 65
#define BARRIER_QUESTION_SIZE 40

struct barrier_token {
	struct barrier_token *next;
	uint64_t question; /* whose answer proves it */
	char service[BARRIER_SERVICE_SIZE];
	char text[BARRIER_TOKEN_SIZE];
};

struct barrier {
	uint64_t generation; /* of this process: an answer to an earlier one proves nothing */
	int64_t interval_ms; /* between two questions, which the hub counts and charges */
	uint64_t asked, answered; /* the last question */
	int64_t asked_ms;
	struct barrier_token *first, **end;
	size_t count;
};

void barrier_begin(struct barrier *barrier, uint64_t generation, int64_t interval_ms);
void barrier_clear(struct barrier *barrier);

/* @text waits for the next question, once. Returns 0, -EINVAL (too long, or a NUL in it) or -ENOMEM. */
int barrier_add(struct barrier *barrier, const char *service, const void *text, size_t size);

/* In how many ms a question is due; 0: now; -1: none. */
int64_t barrier_due_ms(const struct barrier *barrier, int64_t now_ms);

/* The next question, for the hub to repeat: written to @ret_question. */
void barrier_ask(struct barrier *barrier, int64_t now_ms, char ret_question[BARRIER_QUESTION_SIZE]);

/* @question, which may have more behind it, was answered. Returns the tokens that are proven by it, the caller's to free; NULL: none. */
struct barrier_token *barrier_answered(struct barrier *barrier, const char *question);

#endif
