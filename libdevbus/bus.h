// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What the modules of floor 3 share: the bus itself, its subscriptions, and how to send. Each module keeps its
 * own part of `struct devbus` and touches no other's.
 */
#ifndef DEVBUS_INTERNAL_BUS_H
#define DEVBUS_INTERNAL_BUS_H

#include "clock.h"
#include "envelope.h"
#include "error.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "outbox.h"
#include "settings.h"
#include "stats.h"
#include "store.h"
#include "topic.h"
#include <devbus/devbus.h>
#include <stdatomic.h>

#define BUS_REASON_SIZE 256

/* The outside world, to be replaced in tests. */
struct bus_parts {
	const struct clock *clock; /* NULL: the system's, with the setting clock_sync */
	int (*link_new)(
		struct loop *loop, const struct link_events *events, void *userdata, struct link **ret_link);
};
int bus_open(const struct devbus_options *options, const struct bus_parts *parts, struct devbus **ret_bus);

/* Each is defined by the module of that name. */
struct status;
struct states;
struct calls;
struct server;
struct durable;
struct echo;
struct configured;
struct public_sources;

typedef void bus_message_handler(struct devbus *bus, const struct link_message *message, void *userdata);

struct bus_subscription {
	struct link_filter filter; /* string owned by the bus */
	bus_message_handler *handler;
	void (*free_userdata)(void *userdata); /* NULL: not owned */
	void *userdata;
	int reason; /* the broker's last answer; >= 0x80: refused */
	bool shared; /* another one has the same filter */
	bool removed; /* freed when no message is being delivered */
};

struct devbus {
	char name[TOPIC_LEVEL_MAX + 1];
	char *version;
	char *config_dir;
	char *http_proxy; /* as it was in the environment */
	unsigned flags;
	struct settings settings;
	char *password;
	char client_id[200];
	char state_dir[PATH_MAX];
	char boot_id[CLOCK_BOOT_ID_SIZE];
	int lock_fd;

	struct clock clock;
	int64_t started_ms;
	struct clock_trust clock_trust;
	struct loop *loop;
	struct link *link;
	struct store *store; /* NULL: a caller */
	struct stats stats;

	/* connection.c */
	bool connected, connecting, closing;
	bool greeting; /* on_connected() is at work: what is queued is sent at its end */
	unsigned failures; /* in a row, for the back-off */
	int64_t connected_ms;
	struct loop_timer *reconnect, *again;
	struct bus_subscription **subscriptions; /* number id - 1; NULL: free */
	size_t subscription_count;
	unsigned delivering;
	bool subscribe_pending, removed_some;
	bool refusal_told; /* in the status */

	struct outbox *outbox;
	struct status *status;
	struct states *states;
	struct calls *calls;
	struct server *server;
	struct echo *echo; /* NULL: a caller */
	struct durable *durable; /* NULL: a caller */
	struct configured *configured;
	struct public_sources *sources;
	uint64_t refusals_told; /* by devbus_flush() */
	atomic_bool quit;
};

/* ---- connection.c */

/* Connects now, and for ever after. */
int bus_timers(struct devbus *bus); /* makes those of the connection */
void bus_start(struct devbus *bus);
extern const struct link_events bus_link_events;

/* Says good-bye to the broker once what waits is sent, @timeout_ms at most. */
void bus_disconnect(struct devbus *bus, uint32_t timeout_ms);

/* ---- subscriptions.c */

/*
 * Adds a subscription, asked for now or at the next connect. @filter->filter is copied, @filter->id is given by the bus; @userdata
 * is taken on success. 0, -EINVAL or -ENOMEM.
 */
int bus_subscribe(struct devbus *bus, const struct link_filter *filter, bus_message_handler *handler,
	void *userdata, void (*free_userdata)(void *userdata));
/* The same in place of the one with this filter and @handler, if there is one; it stays when this fails. */
int bus_resubscribe(struct devbus *bus, const struct link_filter *filter, bus_message_handler *handler,
	void *userdata, void (*free_userdata)(void *userdata));
int bus_unsubscribe(struct devbus *bus, const char *filter, bus_message_handler *handler);
void bus_free_subscriptions(struct devbus *bus);

