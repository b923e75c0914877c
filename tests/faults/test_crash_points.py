# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The same id is delivered ten times around restarts, and the service is killed at points spread evenly over the life of the command, counted
in system calls from its delivery to the confirmation of its final state (protocol 4.3, 4.4). Real broker, bridge and service."""
import os
import signal
import subprocess
import time

import pytest

from fault_kit import device, how_many, record, wait_until

from DevbusLibrary import BUILD
from accounting import FINAL_STATES, Commands

KILL_AT = BUILD / "tests" / "faults" / "kill-at"
POINTS = how_many(2, 50)


class Tracer:
    """Kills the worker at its system call number @at from now on; 0: counts them only."""

    def __init__(self, it, at):
        self.process = subprocess.Popen([KILL_AT, str(it.process_id("worker")), str(at)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        if self.process.stdout.readline() != "ready\n":
            self.process.wait(10)
            pytest.skip(f"processes may not be traced here: {self.process.stderr.read().strip()}")

    def calls(self):
        self.process.send_signal(signal.SIGUSR1)
        return int(self.process.stdout.readline())

    def end(self):
        """With the worker."""
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()


def events_of(it, identity):
    return [event for message in it.cloud.find(lambda m: m.topic.startswith("cloud/event/worker/"))
            if (event := message.event()).get("id") == identity]


def has_final(it, identity):
    return any(event["state"] in FINAL_STATES for event in events_of(it, identity))


def length_of_life(it, command):
    """In system calls: until the final state is confirmed, and nothing more is to be done."""
    identity = f"{command}-whole"
    it.start_service("worker")
    tracer = Tracer(it, 0)
    it.send_command("worker", command, {"ms": 20}, identity=identity)
    wait_until("a final state", lambda: has_final(it, identity))
    last = -1
    while (calls := tracer.calls()) != last:
        last = calls
        time.sleep(0.5)  # longer than the bridge takes to answer
    tracer.end()
    it.kill_service("worker")
    return last


class Sender:
    """Delivers one id ten times, and knows how often."""

    def __init__(self, it, command, identity):
        self.it, self.command, self.identity, self.sent = it, command, identity, 0

    def send(self, times):
        for _ in range(times):
            self.it.send_command("worker", self.command, {"ms": 20}, identity=self.identity)
        self.sent += times


def live_and_be_killed(it, command, identity, at):
    """Returns whether an event was seen before the kill."""
    sender = Sender(it, command, identity)
    it.start_service("worker")
    tracer = Tracer(it, at)
    sender.send(3)
    wait_until("the kill", lambda: not it.is_alive("worker") or tracer.process.poll() is not None, 20)
    tracer.end()
    it.kill_service("worker")
    it.cloud.catch_up()
    seen = bool(events_of(it, identity))
    sender.send(1)  # while it is down
    it.start_service("worker")
    sender.send(3)
    wait_until("a final state", lambda: has_final(it, identity), 30)
    it.stop_service("worker")
    it.start_service("worker")
    mark = it.cloud.mark()
    sender.send(3)
    wait_until("the last three are answered", lambda: sum(m.event().get("id") == identity for m in it.cloud.find(lambda m: True, mark)) >= 3)
    it.stop_service("worker")
    assert sender.sent == 10
    return seen


@pytest.mark.skipif(not os.access(KILL_AT, os.X_OK), reason="kill-at is not built")
@pytest.mark.parametrize("command", ["work", "careful"])
def test_one_execution_and_one_final_state_wherever_it_is_killed(command):
    with device() as it:
        calls = length_of_life(it, command)
        identities, seen = [], 0
        for point in range(POINTS):
            identity = f"{command}-{point}"
            identities.append(identity)
            seen += live_and_be_killed(it, command, identity, 1 + (2 * point + 1) * calls // (2 * POINTS))
        events = [m.event() for m in it.cloud.find(lambda m: m.topic.startswith("cloud/event/worker/"))]
        commands, log = Commands(events), it.log()
        states = [commands.state(identity) for identity in identities]
        ran = [log.ran[identity] for identity in identities]
        record("one id delivered ten times, service killed", command, {
            "points": POINTS, "of_calls": calls, "deliveries": 10 * POINTS, "seen_before": seen, "ran_once": ran.count(1),
            "ran_twice": sum(n > 1 for n in ran), "taken_up": sum(log.resumed[identity] for identity in identities),
            "succeeded": states.count("succeeded"), "failed": states.count("failed"), "no_final": states.count(None)})
        it.commands_should_be_in_order(identities)
