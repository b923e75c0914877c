# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Links that die without a word, brokers that hang, clocks that jump."""
import datetime
import os
import threading
import time

import pytest

from fault_kit import device, how_many, measured, only_long, own_network, record, resources_of, wait_until

SANITIZED = "-fsanitize" in os.environ.get("DEVBUS_CFLAGS", "")
KEEPALIVE_S = 5  # of services and bridge: DevbusLibrary's
NOTICED_S = 2 * KEEPALIVE_S + 1
BACK_S = 5


def seconds_until(what, condition, timeout_s):
    began = time.monotonic()
    wait_until(what, condition, timeout_s)
    return round(time.monotonic() - began, 2)


def incarnation_of(it, name="worker"):
    return it.status_of(name).get(name, {}).get("incarnation", 0)


def state_of(it, name):
    return it.status_of(name).get(name, {}).get("state")


class DiskWatch:
    """How long the disk takes for a few bytes, at worst: a durable event cannot be faster, whatever the broker does."""

    def __init__(self, folder):
        self.slowest_ms, self._path, self._end = 0, folder / "disk-watch", threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with self._path.open("wb", buffering=0) as file:
            while not self._end.wait(0.1):
                began = time.monotonic()
                file.write(b"x" * 4096)
                os.fdatasync(file.fileno())
                self.slowest_ms = max(self.slowest_ms, round(1000 * (time.monotonic() - began)))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(60)


# --- brokers that hang

def test_dead_link_swallows_for_a_while():
    """Nobody is told; when it heals, all arrives, in order."""
    with device() as it:
        it.publish_events(1500, "rate=500")
        wait_until("some events", lambda: len(it.log().accepted) > 300)
        it.black_hole_link()
        time.sleep(how_many(2, 30))
        it.heal_link()
        healed = time.monotonic()
        it.events_should_be_confirmed_within(60)
        balance = it.no_events_should_be_lost()
        record("dead link of the bridge", f"{how_many(2, 30)} s", {
            **balance.figures(), "healed_s": round(time.monotonic() - healed, 1)})


@pytest.mark.parametrize("who", ["cloud-broker", "worker"])
def test_freeze(who):
    seconds = how_many(2, 60)
    with device() as it:
        it.publish_events(1500, "rate=500")
        wait_until("some events", lambda: len(it.log().accepted) > 300)
        it.freeze(who)
        before = len(it.log().accepted)
        time.sleep(seconds)
        if who != "worker":
            wait_until("the publisher goes on", lambda: len(it.log().accepted) > min(before + 200, 1490), 5)
        it.thaw(who)
        healed = time.monotonic()
        it.events_should_be_confirmed_within(60)
        balance = it.no_events_should_be_lost()
        record("frozen", f"{who}, {seconds} s", {**balance.figures(), "healed_s": round(time.monotonic() - healed, 1)})