void subscriptions_answered(void *userdata, uint32_t id, int reason);
void subscriptions_message(void *userdata, const struct link_message *message);
/* Asks for those that the broker has not answered yet. */
void subscriptions_ask(struct devbus *bus);
/* All of them, for a connect; the strings are borrowed, the caller frees the array. 0 or -ENOMEM. */
int subscriptions_list(struct devbus *bus, struct link_filter **ret_filters, size_t *ret_count);

/* ---- bus.c */

/* Memory was too short for something that nobody will ask for again: status, states, subscriptions, what is on disk. In a second. */
void bus_try_again(struct devbus *bus);

/* Queues @message and sends what can be sent. 0 or a negative errno of outbox_add(); -EMSGSIZE. */
int bus_send(struct devbus *bus, const struct outbox_message *message);

/* The same for an object, printed. @object is taken, also on failure. */
struct bus_packet {
	enum outbox_class class;
	bool cloud;
	const char *topic;
	int qos;
	bool retain;
	const char *response_topic;
	const void *correlation;
	size_t correlation_size;
	void (*acknowledged)(int reason, void *userdata);
	void *userdata;
	uint64_t dropped;
};
int bus_send_json(struct devbus *bus, const struct bus_packet *packet, struct devbus_json *object);

/* Times a handler of the user's: names it in the log and counts it when it blocked too long. */
int64_t bus_enter(struct devbus *bus);
void bus_leave(struct devbus *bus, int64_t entered_ms, const char *kind, const char *name);

int64_t bus_wall_ms(const struct devbus *bus);
bool bus_clock_unsynced(const struct devbus *bus);
bool bus_trusted_ms(struct devbus *bus, int64_t *ret_wall_ms); /* as clock_trusted_ms() */

/* Makes one object of @payload: strict, within the limit. Empty is NULL and fine. 0, -EBADMSG, -EMSGSIZE, -ENOMEM. */
int bus_parse(const struct devbus *bus, const struct link_message *message, struct devbus_json **ret_object,
	struct devbus_error *ret_error);

/* ---- state.c: locks the state folder and opens the store in it; after status_new(), which is told of damage. 0 or a negative errno */
int state_open(struct devbus *bus);

/* ---- status.c: birth, will, incarnation, what systemd is told */
int status_new(struct devbus *bus);
void status_free(struct devbus *bus);
int status_next_will(struct devbus *bus, char **ret_will); /* before each connect; the caller frees it */
void status_connected(struct devbus *bus);
void status_try_again(struct devbus *bus);
void status_connect_failed(struct devbus *bus);
void status_offline(struct devbus *bus, const char *reason);
/* Problems that the library sees: each kind has one reason at a time; NULL clears it. */
enum status_problem {
	STATUS_SERVICE,
	STATUS_SUBSCRIPTIONS,
	STATUS_STORE,
	STATUS_REFUSED,
	STATUS_CONFIG,
	STATUS_DAMAGE,
	STATUS_PROBLEMS,
};
int status_problem(struct devbus *bus, enum status_problem problem, const char *reason); /* 0 or -ENOMEM */

/* ---- publish.c: states that are published again */
void states_connected(struct devbus *bus);
void states_try_again(struct devbus *bus);
bool states_wait(const struct devbus *bus); /* for the next connection */
void states_free(struct devbus *bus);

/* ---- call.c */
int calls_new(struct devbus *bus);
void calls_connected(struct devbus *bus);
void calls_lost(struct devbus *bus); /* after outbox_lost() */
void calls_free(struct devbus *bus);
size_t calls_pending(const struct devbus *bus);
/* As devbus_call(), with the reply topic that nobody else may read, not even `monitor` (protocol 7.5). */
int call_for_secret(struct devbus *bus, const struct devbus_call *from, uint64_t *ret_id);

/* ---- serve.c, command-tell.c */
void commands_closing(struct devbus *bus); /* the last chance for final states that the disk refused */
void server_free(struct devbus *bus);
size_t server_pending(const struct devbus *bus);

/* ---- config.c, sources.c */
void config_free(struct devbus *bus);
void sources_free(struct devbus *bus);

#endif
