# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The sensors of a sysfs that umockdev has made, with the kernel's links between class, bus and device, read by the service as it runs."""
import shutil
import subprocess

import pytest

from DevbusLibrary import SOURCE, DevbusLibrary

BOARD = SOURCE / "tests" / "data" / "umockdev" / "i2c-board.umockdev"
EXPECTED = {
    "lm75-1-0048-temp1": (25.5, "Cel", "good"),
    "lm75-1-0049-temp1": (-1, "Cel", "good"),
    "tmp401-remote": (None, "Cel", "error"),  # its driver says that the diode is broken
    "mcp3422-voltage0": (0.000256, "V", "good"),
    "thermal-cpu-thermal-temp": (48.312, "Cel", "good"),
}


@pytest.fixture
def sysfs():
    """The folder in which umockdev keeps its sysfs, for as long as its program runs."""
    if not shutil.which("umockdev-run"):
        pytest.skip("there is no umockdev")
    with subprocess.Popen(["umockdev-run", "-d", BOARD, "--", "sh", "-c", "echo $UMOCKDEV_DIR; read -r end"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()


def test_umockdev_board_is_read_exactly(sysfs):
    device = DevbusLibrary()
    try:
        device.start_device("--sensor-root", sysfs)
        identity = device.send_command("sensor", "read")
        readings = device.command_should_end_within(20, "sensor", "read", identity, "succeeded")["result"]["readings"]
        read = {r["sensor"]: (r["value"], r["unit"], r["quality"]) for r in readings if not r["sensor"].startswith("disk-")}
        assert read == EXPECTED
    finally:
        device.stop_device()
