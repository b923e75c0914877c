# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A command runs at most once and has exactly one final state, whatever is killed in the middle of it (protocol 4.3, 4.4). The
sender does what protocol 4.4 asks of it: it repeats the same id until it sees an event."""
import datetime
import random
import time

import pytest

from fault_kit import SEED, device, how_many, record, wait_until

from accounting import Commands

FINAL = ("succeeded", "failed", "rejected")


def events_of(it):
    return [message.event() for message in it.cloud.find(lambda m: m.topic.startswith("cloud/event/worker/"))]


def seen(it):
    return {event.get("id") for event in events_of(it)}


def ended(it):
    return {event.get("id") for event in events_of(it) if event.get("state") in FINAL}


def repeat_until_all_ended(it, orders, timeout_s=60):
    """@orders: id -> (command, arguments). Only those are repeated of which nothing was seen."""
    end = time.monotonic() + timeout_s
    while left := set(orders) - ended(it):
        assert time.monotonic() < end, f"no final state after {timeout_s} s: {sorted(left)[:5]} ({len(left)})"
        for identity in left - seen(it):
            it.send_command("worker", *orders[identity], identity=identity)
        time.sleep(1)


def figures_of(it, orders, kills):
    commands, log = Commands(events_of(it)), it.log()
    states = [commands.state(identity) for identity in orders]
    return {"commands": len(orders), "kills": kills, "succeeded": states.count("succeeded"), "failed": states.count("failed"),
            "rejected": states.count("rejected"), "no_final": states.count(None), "ran_twice": sum(n > 1 for n in log.ran.values()),
            "resumed": sum(log.resumed.values())}


@pytest.mark.parametrize("victim", ["service", "broker", "both"])
def test_commands_while_the_service_or_the_broker_is_killed(victim):
    count, chance = how_many(20, 100), random.Random(SEED)
    kills, orders = how_many(3, 20), {}
    print(f"seed {SEED}")
    with device() as it:
        it.start_service("worker")
        moments = set(chance.sample(range(count), kills))
        for number in range(count):
            identity = f"c{number}"
            orders[identity] = (chance.choice(["work", "careful"]), {"ms": chance.randrange(1, 300)})
            it.send_command("worker", *orders[identity], identity=identity)
            if chance.random() < 0.3:
                it.send_command("worker", *orders[identity], identity=identity)  # as MQTT may do as well
            time.sleep(chance.uniform(0, 0.05))
            if number not in moments:
                continue
            if victim != "broker":
                it.kill_service("worker")
            if victim != "service":
                it.kill_broker("local")
                it.start_broker("local")
            if victim != "broker":
                it.start_service("worker")
        repeat_until_all_ended(it, orders)
        figures = figures_of(it, orders, kills)
        record("commands, exactly one final state each", f"{victim} killed", figures)
        it.commands_should_be_in_order(orders)
        # Known for good: a repeat gets the last event again, with the seq that it had, and runs nothing.
        it.stop_service("worker")
        it.start_service("worker")
        mark, identity = it.cloud.mark(), "c0"
        it.send_command("worker", *orders[identity], identity=identity)
        wait_until("the repeated event", lambda: [m for m in it.cloud.find(lambda m: m.event().get("id") == identity, mark)])
        it.commands_should_be_in_order(orders)


def test_same_id_ten_times_around_restarts():
    with device() as it:
        it.start_service("worker")
        for turn in range(10):
            it.send_command("worker", "careful", {"ms": 200}, identity="again")
            if turn % 3 == 1:
                it.kill_service("worker")
                it.start_service("worker")
        it.command_should_end_within(20, "worker", "careful", "again", "succeeded")
        wait_until("all ten are answered", lambda: it.statistics_of("worker")["requests_pending"] <= 1)
        it.commands_should_be_in_order(["again"])


def test_same_id_with_other_arguments_is_refused_after_a_restart_too():
    with device() as it:
        it.start_service("worker")
        it.send_command("worker", "work", {"ms": 1}, identity="mine")
        it.command_should_end_within(10, "worker", "work", "mine", "succeeded")
        it.kill_service("worker")
        it.start_service("worker")
        it.forget_messages()
        it.send_command("worker", "work", {"ms": 2}, identity="mine")
        it.should_receive_within(10, "event/worker/work", id="mine", state="rejected", error__code="duplicate-id")
        assert it.log().ran["mine"] == 1


def test_a_command_that_kills_the_service_each_time_is_given_up():
    """The loop breaker: taken up again a few times, then failed; the service is not held down for ever."""
    with device() as it:
        it.start_service("worker")
        it.send_command("worker", "die", identity="poison")
        for _ in range(8):
            wait_until("the worker died or lives on", lambda: not it.is_alive("worker") or "poison" in ended(it), 10)
            if "poison" in ended(it):
                break
            it.kill_service("worker")
            it.start_service("worker", wait="no")
        it.command_should_end_within(5, "worker", "die", "poison", "failed")
        assert it.log().ran["poison"] <= 6


def test_unfinished_command_is_told_after_a_crash_without_being_repeated():
    with device() as it:
        it.start_service("worker")
        it.send_command("worker", "work", {"ms": 60000}, identity="long")
        it.should_receive_within(10, "event/worker/work", id="long", state="accepted")
        wait_until("its begin", lambda: it.log().ran["long"])  # it is accepted first
        it.kill_service("worker")
        it.start_service("worker")
        it.command_should_end_within(10, "worker", "work", "long", "failed", "interrupted")
        assert it.log().ran["long"] == 1


def test_commands_sent_while_everything_is_down_arrive_once():
    with device() as it:
        it.start_service("worker")
        it.send_command("worker", "work", identity="before")
        it.command_should_end_within(10, "worker", "work", "before", "succeeded")
        it.stop_service("worker")
        it.send_command("worker", "work", identity="service-down")
        it.stop_broker("local")
        it.send_command("worker", "work", identity="broker-down")
        it.close_link()
        it.send_command("worker", "work", identity="link-down")
        it.start_broker("local")
        it.heal_link()
        it.start_service("worker")
        sent = ["service-down", "broker-down", "link-down"]
        for identity in sent:
            it.command_should_end_within(20, "worker", "work", identity, "succeeded")
        it.commands_should_be_in_order(sent)


def test_expired_while_the_service_was_down():
    def in_seconds(seconds):
        return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    with device() as it:
        it.start_service("worker")
        it.send_command("worker", "work", identity="first")
        it.command_should_end_within(10, "worker", "work", "first", "succeeded")
        it.stop_service("worker")
        it.send_command("worker", "work", identity="late", expires=in_seconds(1))
        it.send_command("worker", "work", identity="in-time", expires=in_seconds(60))
        time.sleep(2)
        it.start_service("worker")
        it.command_should_end_within(10, "worker", "work", "in-time", "succeeded")
        it.command_should_end_within(10, "worker", "work", "late", "rejected", "expired")
        assert not it.log().ran["late"]


def test_retained_command_runs_never():
    """Also at a second connect of the service."""
    with device() as it:
        it.send_raw("command/worker/work", '{"id":"kept"}', retain=True)
        it.start_service("worker")
        time.sleep(1)
        it.stop_service("worker")
        it.start_service("worker")
        it.send_command("worker", "ping", identity="after")
        it.command_should_end_within(10, "worker", "ping", "after", "succeeded")
        assert it.log().ran["kept"] <= 1, "through a bridge it may look like a live one, once"
        it.send_raw("command/worker/work", "", retain=True)
