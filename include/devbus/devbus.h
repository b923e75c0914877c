// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * libdevbus: one process on the device's MQTT bus.
 *
 * A service is a reactor. It opens the bus, registers tables and functions, and runs; everything
 * it registered is called from devbus_run() (or devbus_dispatch()), in that one thread, one at a time, with no
 * lock held. Connecting, resubscribing, retransmitting, the last will and the status are done for it.
 *
 * Threads: a bus belongs to the thread that opened it. Only devbus_quit() may be called from another
 * thread or from a signal handler. One bus may be open in a process at a time.
 *
 * A handler that blocks, blocks the service: past half of the keep-alive (setting keepalive_s, 10 s) the
 * broker may give the connection up. Longer handlers are counted and named in the log; do long work in a
 * worker (<devbus/worker.h>) or child process, and answer later.
 *
 * The process: SIGPIPE is ignored from the first attempt to connect on (Paho does so), and devbus_open() removes the environment variable
 * http_proxy until devbus_close() (Paho would obey it even for loopback). Do not fork() without exec() after it.
 *
 * Errors: functions return 0 or a negative errno; results go to ret_ parameters, untouched on failure.
 */
#ifndef DEVBUS_DEVBUS_H
#define DEVBUS_DEVBUS_H

#include <devbus/config.h>
#include <devbus/error.h>
#include <devbus/field.h>
#include <devbus/file.h>
#include <devbus/json.h>

