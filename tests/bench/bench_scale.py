# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What grows with what: the reach of one event, the subscriptions of one service, the services of one broker."""
import contextlib
import time

from bench_kit import ALL_CORES, Program, cpu_ns, is_built, place, wait_for


@contextlib.contextmanager
def neighbours(bench, many, role="server", **options):
    """That many services chat-0, chat-1, ... Options that are functions are given the number of each."""
    with contextlib.ExitStack() as stack:
        programs = []
        for i in range(many):
            chosen = {key: value(i) if callable(value) else value for key, value in options.items()}
            programs.append(bench.device.devbus(f"chat-{i}", role, ALL_CORES, **chosen))
            stack.callback(programs[-1].__exit__)
        for program in programs:
            program.wait_until_ready()
        yield programs


def talking(bench, count, interval_ms):
    """Each hears one other and, with @interval_ms, is heard by one."""
    return neighbours(bench, count, peer=lambda i: f"chat-{(i + 1) % count}", subscriptions=1, interval_ms=interval_ms)


def fan_out(bench):
    """One publisher at QoS 0 to many: from the first publish until the last subscriber has the last event."""
    device = bench.device
    place(device.process.pid, ALL_CORES)
    for turn in range(bench.rounds):
        for reach in bench.reaches:
            count = max(20, bench.deliveries // reach)
            with neighbours(bench, reach, "subscriber", peer="bench-b", count=count + 1) as subscribers:
                broker_ns = cpu_ns(device.process.pid)
                with device.devbus("bench-b", "publisher", ALL_CORES, peer="bench-a", qos=0, count=count) as publisher:
                    began_s = publisher.figures()["began_s"]
                heard = [subscriber.figures(20) for subscriber in subscribers]
                broker_ns = cpu_ns(device.process.pid) - broker_ns
            bench.table.add("fan-out", "devbus", reach, turn, delivered=sum(one["count"] for one in heard) / reach / (count + 1),
                            us_each=1e6 * (max(one["ended_s"] for one in heard) - began_s) / count / reach,
                            broker_us=broker_ns / 1000 / count / reach)


def subscriptions(bench):
    """Events at QoS 0 for one of many subscriptions of one service: its processor time for each."""
    device, count = bench.device, bench.events // 2
    for turn in range(bench.rounds):
        for many in bench.subscriptions:
            began = time.monotonic()
            with device.devbus("bench-a", "subscriber", peer="bench-b", subscriptions=many, count=count + 1) as subscriber:
                ready_s = time.monotonic() - began
                with device.devbus("bench-b", "publisher", peer="bench-a", qos=0, count=count) as publisher:
                    publisher.figures()
                bench.table.add("subscriptions", "devbus", many, turn, ready_s=ready_s, **subscriber.figures(20))


# ---- start and reconnect

STARTS = [  # contender, program, whether it speaks MQTT by itself
    ("libmosquitto", "bench-mosquitto", True),
    ("MQTTClient", "bench-paho", True),
    ("devbus", "bench-devbus", False),
]


def start(bench):
    """From exec to connected and subscribed; of a service of devbus, to its status online at another client."""
    device = bench.device
    with device.caller("monitor") as watcher:
        watcher.listen("service/bench-a/status")
        for turn in range(bench.starts):
            for contender, program, mqtt in STARTS:
                if not is_built(program):
                    continue
                since, began = len(watcher.messages), time.monotonic()
                if mqtt:
                    with Program(program, "server", peer="bench-b", **device.as_user("bench-a")):
                        took_s = time.monotonic() - began
                else:
                    with device.devbus("bench-a", "server"):
                        took_s = wait_for("online", lambda: first_online(watcher, since)) - began
                bench.table.add("start", contender, "exec to online", turn, ms=1000 * took_s)


def first_online(watcher, since):
    return next((message.at for message in watcher.got("service/bench-a/status", since)
                 if not message.retain and message.json()["state"] == "online"), None)


def births(watcher):
    """Name -> incarnation and moment, of those that are online."""
    found = {}
    for message in watcher.got("service/+/status"):
        status = message.json()
        if status["state"] == "online":
            found[message.topic] = (status["incarnation"], message.at)
    return found


def reconnect(bench):
    """A broker that is killed and back a second later: from its return until all services have subscribed again and said so."""
    device = bench.device
    for turn in range(bench.rounds):
        for count in bench.returners:
            with talking(bench, count, None):
                with device.caller("monitor") as watcher:
                    watcher.listen("service/+/status")
                    wait_for("all online", lambda: sum("chat-" in name for name in births(watcher)) == count)
                    before = births(watcher)
                device.kill()
                time.sleep(1)
                device.start()
                began = time.monotonic()
                with device.caller("monitor") as watcher:
                    watcher.listen("service/+/status")
                    wait_for("all back", lambda: all_back(before, births(watcher)), 60)
                    last = max(at for _, at in births(watcher).values())
                bench.table.add("reconnect", "devbus", count, turn, ms=1000 * (last - began))


def all_back(before, now):
    return all(now.get(name, (0, 0))[0] > incarnation for name, (incarnation, _) in before.items())
