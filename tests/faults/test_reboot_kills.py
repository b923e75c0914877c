# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The service `reboot` is killed before each of the system calls that a disk, the broker or the machine could see: the same order, sent five
times, is one reboot and one final state."""
import signal
import subprocess
import time
from pathlib import Path

import pytest

from device_kit import BUILD, SLOWER, end, is_final, wait_for
from fault_kit import how_many, record
from reboot_kit import Machine

KILL_AT = BUILD / "tests" / "faults" / "kill-at"


class Tracer:
    """Kills process @pid at its visible system call number @at from now on; 0: counts them only."""

    def __init__(self, pid, at):
        self.process = subprocess.Popen([KILL_AT, str(pid), str(at), "visible"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.end()
            pytest.skip(f"processes may not be traced here: {self.process.stderr.read().strip()}")

    def calls(self):
        self.process.send_signal(signal.SIGUSR1)
        return int(self.process.stdout.readline())

    def end(self):
        end(self.process)


def is_over(machine, identity, command="start"):
    return any(is_final(event) for event in machine.cloud.of(identity, command))


def start_traced(machine, at):
    """From the first call on."""
    machine.start(stopped=True, wait=False)
    pid = machine.service.process.pid
    wait_for("the stop", lambda: Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")
    tracer = Tracer(pid, at)
    machine.service.process.send_signal(signal.SIGCONT)
    return tracer


def order_under_kills(machine, identity, kill_at):
    """The same id five times, and the service killed once at its @kill_at-th call. Returns how many there were until the boot."""
    count, old, calls = len(machine.asked()), machine.boots[-1], 0
    machine.kill()
    tracer = start_traced(machine, kill_at)
    sent, rebooted, again = 0, False, time.monotonic()
    deadline = again + 60 * SLOWER
    while not is_over(machine, identity) or sent < 5:
        assert time.monotonic() < deadline, f"killed at {kill_at}: {machine.cloud.of(identity)} {machine.service.log()[-2000:]}"
        if time.monotonic() >= again:  # as a sender does: until it sees an event
            machine.cloud.command("start", identity, reason="kills")
            sent, again = sent + 1, time.monotonic() + 0.3
        if not machine.service.alive():
            machine.start(wait=False)
        if not rebooted and old in machine.asked()[count:]:
            rebooted = True
            calls = 0 if kill_at else tracer.calls()
            machine.boot()
        time.sleep(0.005)
    machine.call("ping")
    final = machine.cloud.final(identity)
    assert final["state"] == "succeeded", f"killed at {kill_at}: {final}"
    assert set(machine.asked()[count:]) == {old}, "in one boot only, so that there was one reboot"
    assert machine.call("status")["state"] == "idle"
    events = [event for event in machine.boot_events() if event.get("id") == identity]
    assert events and {(e["cause"], e["old_boot_id"], e["new_boot_id"]) for e in events} == {("ordered", old, machine.boots[-1])}
    tracer.end()
    return calls


def cancel_under_kills(machine, identity, kill_at):
    """An order is called off, and the service killed at the @kill_at-th call after the order was taken. Returns how many there were."""
    machine.kill()
    machine.start()
    machine.cloud.command("start", identity, delay_s=600)
    machine.cloud.wait_for_step(identity, "waiting")
    tracer = Tracer(machine.service.process.pid, kill_at)
    deadline, again = time.monotonic() + 60 * SLOWER, 0
    while not (is_over(machine, identity) and is_over(machine, f"{identity}-off", "cancel")):
        assert time.monotonic() < deadline, f"killed at {kill_at}: {machine.cloud.of(identity)} {machine.service.log()[-2000:]}"
        if time.monotonic() >= again:
            machine.cloud.command("cancel", f"{identity}-off")
            again = time.monotonic() + 0.3
        if not machine.service.alive():
            machine.start(wait=False)
        time.sleep(0.005)
    assert machine.cloud.final(f"{identity}-off", "cancel")["state"] == "succeeded"
    calls = 0 if kill_at else tracer.calls()
    machine.kill()
    machine.start()
    tracer.end()
    final = machine.cloud.final(identity)
    assert final["state"] == "failed" and final["error"]["code"] == "cancelled", f"killed at {kill_at}: {final}"
    assert machine.call("status")["state"] == "idle" and machine.asked() == []
    return calls


def test_order_that_is_called_off_stays_so_at_each_point(tmp_path):
    points = how_many(2, 15)
    with Machine(tmp_path) as machine:
        machine.start()
        total = cancel_under_kills(machine, "none", 0)
        for number in range(points):
            cancel_under_kills(machine, f"c{number}", 1 + number * total // points)
        record("reboot called off, service killed at a system call", f"{points} of {total} calls", {"orders": points + 1, "boots": 0})


def test_kill_at_each_point_is_one_reboot_and_one_final_state(tmp_path):
    points = how_many(5, 30)
    with Machine(tmp_path) as machine:
        machine.start()
        total = order_under_kills(machine, "none", 0)
        triggers = 0
        for number in range(points):
            count = len(machine.asked())
            order_under_kills(machine, f"k{number}", 1 + number * total // points)
            triggers += len(machine.asked()) - count
        record("reboot, service killed at a system call", f"{points} of {total} calls",
               {"orders": points + 1, "boots": len(machine.boots) - 1, "times asked for": triggers + 1})
        assert len(machine.boots) - 1 == points + 1
