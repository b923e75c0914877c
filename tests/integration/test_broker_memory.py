# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A memory of the broker that is damaged, and what the broker's unit does when its broker has failed (etc/systemd/recover-broker)."""
import os
import subprocess

import pytest

from device_kit import Device, wait_for
from provision_kit import SOURCE, fake_program

RECOVER = SOURCE / "etc" / "systemd" / "recover-broker"
FAILED = {"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "3"}  # as systemd says it


def cut_short(memory):
    return memory[:len(memory) // 2 + 3]


def overwritten(memory):
    return b"\xff" * 512 + memory[512:]


def of_another_version(memory):
    return memory[:15] + b"not mosquitto" + memory[28:]


def full_of_lengths(memory):
    return memory[:60] + b"\x7f" * (len(memory) - 60)


@pytest.fixture
def device(tmp_path):
    """It has stopped; its broker remembers a message."""
    device = Device(tmp_path / "device")
    with device, device.caller("tester") as caller:
        caller._paho.publish("service/tester/state/kept", "word" * 1000, 1, retain=True).wait_for_publish(10)
    return device


def memory_of(device):
    return device.output / "data" / "mosquitto.db"


def aside(device):
    return device.output / "data" / "mosquitto.db.damaged"


def remembers(device):
    """Its next broker does."""
    with device, device.caller("tester") as caller:
        caller.listen("service/tester/state/+")
        assert caller.send("service/tester/state/now", "word") == 0
        wait_for("what comes after all that was kept", lambda: caller.got("service/tester/state/now"))
        return bool(caller.got("service/tester/state/kept"))


def recover(device, environment=os.environ, **result):
    done = subprocess.run([RECOVER, memory_of(device).parent], env={**environment, **(result or FAILED)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("damage", [cut_short, overwritten, of_another_version, full_of_lengths])
def test_broker_starts_after_its_memory_was_damaged(device, damage):
    damaged = damage(memory_of(device).read_bytes())
    memory_of(device).write_bytes(damaged)
    with pytest.raises(AssertionError, match="Couldn't open database"):
        device.start()
    said = recover(device)
    assert "Couldn't open database" in said and f"{memory_of(device)}; it is mosquitto.db.damaged now" in said
    assert aside(device).read_bytes() == damaged and not memory_of(device).exists()
    assert not remembers(device)


@pytest.mark.parametrize("result", [FAILED, {"SERVICE_RESULT": "core-dump", "EXIT_STATUS": "SEGV"}, {"SERVICE_RESULT": "timeout"}])
def test_good_memory_stays_where_it_is(device, result):
    assert recover(device, **result) == "" and not aside(device).exists()
    assert remembers(device)


@pytest.mark.parametrize("result", [{"SERVICE_RESULT": "success"}, {"SERVICE_RESULT": "signal", "EXIT_STATUS": "KILL"}])
def test_broker_that_has_started_is_not_suspected(device, result):
    memory_of(device).write_bytes(cut_short(memory_of(device).read_bytes()))
    assert recover(device, **result) == "" and not aside(device).exists()


def test_broker_that_starts_with_nothing_is_not_the_fault_of_its_memory(device, tmp_path):
    broken = fake_program(tmp_path / "bin", "mosquitto", "echo 'Error: no such library' >&2; exit 127\n")
    assert "no such library" in recover(device, broken) and not aside(device).exists()
    assert remembers(device)


def test_newest_damage_is_kept(device):
    for word in (b"first", b"second"):
        memory_of(device).write_bytes(word)
        recover(device)
        assert aside(device).read_bytes() == word
    assert sorted(path.name for path in memory_of(device).parent.iterdir()) == ["mosquitto.db.damaged"]