def test_frozen_local_broker_blocks_nobody():
    """Two services publish, durable and reliable, and call all the time; the broker stops in the middle of it."""
    seconds, rate = how_many(2, 60), 200
    count, kinds = rate * (seconds + 4), {"worker": "durable", "flood": "reliable"}
    with device() as it, DiskWatch(it.folder) as disk:
        for name, kind in kinds.items():
            it.publish_events(count, f"kind={kind}", f"rate={rate}", "calls=50", service=name)
        for name in kinds:
            wait_until("some events", lambda n=name: len(it.log(n).accepted) > rate)
        before = {name: resources_of(it.process_id(name))["memory_kib"] for name in kinds}
        it.freeze("local-broker")
        time.sleep(seconds)
        growth = {name: resources_of(it.process_id(name))["memory_kib"] - before[name] for name in kinds}
        it.thaw("local-broker")
        for name, kind in kinds.items():
            it.events_should_be_confirmed_within(60, name)
            timing, stats, balance = it.call_method(name, "timing"), it.statistics_of(name), it.account_events(name)
            record("local broker frozen", f"{kind}, {seconds} s", {**balance.figures(), **timing, "before_kib": before[name]})
            assert not balance.lost and stats["messages_dropped"] == stats["events_dropped"] == 0
            assert timing["calls"] >= 50 * seconds * 0.7 and timing["calls"] - timing["outcomes"] <= 60, "each call has its outcome"
            name_of_run, disk_ms = f"{kind} events, broker frozen {seconds} s", disk.slowest_ms if kind == "durable" else 0
            if disk_ms:
                record("local broker frozen", "the disk by itself", {"slowest_fdatasync_ms": disk_ms})
            measured(f"ms, longest devbus_publish(), {name_of_run}", timing["publish_us"] / 1000, 50 + disk_ms)
            measured(f"ms, longest devbus_call(), {name_of_run}", timing["call_us"] / 1000, 50)
            measured(f"KiB of memory more, {name_of_run}", growth[name], stats["queue_limit_bytes"] // 1024)
        it.no_events_should_be_lost()


# --- links that drop what they carry

@pytest.mark.parametrize("traffic", [True, pytest.param(False, marks=only_long)], ids=["traffic", "idle"])
def test_silent_link_of_a_service(traffic):
    """Every packet to and from the local broker vanishes."""
    with own_network() as network, device() as it:
        it.publish_events(100000 if traffic else 1, "rate=50")
        wait_until("an event", lambda: it.log().accepted)
        wait_until("its status", lambda: state_of(it, "worker") == "online")
        before = incarnation_of(it)
        network.drop(it.service_port())
        noticed_s = seconds_until("noticing it", lambda: "trying again" in it.errors("worker"), 60)
        time.sleep(how_many(0, 20))  # attempts to connect run into the void
        network.restore()
        back_s = seconds_until("being back", lambda: incarnation_of(it) > before and state_of(it, "worker") == "online", 60)
        it.bridge_should_work_within(20)
        name = "traffic" if traffic else "idle"
        measured(f"s until a dead link to the local broker is noticed, {name}", noticed_s, NOTICED_S)
        measured(f"s until the service is back on it, {name}", back_s, BACK_S)


def test_silent_link_of_the_bridge():
    with own_network() as network, device() as it:
        wait_until("the watcher", lambda: state_of(it, "bridge") == "online")
        it.publish_events(100000, "rate=50")
        wait_until("some events", lambda: len(it.account_events().arrived) > 50)
        network.drop(it.link.port)
        noticed_s = seconds_until("noticing it", lambda: state_of(it, "bridge") == "degraded", 60)
        time.sleep(how_many(0, 20))
        network.restore()
        mark = it.cloud.mark()
        back_s = seconds_until("an event", lambda: it.cloud.find(lambda m: m.topic == "cloud/event/worker/number", mark), 60)
        told_s = seconds_until("the watcher", lambda: state_of(it, "bridge") == "online", 60)
        record("silent link of the bridge", "", {"noticed_s": noticed_s, "events_back_s": back_s, "status_back_s": back_s + told_s})
        measured("s until a dead link to the cloud is noticed", noticed_s, NOTICED_S)
        measured("s until events cross it again", back_s, BACK_S)


# --- clocks

def in_half_an_hour():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.mark.skipif(SANITIZED, reason="a preloaded library and a sanitizer's do not go together")
@pytest.mark.parametrize("step_s", [-3600, 10 * 365 * 86400], ids=["back an hour", "on ten years"])
def test_clock_steps_during_an_outage(step_s):
    """Nothing is given up for its age, no command expires by it, and the way back is found as fast as without a step."""
    with device("--set", "outbox_hours=1", clock="steps") as it:
        it.publish_events(1500, "rate=500")
        wait_until("some events", lambda: len(it.log().accepted) > 300)
        it.stop_broker("local")  # from here on it remembers the session of the worker (protocol 4.6)
        it.start_broker("local")
        wait_until("more events", lambda: len(it.log().accepted) > 600)
        before = incarnation_of(it)
        it.kill_broker("local")
        it.step_clock(step_s)
        sent = [it.send_command("worker", "work", identity=f"outage-{number}", expires=in_half_an_hour()) for number in range(20)]
        time.sleep(1)
        it.start_broker("local")
        name = f"clock steps by {step_s} s"
        back_s = seconds_until("being back", lambda: incarnation_of(it) > before, 60)
        it.events_should_be_confirmed_within(30)
        balance = it.no_events_should_be_lost()
        sent += [it.send_command("worker", "work", identity=f"after-{number}", expires=in_half_an_hour()) for number in range(20)]
        for identity in sent:
            it.command_should_end_within(20, "worker", "work", identity, "succeeded")
        it.send_command("worker", "work", identity="late", expires="2001-01-01T00:00:00.000Z")
        it.command_should_end_within(10, "worker", "work", "late", "rejected", "expired")
        record("clock steps during an outage", f"{step_s} s", {**balance.figures(), "commands": len(sent)})
        measured(f"s until the service is back, {name}", back_s, BACK_S)
        measured(f"events given up, {name}", it.statistics_of("worker")["events_dropped"], 0)
