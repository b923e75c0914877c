# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Links that die without a word, brokers that hang, clocks that jump."""
import os
import time

import pytest

from fault_kit import device, how_many, record, wait_until

SANITIZED = "-fsanitize" in os.environ.get("DEVBUS_CFLAGS", "")


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


@pytest.mark.parametrize("who", ["local-broker", "cloud-broker", "worker"])
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


@pytest.mark.skipif(SANITIZED, reason="a preloaded library and a sanitizer's do not go together")
@pytest.mark.parametrize("step_s", [-3600, 10 * 365 * 86400], ids=["back an hour", "on ten years"])
def test_clock_steps_during_an_outage(step_s):
    """Nothing is given up for its age, commands go on, and the way back is found as fast as without a step."""
    with device(clock="steps") as it:
        it.publish_events(1500, "rate=500")
        wait_until("some events", lambda: len(it.log().accepted) > 300)
        it.kill_broker("local")
        it.step_clock(step_s)
        time.sleep(1)
        it.start_broker("local")
        started = time.monotonic()
        it.events_should_be_confirmed_within(30)
        balance = it.no_events_should_be_lost()
        record("clock steps during an outage", f"{step_s} s", {
            **balance.figures(), "healed_s": round(time.monotonic() - started, 1)})
        it.send_command("worker", "work", identity="after")
        it.command_should_end_within(10, "worker", "work", "after", "succeeded")