#ifdef __cplusplus
extern "C" {
#endif

struct devbus;

/* ---------------------------------------- open and run */

enum devbus_open_flags {
	/*
	 * A caller, not a service: no status, no will, no methods, no lock, no state on disk, a session that
	 * ends with the connection, and any number of them at once under one user name. For tools.
	 */
	DEVBUS_CALLER = 1 << 0,
};

struct devbus_options {
	const char *name; /* the service: a topic level (protocol 1.3), also its user name. Required */
	const char *version; /* of the program, shown in its status; NULL: the library's */
	unsigned flags; /* of enum devbus_open_flags */
	const char *config_dir; /* NULL: $DEVBUS_CONFIG_DIR or the folder chosen at build time */
	const char *broker; /* HOST:PORT; NULL: from the settings */
	const char *user; /* NULL: from the settings */
	const char *password; /* NULL: from the settings. Borrowed until open returns, like all of these */
};

/*
 * Reads the settings (devbus.conf, devbus.d/NAME.conf, environment; see devbus.conf(5)), takes the lock of this name and
 * starts to connect. The broker need not be there: connecting goes on for ever, with exponential
 * back-off. What is wrong is also said in the log, with file and line.
 * Returns 0, -EINVAL (name or a setting), -EADDRINUSE (a service of this name runs already), -EBUSY (a bus is open in this process),
 * -ENOENT, -EACCES, -EROFS, -ENOSPC (state folder), -EPROTONOSUPPORT (its state is of a newer version), -ENOMEM or another negative errno.
 */
int devbus_open(const char *name, struct devbus **ret_bus);
int devbus_open_with(const struct devbus_options *options, struct devbus **ret_bus);

/*
 * Calls no handler any more, says "offline", sends what is still queued (2 s at most, setting stop_timeout_ms), disconnects and frees the
 * bus and everything registered with it; requests not yet answered and calls not yet decided are dropped without a
 * call back. NULL is fine. Not from inside a handler.
 */
void devbus_close(struct devbus *bus);

/*
 * Marks the service ready (devbus_ready()) and dispatches until devbus_quit(), SIGTERM or SIGINT. The two signals are
 * taken over for the time of the call. Not from inside a handler. Returns 0, or a negative errno if it cannot go on.
 */
int devbus_run(struct devbus *bus);

/* Ends devbus_run() soon. From any thread or signal handler; errno is kept. */
void devbus_quit(struct devbus *bus);

/*
 * For a foreign loop: one fd, borrowed until devbus_close(), that is readable (poll, level-triggered) when
 * devbus_dispatch() has something to do. devbus_dispatch() never waits. Not from inside a handler. Returns 0 or a negative errno.
 */
int devbus_fd(const struct devbus *bus);
int devbus_dispatch(struct devbus *bus);

/*
 * The main() of a service: the options --config-dir DIR, --help and --version, open, @start, run, @stop, close. In @start the service
 * reads its settings and registers its tables; a negative errno of it ends the program. @stop (may be NULL) is called
 * before devbus_close(), also after a start that failed (with what *ret_service was set to, else NULL).
 * Returns what main() returns: 0, 1 (it failed; the log says why) or 2 (wrong options).
 */
struct devbus_service {
	const char *name; /* as in struct devbus_options */
	const char *version; /* NULL: the library's */
	const char *summary; /* one sentence for --help */
	int (*start)(struct devbus *bus, void **ret_service);
	void (*stop)(void *service);
};
int devbus_main(int argc, char *argv[], const struct devbus_service *service);

/* ---------------------------------------- status */

/*
 * From "starting" to "online". systemd is told READY=1 (sd_notify(3)) once the broker has the status, or when the first
 * attempt to connect has failed: a broker that is late must not hold the boot up. devbus_run() calls this; only a
 * service in a foreign loop calls it itself.
 */
int devbus_ready(struct devbus *bus);

/*
 * Says that the service runs with a limitation: status "degraded" with @reason (copied; a sentence for a
 * person, cut after 255 bytes), until it is called with NULL. Problems that the library sees itself (a refused subscription, a full disk)
 * are kept apart from this one and shown as well. Returns 0 or -ENOMEM.
 */
int devbus_degraded(struct devbus *bus, const char *reason);

/* The service's name, user name and device id; borrowed until devbus_close(). */
const char *devbus_name(const struct devbus *bus);
const char *devbus_device_id(const struct devbus *bus);

/* What the environment variable http_proxy was, for programs that fetch something; NULL: not set. Borrowed until devbus_close(). */
const char *devbus_http_proxy(const struct devbus *bus);

/* Whether the broker is connected now. Good for display only: the answer is old when it arrives. */
bool devbus_connected(const struct devbus *bus);

/* This service's own folder for state, made if absent; borrowed until devbus_close(). NULL for a caller. */
const char *devbus_state_dir(const struct devbus *bus);

/*
 * The service's own settings: section [NAME] of devbus.conf and devbus.d/NAME.conf, then the
 * environment DEVBUS_<NAME>_<KEY>, into *@value. A key that the table does not know, or a wrong value, is an error
 * that names file and line in the log. Returns 0, -EINVAL, -ENOMEM or a negative errno of reading a file.
 */
int devbus_settings(struct devbus *bus, const struct devbus_field *fields, void *value);

/* ---------------------------------------- methods and commands */

/*
 * One call or command that wants an answer. The library's until it is answered; each is answered exactly once,
 * in the handler or later, by devbus_reply(), devbus_reply_json() or devbus_fail(), and is invalid from then on.
 */
struct devbus_request;

/*
 * Does the work, or starts it. @args is the struct of the method's table, borrowed until the handler returns
 * (NULL if the method has no table). Return 0 when the request was answered or will be; a negative errno
 * fails it with that error if it was not answered yet.
 */
typedef int devbus_handler(struct devbus_request *request, const void *args, void *userdata);

enum devbus_method_flags {
	DEVBUS_CLOUD = 1 << 0, /* also a command: cloud/command/<service>/<method> */
};

struct devbus_method {
	const char *name; /* a topic level (protocol 1.3) */
	devbus_handler *handler;
	const struct devbus_field *args; /* NULL: none */
	size_t args_size; /* sizeof the struct that @args describes */
	unsigned flags; /* of enum devbus_method_flags */
	/*
	 * Asked before a request is accepted, to refuse one that cannot run now: devbus_fail(request, DEVBUS_E_BUSY, ...)
	 * here makes a command "rejected". Must not begin any work. NULL: always admitted.
	 */
	devbus_handler *admit;
	/*
	 * Called from devbus_serve() for a command that was accepted before this process started and has no final state yet (after
	 * a crash, a power cut or a reboot that it ordered). NULL: it is failed as "interrupted".
	 */
	devbus_handler *resume;
	const struct devbus_field *result; /* for `describe` only; NULL: not described */
	const char *description; /* one sentence for people; may be NULL */
};

/*
 * Registers @methods (ended by { 0 }; borrowed until devbus_close()) as local calls service/<name>/call/<method> and,
 * where marked, as commands. `ping`, `describe` and `stats` are always there. Once per bus, before the first dispatch: the commands that
 * the broker kept come with the connection, and nobody keeps those that find no method.
 * Returns 0, -EINVAL (a method that cannot be; the log says why), -EALREADY, -EPERM (a caller serves nothing) or -ENOMEM.
 */
int devbus_serve(struct devbus *bus, const struct devbus_method *methods, void *userdata);

/*
 * Answers with the struct that @fields describes; (NULL, NULL): an empty object. The request is gone afterwards, also
 * on failure (then it was answered with "internal"). Returns 0 or a negative errno.
 */
int devbus_reply(struct devbus_request *request, const struct devbus_field *fields, const void *result);

/* The same with an object; @result is taken, also on failure. NULL is reported as -ENOMEM. */
int devbus_reply_json(struct devbus_request *request, struct devbus_json *result);

/* Answers "no": @code is one of DEVBUS_E_... or a word of the service's own; the rest is for people. */
int devbus_fail(struct devbus_request *request, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Tells how far a command is: event "running" with @percent (0..100; negative: not told) and @step (may be NULL) and a message (may
 * be NULL). Does nothing for a local call. Returns 0 or a negative errno.
 */
int devbus_progress(struct devbus_request *request, int percent, const char *step, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The id of the command, borrowed while the request lives; NULL: this is a local call. */
const char *devbus_request_id(const struct devbus_request *request);
const char *devbus_request_method(const struct devbus_request *request);
struct devbus *devbus_request_bus(const struct devbus_request *request);

/*
 * Where the answer goes, service/<caller>/reply/..., borrowed while the request lives; NULL: to the cloud. Only <caller> may read there
 * (protocol 5.5): so one may ask in another's name, but then the other gets the answer.
 */
const char *devbus_request_reply_topic(const struct devbus_request *request);

/* ---------------------------------------- publish and subscribe */

/* What is published where, and what it survives (protocol 1 and 6.1). */
enum devbus_publication {
	DEVBUS_STATE, /* service/<name>/state/<item>, retained, QoS 1: a value that late-comers need */
	DEVBUS_EVENT, /* service/<name>/event/<item>, QoS 1: something that happened, for this device */
	DEVBUS_EVENT_VOLATILE, /* the same at QoS 0: may be lost */
	DEVBUS_CLOUD_VOLATILE, /* cloud/event/<name>/<item>, QoS 0: may be lost */
	DEVBUS_CLOUD_RELIABLE, /* cloud/event/<name>/<item>, QoS 1: kept in memory while offline */
	DEVBUS_CLOUD_DURABLE, /* cloud/event/<name>/<item>, QoS 1: on disk before this returns */
};

/*
 * Publishes the struct that @fields describes as @item (a topic level). Events get the members `time` and, while the clock is not
 * synchronised, `clock` unless they have them. States are remembered and published again at each reconnect.
 * Never blocks on the broker. Returns 0 (sent or queued), -EINVAL, -EMSGSIZE (setting payload_limit_bytes), -ENOBUFS
 * (the queue is full of what is more important), -EPERM (a caller), -ENOMEM, or a negative errno of the disk (durable: it is not there).
 */
int devbus_publish(struct devbus *bus, enum devbus_publication what, const char *item,
	const struct devbus_field *fields, const void *value);

/* The same with an object; @object is taken, also on failure. NULL is reported as -ENOMEM. */
int devbus_publish_json(
	struct devbus *bus, enum devbus_publication what, const char *item, struct devbus_json *object);

/*
 * Asks whether the way to the cloud's broker is open now: sends a token over the bridge and back (protocol 6.5), and calls @handler exactly
 * once, never from inside: with the time it took, in ms, or with -ETIMEDOUT after @timeout_ms (1..3 600 000). One at a
 * time. Returns 0, -EBUSY, -EINVAL, -EPERM (a caller), or -ENOMEM.
 */
typedef void devbus_echo_handler(struct devbus *bus, int64_t took_ms, void *userdata);
int devbus_echo(struct devbus *bus, uint32_t timeout_ms, devbus_echo_handler *handler, void *userdata);

/*
 * Several durable events in one write to disk, which is what a write costs: between the two, devbus_publish() only takes them, up to
 * 1 MiB (-E2BIG: commit first); all of them are on disk when devbus_batch_commit() returns 0, or none; only a command in between writes
 * those taken so far. Returns 0, -EPERM (a caller), -EINVAL (no batch is open) or what devbus_publish() would have returned.
 */
int devbus_batch_begin(struct devbus *bus);
int devbus_batch_commit(struct devbus *bus);

/* A message that came in; everything in it is borrowed until the handler returns. */
struct devbus_message {
	const char *topic;
	const struct devbus_json *object; /* NULL: the payload is empty (a retained topic was cleared) */
	const void *value; /* the struct of the subscription's table; NULL without table or object */
	bool retained; /* it was there before we subscribed */
	int qos; /* as delivered: 0 or 1 */
};

typedef void devbus_message_handler(struct devbus *bus, const struct devbus_message *message, void *userdata);

/*
 * Subscribes to @filter (copied; MQTT wildcards + and #) at QoS 1, again after each reconnect. Payloads that are no
 * object, or do not fit @fields (may be NULL: take anything), are counted in `stats` and dropped. If the broker refuses the
 * filter, the status becomes "degraded" and names it. With the same @filter again the function is replaced.
 * Returns 0, -EINVAL (@filter) or -ENOMEM.
 */
int devbus_subscribe(struct devbus *bus, const char *filter, const struct devbus_field *fields,
	size_t value_size, devbus_message_handler *handler, void *userdata);

/* Undoes it; no call back follows. Returns 0 or -ENOENT. May be called from the handler itself. */
int devbus_unsubscribe(struct devbus *bus, const char *filter);

/*
 * For those who act for others (tools, watchers, adapters to a cloud): messages of any form, not checked, in place of
 * devbus_subscribe(); and publishing to any topic, as far as the broker's ACL allows; statuses and events get `time` and `clock` as
 * above. @payload is borrowed until the handler returns and ends with a NUL that @size does not count. @object is taken, also on
 * failure. devbus_publish_raw() publishes @size bytes of any form (NULL: none), not retained, and stamps nothing.
 * devbus_clear_topic() removes what is retained on a topic; a state of our own comes back at the next reconnect. Errors as above.
 */
typedef void devbus_raw_handler(struct devbus *bus, const char *topic, const void *payload, size_t size,
	bool retained, void *userdata);
int devbus_subscribe_raw(struct devbus *bus, const char *filter, devbus_raw_handler *handler, void *userdata);
int devbus_publish_topic(
	struct devbus *bus, const char *topic, int qos, bool retain, struct devbus_json *object);
int devbus_publish_raw(struct devbus *bus, const char *topic, int qos, const void *payload, size_t size);
int devbus_clear_topic(struct devbus *bus, const char *topic);

/*
 * For tools: dispatches until everything published is confirmed: durable events from beyond the bridge, all other ones by
 * the local broker. Returns 0, -ETIMEDOUT after @timeout_ms, -EACCES when the broker refused any of it since the last call (its
 * ACL; the log names the topic), or another negative errno. Not from a handler.
 */
int devbus_flush(struct devbus *bus, uint32_t timeout_ms);

/* Whether @topic falls under @filter (MQTT 5.0 section 4.7). */
bool devbus_topic_matches(const char *filter, const char *topic);

/* ---------------------------------------- calls */

/* How a call ended. Everything in it is borrowed until the handler returns. */
struct devbus_outcome {
	const char *code; /* NULL: it succeeded; else a word of protocol 2.3 */
	const char *message; /* for people; NULL when it succeeded */
	const struct devbus_json *result; /* NULL unless it succeeded */
};

typedef void devbus_outcome_handler(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata);

struct devbus_call {
	const char *service; /* topic level. Required */
	const char *method; /* topic level. Required */
	const struct devbus_field *args; /* describes @value; NULL: no arguments */
	const void *value;
	struct devbus_json *args_json; /* instead of @args and @value; taken, also on failure */
	uint32_t timeout_ms; /* 1..3 600 000; 0: 5 000 */
	devbus_outcome_handler *handler; /* NULL: nobody wants to know */
	void *userdata;
};

/*
 * Calls a method of another service. The handler is called exactly once, never from inside devbus_call(): with the result, the
 * error, or "timeout" (nobody answered, the broker is away, or the ACL does not let us ask). A call made
 * while the broker is away is sent when it is back within its time.
 * @ret_id (may be NULL) is for devbus_cancel(). Returns 0, -EINVAL, -EMSGSIZE, -ENOBUFS (setting
 * pending_calls_max), -EIO (no random number) or -ENOMEM; after a failure the handler is not called.
 */
int devbus_call(struct devbus *bus, const struct devbus_call *call, uint64_t *ret_id);

/* Forgets the call: its handler will not be called. Returns 0, or -ENOENT when it was decided already. */
int devbus_cancel(struct devbus *bus, uint64_t id);

/*
 * For tools: calls and dispatches until it is decided; other handlers run meanwhile. Returns 0 with *@ret_result (may be NULL;
 * the caller frees it), -EREMOTEIO with *@ret_error (may be NULL), or another negative errno. Not from a handler.
 */
int devbus_call_wait(struct devbus *bus, const struct devbus_call *call, struct devbus_json **ret_result,
	struct devbus_error *ret_error);

/* ---------------------------------------- timers and fds */

struct devbus_timer;
typedef void devbus_timer_handler(struct devbus *bus, void *userdata);

/*
 * Calls @handler every @interval_ms (1..2^31-1), or once after it, on the monotonic clock; steps of the wall clock change
 * nothing. Turns that were missed are left out, not made up for. @ret_timer (may be NULL) is borrowed: until
 * devbus_timer_stop(), and for devbus_after() until its handler was called. Returns 0, -EINVAL or -ENOMEM.
 */
int devbus_every(struct devbus *bus, uint32_t interval_ms, devbus_timer_handler *handler, void *userdata,
	struct devbus_timer **ret_timer);
int devbus_after(struct devbus *bus, uint32_t delay_ms, devbus_timer_handler *handler, void *userdata,
	struct devbus_timer **ret_timer);

/* No call back follows. NULL is fine. May be called from the handler itself. */
void devbus_timer_stop(struct devbus_timer *timer);

/*
 * Calls @handler while @fd (borrowed until devbus_unwatch()) is ready for @events (EPOLLIN, EPOLLOUT of epoll_ctl(2)).
 * Returns 0, -EEXIST, -EPERM (a file that cannot be polled), -EBADF or -ENOMEM.
 */
typedef void devbus_fd_handler(struct devbus *bus, int fd, uint32_t events, void *userdata);
int devbus_watch(struct devbus *bus, int fd, uint32_t events, devbus_fd_handler *handler, void *userdata);

/* Undoes it, before @fd is closed; no call back follows. Returns 0 or -ENOENT. May be called from the handler itself. */
int devbus_unwatch(struct devbus *bus, int fd);

/* ---------------------------------------- log and version */

enum devbus_log_level { DEVBUS_LOG_ERROR, DEVBUS_LOG_WARNING, DEVBUS_LOG_INFO, DEVBUS_LOG_DEBUG };

/*
 * One line to standard error: "<name>: text", with the priority prefix of sd-daemon(3) when standard error is the journal.
 * Shown up to the level of $DEVBUS_LOG (error, warning, info, debug; default info). From any thread; errno is kept.
 */
void devbus_log(enum devbus_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The version of the library at run time, such as "0.1.0"; a constant. */
const char *devbus_version(void);

/* The time now as RFC 3339 UTC with milliseconds (protocol 2.2), written to @text. From any thread. */
#define DEVBUS_TIME_SIZE 25
void devbus_time(char text[DEVBUS_TIME_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
