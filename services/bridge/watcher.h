// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the parts of the service share. */
#ifndef BRIDGE_WATCHER_H
#define BRIDGE_WATCHER_H

#include "cause.h"
#include "heartbeat.h"
#include "roster.h"
#include "stray.h"

#include <limits.h>

struct question;
struct tunnel;

struct watcher {
	struct devbus *bus;
	struct bridge_settings settings;
	char cloud_conf[PATH_MAX];

	struct heartbeat heartbeat;
	bool asking; /* an echo is under way */
	struct devbus_timer *beat; /* the next echo */

	struct cause cause;
	struct devbus_worker *looker; /* looks at the way while it is closed */
	struct devbus_timer *look; /* the next one */
	struct tunnel *tunnel; /* NULL: the broker goes to the cloud by itself */

	struct roster roster;
	struct stray_queue strays;
	struct question *questions; /* pings that are not decided */
	bool broker_answers; /* to the ping of ourselves that goes with them */
	struct devbus_timer *tick; /* NULL: nothing is to be judged */
};

/* Monotonic, in ms. */
int64_t watcher_now_ms(void);

/* The way to the cloud: subscribes, and begins with an echo. Returns 0 or a negative errno. */
int beat_start(struct watcher *watcher);
void beat_connected(struct watcher *watcher);
void beat_tell(struct watcher *watcher); /* publishes how the link is, and why */

/* Why the way is closed. Costs nothing while it is open. Returns 0 or a negative errno. */
int diagnosis_start(struct watcher *watcher);
void diagnosis_stop(struct watcher *watcher);
void diagnosis_follow(struct watcher *watcher); /* after each change of the link */
/* What the tunnel has met, for the log and the status. */
void diagnosis_met(struct watcher *watcher, const char *trouble);

/* The way of the bridge, where it needs TLS. Returns 0 or a negative errno, and the log says why. */
int tunnel_start(struct watcher *watcher);
void tunnel_stop(struct watcher *watcher);

/* The other services, and commands for those that are none. Returns 0 or a negative errno. */
int judge_start(struct watcher *watcher);
void judge_stop(struct watcher *watcher);

#endif
