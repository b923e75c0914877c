# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Durable events while everything on their way is killed, cut and frozen: none is lost, order is kept, a repeat says that it is one."""
import time

import pytest

from fault_kit import (SEED, at_random_times, cut_link, device, freeze_local_broker, how_many, kill_cloud_broker,
                       kill_local_broker, kill_publisher, measured, only_long, record, swallow_link,
                       wait_until)

COUNT = how_many(3000, 10000)
RATE = how_many(750, 500)
WINDOW = 400  # events that are sent and not confirmed: what one kill can make come twice


def run(faults, seed, count=COUNT, rate=RATE, timeout_s=120):
    """Returns the balance after everything is whole again."""
    print(f"seed {seed}")
    with device() as it:
        it.publish_events(count, f"rate={rate}")
        at_random_times(it, faults, count / rate, seed)
        healed = time.monotonic()
        it.events_should_be_confirmed_within(timeout_s)
        balance = it.account_events()
        figures = {**balance.figures(), "healed_s": round(time.monotonic() - healed, 1)}
        assert it.is_alive("worker")
    return balance, figures


def assert_in_order(balance, count, faults):
    assert not balance.faults(), balance.faults()
    assert len(balance.log.tried) == count
    assert balance.repeats <= len(faults) * WINDOW


@pytest.mark.parametrize("turn", range(how_many(1, 6)))
def test_brokers_are_killed_and_links_cut(turn):
    faults = [kill_local_broker] * how_many(2, 5) + [kill_cloud_broker] * how_many(1, 3) + [cut_link] * how_many(1, 3)
    balance, figures = run(faults, SEED + turn)
    record("durable events, brokers killed and links cut", f"run {turn + 1}", {"faults": len(faults), **figures})
    assert_in_order(balance, COUNT, faults)


@pytest.mark.parametrize("turn", range(how_many(1, 3)))
def test_publisher_is_killed(turn):
    faults = [kill_publisher(COUNT, f"rate={RATE}")] * how_many(4, 20)
    balance, figures = run(faults, SEED + turn)
    record("durable events, publisher killed", f"run {turn + 1}", {"faults": len(faults), **figures})
    assert_in_order(balance, COUNT, faults)
    assert len(balance.log.undecided) <= len(faults)


@only_long
@pytest.mark.parametrize("turn", range(how_many(1, 3)))
def test_everything_at_random(turn):
    faults = [kill_local_broker, kill_cloud_broker, cut_link, swallow_link, freeze_local_broker,
              kill_publisher(COUNT, f"rate={RATE}")] * 3
    balance, figures = run(faults, SEED + turn)
    record("durable events, all faults at random", f"run {turn + 1}", {"faults": len(faults), **figures})
    assert_in_order(balance, COUNT, faults)


@only_long
def test_hundred_kills_of_the_broker_and_of_the_publisher():
    """One long life: 100 000 events."""
    count, rate = 100000, 400
    faults = [kill_local_broker] * 100 + [kill_publisher(count, f"rate={rate}")] * 100
    balance, figures = run(faults, SEED, count, rate, timeout_s=1500)
    record("durable events, 100 000", "100 + 100 kills", {"faults": len(faults), **figures})
    name = "of 100 000 durable events over 100 kills of the broker and 100 of the publisher"
    measured(f"lost {name}", len(balance.lost) + len(balance.gaps), 0)
    measured(f"out of order {name}", len(balance.out_of_order), 0)
    measured(f"repeats that do not say so, {name}", len(balance.twice | balance.contradictions), 0)
    measured(f"repeats {name}", balance.repeats, len(faults) * WINDOW)
    assert_in_order(balance, count, faults)


def test_power_cut_while_the_cloud_is_away():
    """kill -9 of publisher and broker while nothing is delivered; afterwards all of it comes, in order, in one stream."""
    count = how_many(2000, 20000)
    with device() as it:
        it.close_link()
        it.publish_events(count, f"rate={how_many(2000, 4000)}")
        wait_for_numbers(it, count // 2)
        it.kill_broker("local")
        it.start_broker("local")
        wait_for_numbers(it, count * 3 // 4)
        it.kill_service("worker")
        it.kill_broker("local")
        it.start_broker("local")
        it.publish_events(count, "rate=4000")
        wait_for_numbers(it, count)
        it.kill_service("worker")
        it.kill_broker("local")
        it.start_broker("local")
        it.start_service("worker")  # publishes nothing: what comes is from the disk
        assert not it.account_events().arrived
        it.heal_link()
        healed = time.monotonic()
        wait_until("all have come", lambda: it.account_events().arrived >= it.log().accepted, 120)
        balance = it.account_events()
        record("durable events, power cut while the cloud is away", "all", {
            **balance.figures(), "healed_s": round(time.monotonic() - healed, 1)})
        measured(f"lost of {count} durable events, power cut while the cloud is away", len(balance.lost) + len(balance.gaps), 0)
        assert not balance.faults(), balance.faults()
        assert len({arrival.stream for arrival in balance.firsts}) == 1


def wait_for_numbers(it, count):
    wait_until(f"{count} numbers", lambda: len(it.log().tried) >= count, 120)
