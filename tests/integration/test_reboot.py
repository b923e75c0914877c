# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The service `reboot` on a machine whose boots are simulated: one order is one reboot and one final state, whatever is killed meanwhile;
what must not reboot a device, does not."""
import json
import time

import pytest

from device_kit import SLOWER, states, wait_for
from reboot_kit import Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with Machine(tmp_path_factory.mktemp("machine")) as one:
        one.start()
        yield one


@pytest.fixture
def fresh(tmp_path):
    """Makes a machine with these settings."""
    machines = []

    def make(**settings):
        one = Machine(tmp_path, **settings)
        machines.append(one)
        return one.__enter__()
    try:
        yield make
    finally:
        for one in machines:
            one.__exit__(None)


_numbers = iter(range(1000))


@pytest.fixture
def identity():
    return f"r{next(_numbers)}"


# --- one order

def test_same_id_five_times_is_one_reboot(machine, identity):
    count, old = len(machine.asked()), machine.boots[-1]
    for _ in range(3):
        machine.cloud.command("start", identity, reason="new kernel")
    machine.wait_until_asked()
    machine.cloud.command("start", identity, reason="new kernel")
    machine.boot()
    machine.cloud.command("start", identity, reason="new kernel")
    final = machine.cloud.final(identity)
    assert final["state"] == "succeeded"
    assert final["result"] == {"old_boot_id": old, "new_boot_id": machine.boots[-1], "reason": "new kernel"}
    assert states(machine.cloud.of(identity))[0] == "accepted"
    assert machine.asked()[count:] == [old]
    event = machine.wait_for_boot_event()
    assert event["cause"] == "ordered" and event["id"] == identity and event["reason"] == "new kernel"
    assert event["old_boot_id"] == old and 0 < event["down_ms"] < 60000
    machine.call("ping")
    assert machine.asked()[count:] == [old]


def test_retained_and_expired_orders_reboot_nothing(machine, identity):
    count, retained, expired = len(machine.asked()), f"{identity}-retained", f"{identity}-expired"
    try:
        machine.cloud.command("start", retained, retain=True)
        assert machine.cloud.final(retained)["error"]["code"] == "retained"
        machine.cloud.command("start", expired, expires="2001-01-01T00:00:00.000Z")
        assert machine.cloud.final(expired)["error"]["code"] == "expired"
        machine.boot()
        machine.cloud.command("start", expired, expires="2001-01-01T00:00:00.000Z")
        assert machine.call("status")["state"] == "idle"
        machine.kill()
        machine.cloud.command("start", f"{identity}-late", expires="2001-01-01T00:00:00.000Z")  # waits for the service
        machine.start()
        assert machine.cloud.final(f"{identity}-late")["error"]["code"] == "expired"
    finally:
        machine.cloud._paho.publish("cloud/command/reboot/start", "", 1, retain=True)
    assert [len(machine.cloud.of(name)) for name in (retained, f"{identity}-late")] == [1, 1]
    assert machine.call("status")["state"] == "idle" and len(machine.asked()) == count


def test_order_waits_on_over_restarts_of_the_service(machine, identity):
    machine.cloud.command("start", identity, delay_s=3)
    machine.cloud.wait_for_step(identity, "waiting")
    ordered = time.monotonic()
    for _ in range(2):
        machine.kill()
        machine.start()
    assert machine.service.stop() == 0
    machine.start()
    assert machine.call("status")["id"] == identity
    machine.wait_until_asked()
    assert time.monotonic() - ordered > 2.5
    machine.boot()
    assert machine.cloud.final(identity)["state"] == "succeeded"


def test_local_call_goes_on_over_a_restart_too(machine):
    answer = machine.call("start", delay_s=2, reason="local")
    assert answer == {"state": "waiting", "due_in_s": answer["due_in_s"]} and 1 <= answer["due_in_s"] <= 2
    machine.kill()
    machine.start()
    machine.wait_until_asked()
    machine.boot()
    event = machine.wait_for_boot_event()
    assert (event["cause"], event["reason"], event.get("id")) == ("ordered", "local", None)


def test_cancelled_order_stays_cancelled(machine, identity):
    count = len(machine.asked())
    machine.cloud.command("start", identity, delay_s=600)
    machine.cloud.wait_for_step(identity, "waiting")
    assert machine.cli.error("reboot", "start", {"delay_s": 1}) == "busy"
    machine.call("cancel")
    assert machine.cloud.final(identity)["error"]["code"] == "cancelled"
    assert machine.cli.error("reboot", "cancel") == "not-found"
    machine.kill()
    machine.start()
    assert machine.call("status")["state"] == "idle" and len(machine.asked()) == count


def test_order_of_a_boot_that_ended_otherwise_is_interrupted(machine, identity):
    count = len(machine.asked())
    machine.cloud.command("start", identity, delay_s=600)
    machine.cloud.wait_for_step(identity, "waiting")
    machine.boot()
    assert machine.cloud.final(identity)["error"]["code"] == "interrupted"
    assert machine.wait_for_boot_event()["cause"] == "unknown"
    assert len(machine.asked()) == count


@pytest.mark.parametrize("step_s", [86400, -86400])
def test_step_of_the_wall_clock_does_not_move_the_reboot(machine, identity, step_s):
    if not machine.shim:
        pytest.skip("no compiler")
    machine.cloud.command("start", identity, delay_s=3)
    machine.cloud.wait_for_step(identity, "waiting")
    began = time.monotonic()
    machine.step_file.write_text(str(step_s))
    machine.call("ping")
    machine.wait_until_asked()
    assert 2.5 < time.monotonic() - began < 5 * SLOWER
    machine.boot()
    assert machine.cloud.final(identity)["state"] == "succeeded"
    machine.step_file.write_text("0")


# --- who is asked

@pytest.mark.parametrize("state, force, word", [
    ("installing", False, "busy"), ("testing", False, "busy"), ("installing", True, None), ("rebooting", False, None), ("idle", False, None)])
def test_firmware_service_is_asked(machine, identity, state, force, word):
    count = len(machine.asked())
    machine.firmware.state, machine.firmware.asked = state, 0
    try:
        machine.cloud.command("start", identity, force=force)
        if word:
            final = machine.cloud.final(identity)
            assert final["error"]["code"] == word and state in final["error"]["message"]
            assert len(machine.asked()) == count
        else:
            machine.wait_until_asked()
            machine.boot()
            assert machine.cloud.final(identity)["state"] == "succeeded"
        assert machine.firmware.asked == (0 if force else 1)
    finally:
        machine.firmware.state = "idle"


# --- when it does not work

@pytest.mark.parametrize("say, said", [("echo not today", "not today"), ("printf 'Ger\\344t\\n'", "Ger?t")], ids=["words", "latin-1"])
def test_program_that_fails_is_told(fresh, identity, say, said):
    with_it = fresh()
    with_it.use_script(f"{say}; exit 3")
    with_it.start()
    with_it.cloud.command("start", identity)
    final = with_it.cloud.final(identity)
    assert final["error"] == {"code": "io-error", "message": f"other: exit status 3: {said}"}
    assert with_it.call("status")["state"] == "idle"
    order = json.loads((with_it.service.state_dir() / "order.json").read_text())
    assert order["phase"] == "ended"  # on disk too: a restart does not reboot after all


def test_program_that_is_missing_is_told(fresh, identity):
    without = fresh(command="/nowhere/reboot")
    without.start()
    without.cloud.command("start", identity)
    final = without.cloud.final(identity)
    assert final["error"]["code"] == "io-error" and "/nowhere/reboot" in final["error"]["message"]


def test_device_that_stays_up_has_failed(fresh, identity):
    stuck = fresh(reboot_timeout_s=2)
    stuck.use_script(f"echo $$ >{stuck.folder}/pid; exec sleep 600")
    stuck.start()
    stuck.cloud.command("start", identity)
    assert stuck.cloud.final(identity)["error"]["code"] == "timeout"
    pid = int((stuck.folder / "pid").read_text())
    wait_for("the program to be killed", lambda: not _runs(pid))
    stuck.boot()
    assert stuck.wait_for_boot_event()["cause"] == "unknown"


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().split()[2] != "Z"
    except OSError:
        return False


# --- guards

def refusal(machine, **args):
    return machine.cli.error("reboot", "start", args)


def test_guards_have_codes_of_their_own(fresh):
    guarded = fresh(min_uptime_s=300, reboots_per_hour=2, short_boots_max=3, short_boot_s=600)
    if not guarded.shim:
        pytest.skip("no compiler")
    guarded.start()
    assert refusal(guarded) == "too-early"
    for number in range(2):
        guarded.cloud.command("start", f"g{number}", force=True)
        guarded.wait_until_asked()
        guarded.boot()
        assert guarded.wait_for_boot_event().get("short_boots") == number + 1
    assert guarded.call("status")["reboots_last_hour"] == 2
    assert refusal(guarded) == refusal(guarded, force=True) == "rate-limited"
    guarded.boot()
    status = guarded.cloud.wait_for_status("degraded", "reboot")
    assert "3 boots in a row" in status["reason"]
    assert refusal(guarded, force=True) == "reboot-loop"
    guarded.set(reboots_per_hour=0)
    guarded.boot(uptime_s=599)  # grows up while it runs
    wait_for("the mark", lambda: "state" in guarded.cloud.status("reboot") and guarded.cloud.status("reboot")["state"] == "online")
    assert guarded.call("start", delay_s=60)["state"] == "waiting"
    guarded.call("cancel")
    guarded.boot()
    assert "short_boots" not in guarded.wait_for_boot_event(), "the boot before was a long one"


# --- why it was booted

@pytest.mark.parametrize("path, text, cause", [
    ("sys/class/watchdog/watchdog0/bootstatus", "32\n", "watchdog"),
    ("sys/devices/platform/soc/f800.rstc/power_on_reason", "brown-out reset\n", "power"),
    ("var/lib/systemd/pstore/1795000/dmesg-efi-1795000", "Panic#1 Part1\n", "panic")])
def test_the_kernel_is_believed(machine, path, text, cause):
    file = machine.root / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    machine.boot()
    event = machine.wait_for_boot_event()
    assert event["cause"] == cause and file.name in event["evidence"]
    assert "down_ms" not in event, "nobody knows when it went down"
    if cause != "panic":
        file.unlink()
    machine.boot()
    assert machine.wait_for_boot_event()["cause"] == "unknown"
