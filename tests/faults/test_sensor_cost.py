# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What 200 sensors, read once a second, cost: processor time and memory of the process, over a minute of its running life."""
import time

import pytest

from fault_kit import device, only_long, record
from device_kit import memory_kib

SENSORS, CHIPS, SECONDS = 200, 25, 60


@pytest.fixture
def root(tmp_path):
    for number in range(CHIPS):
        chip = tmp_path / "sys" / "class" / "hwmon" / f"hwmon{number}"
        chip.mkdir(parents=True)
        (chip / "name").write_text(f"chip{number}\n")
        for channel in range(SENSORS // CHIPS):
            (chip / f"temp{channel}_input").write_text(f"{20000 + 100 * number + channel}\n")
            (chip / f"temp{channel}_label").write_text(f"Place {channel}\n")
    return tmp_path


def processor_s(pid):
    """All threads, also those that have ended, in s (CPUCLOCK_SCHED of the process: clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


@only_long
@pytest.mark.parametrize("batch", [False, True], ids=["one message each", "packs"])
def test_two_hundred_sensors_are_cheap(root, batch):
    with device("--sensor-root", root) as it:
        identity = it.send_command("config", "set", {"section": "sensor", "values": {"batch": batch}})
        it.command_should_end_within(20, "config", "set", identity, "succeeded")
        pid = int((it.folder / "bed" / "run" / "sensor.pid").read_text())
        it.should_receive_within(20, "event/sensor/batch" if batch else "event/sensor/chip7-place-3")
        began, used = time.monotonic(), processor_s(pid)
        time.sleep(SECONDS)
        percent = 100 * (processor_s(pid) - used) / (time.monotonic() - began)
        memory = memory_kib(pid)
        record("200 sensors at 1 Hz", "packs" if batch else "one message each", {"% of a core": round(percent, 2), **memory})
        if not batch:
            it.forget_messages()  # the first report also has what was sampled before the configuration came
            event = it.should_receive_within(20, "event/sensor/chip7-place-3")
            assert 9 <= event["count"] <= 11
        assert percent < 2 and memory["RSS KiB"] < 6144
