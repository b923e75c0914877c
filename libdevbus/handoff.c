// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Connecting and subscribing are the calls of Paho that wait for the broker, so they run here. A thread lives only as
 * long as its work: an idle service has one thread. The one atomic orders all that both threads touch: it hands the work back, and
 * decides who frees it when the loop's side gives up waiting.
 */
#include "handoff.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum outcome { RUNNING, FINISHED, ABANDONED };

/* Shared by both threads. The helper owns the work while RUNNING, and uses the fd until it is joined. */
struct errand {
	const struct handoff_functions *functions;
	void *work;
	_Atomic enum outcome outcome;
	int done_fd;
};

struct handoff {
	const struct handoff_functions *functions;
	void *userdata;
	struct loop_watch *watch;
	struct errand *errand; /* NULL: idle */
	struct errand *ended; /* its work is back, and its thread not joined yet; NULL: none */
	pthread_t thread;
	int done_fd;
};

static void free_without_work(struct errand *errand)
{
	close(errand->done_fd);
	free(errand);
}

static void free_errand(struct errand *errand)
{
	errand->functions->free_work(errand->work);
	free_without_work(errand);
}

static void *run_errand(void *argument)
{
	struct errand *errand = argument;
	enum outcome expected = RUNNING;
	uint64_t one = 1;

	errand->functions->work(errand->work);
	if (!atomic_compare_exchange_strong(&errand->outcome, &expected, FINISHED))
		free_errand(errand);
	else if (write(errand->done_fd, &one, sizeof one) < 0)
		abort(); /* an eventfd that counts to one cannot be full */
	return NULL;
}

/* Late, when the thread has long gone: to wait for its last instructions is one more wake-up for each piece of work. */
static void join_ended(struct handoff *handoff)
{
	if (!handoff->ended)
		return;
	pthread_join(handoff->thread, NULL);
	free_without_work(handoff->ended);
	handoff->ended = NULL;
}

static void collect(int fd, uint32_t events, void *userdata)
{
	struct handoff *handoff = userdata;
	const struct handoff_functions *functions = handoff->functions;
	struct errand *errand = handoff->errand;
	uint64_t count;
	void *work;

	(void)events;
	if (!errand || read(fd, &count, sizeof count) < 0 || atomic_load(&errand->outcome) != FINISHED)
		return;
	work = errand->work;
	handoff->errand = NULL;
	handoff->ended = errand;
	functions->done(work, handoff->userdata); /* may free the hand-over */
	functions->free_work(work);
}

int handoff_new(struct loop *loop, const struct handoff_functions *functions, void *userdata,
	struct handoff **ret_handoff)
{
	struct handoff *handoff = malloc(sizeof *handoff);
	int r;

	if (!handoff)
		return -ENOMEM;
	*handoff = (struct handoff) { .functions = functions, .userdata = userdata };
	handoff->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (handoff->done_fd < 0) {
		r = -errno;
		free(handoff);
		return r;
	}
	r = loop_watch(loop, handoff->done_fd, EPOLLIN, collect, handoff, &handoff->watch);
	if (r < 0) {
		close(handoff->done_fd);
		free(handoff);
		return r;
	}
	*ret_handoff = handoff;
	return 0;
}

static int start_thread(pthread_t *ret_thread, struct errand *errand)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(ret_thread, NULL, run_errand, errand);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int handoff_start(struct handoff *handoff, void *work)
{
	struct errand *errand;
	int r;

	if (handoff->errand)
		return -EBUSY;
	errand = malloc(sizeof *errand);
	if (!errand)
		return -ENOMEM;
	/* A descriptor of its own: one that is abandoned may outlive the hand-over. */
	*errand = (struct errand) { handoff->functions, work, RUNNING,
		fcntl(handoff->done_fd, F_DUPFD_CLOEXEC, 0) };
	if (errand->done_fd < 0) {
		r = -errno;
		free(errand);
		return r;
	}
	join_ended(handoff);
	r = start_thread(&handoff->thread, errand);
	if (r < 0) {
		close(errand->done_fd);
		free(errand);
		return r;
	}
	handoff->errand = errand;
	return 0;
}

bool handoff_busy(const struct handoff *handoff)
{
	return handoff->errand != NULL;
}

int handoff_wait(struct handoff *handoff, uint32_t timeout_ms)
{
	struct pollfd done = { .fd = handoff->done_fd, .events = POLLIN };
	int r;

	if (!handoff->errand)
		return 0;
	do
		r = poll(&done, 1, (int)timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return -ETIMEDOUT;
	collect(handoff->done_fd, EPOLLIN, handoff);
	return 0;
}

bool handoff_free(struct handoff *handoff)
{
	bool abandoned = false;

	if (!handoff)
		return false;
	join_ended(handoff);
	if (handoff->errand) {
		enum outcome expected = RUNNING;

		abandoned = atomic_compare_exchange_strong(&handoff->errand->outcome, &expected, ABANDONED);
		if (abandoned)
			pthread_detach(handoff->thread);
		else {
			pthread_join(handoff->thread, NULL);
			free_errand(handoff->errand);
		}
	}
	loop_unwatch(handoff->watch);
	close(handoff->done_fd);
	free(handoff);
	return abandoned;
}
