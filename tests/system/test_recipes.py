# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The recipes of doc/sensors.md as they stand in doc/examples: readings and alarms leave the cloud's broker for a database and a program."""
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

from DevbusLibrary import BUILD, SOURCE, DevbusLibrary, wait_until

SLOWER = 4 if "-fsanitize" in os.environ.get("DEVBUS_CFLAGS", "") else 1
EXAMPLES = SOURCE / "doc" / "examples"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    chip = root / "sys" / "class" / "hwmon" / "hwmon0"
    chip.mkdir(parents=True)
    (chip / "name").write_text("boiler\n")
    (chip / "temp1_input").write_text("20000\n")
    return root


@pytest.fixture(scope="module")
def device(root):
    device = DevbusLibrary()
    try:
        device.start_device("--cloud-prefix", "devices/%d", "--sensor-root", root)
        yield device
    finally:
        device.stop_device()


def configure(device, values):
    identity = device.send_command("config", "set", {"section": "sensor", "values": values})
    device.command_should_end_within(10 * SLOWER, "config", "set", identity, "succeeded")


def temperature(root, value):
    new = root / "new"
    new.write_text(f"{value}\n")
    new.rename(root / "sys" / "class" / "hwmon" / "hwmon0" / "temp1_input")


class Recipe:
    def __init__(self, *words, **more):
        self.words, self.more = words, more

    def __enter__(self):
        self.process = subprocess.Popen(list(map(str, self.words)), stdin=subprocess.DEVNULL, start_new_session=True, **self.more)
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, 9)
        self.process.wait(10)


def consumer(device, file):
    return Recipe(os.environ.get("PYTHON3") or "python3", EXAMPLES / "readings-to-sqlite.py", "--port", device.cloud.port, file,
                  stdout=subprocess.DEVNULL)


def grafana_query():
    """As a reader copies it."""
    text = (SOURCE / "doc" / "sensors.md").read_text()
    return re.search(r"```sql\n(.*?)```", text, re.DOTALL).group(1)


def rows(file, query, **values):
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            return database.execute(query, values).fetchall()
    except sqlite3.OperationalError:  # it is not there yet
        return []


@pytest.mark.parametrize("batch", [False, True], ids=["reports", "packs"])
def test_readings_reach_a_database(device, root, tmp_path, batch):
    file = tmp_path / "readings.db"
    temperature(root, 21500)
    configure(device, {"report_interval_ms": 1000, "batch": batch, "sensors": {"boiler-temp1": {
        "alarms": {"hot": {"when": "above", "limit": 60, "hysteresis": 5}}}}})
    with consumer(device, file):
        # The first report may still have an older value in its mean.
        wait_until("the value in Grafana's query", lambda: any(
            time > 1.7e9 and value == 21.5 for time, value in rows(
                file, grafana_query(), device="testbed", sensor="boiler-temp1")), 20 * SLOWER)
        names = {name for name, in rows(file, "SELECT DISTINCT what FROM readings WHERE sensor = 'boiler-temp1'")}
        assert names == {"min", "max", "mean", "count", "last"}
    # What happens while nobody listens waits at the broker, if it is durable.
    temperature(root, 61000)
    device.should_receive_within(10 * SLOWER, "event/sensor/alarm", state="set")
    with consumer(device, file):
        wait_until("the alarm", lambda: rows(file, "SELECT value FROM alarms WHERE alarm = 'hot' AND state = 'set'") == [(61,)],
                   20 * SLOWER)
    temperature(root, 20000)
    device.should_receive_within(10 * SLOWER, "event/sensor/alarm", state="clear")
    device.forget_messages()


@pytest.mark.skipif(not shutil.which("jq"), reason="there is no jq")
def test_alarms_reach_a_program(device, root, tmp_path):
    temperature(root, 20000)
    configure(device, {"sensors": {"boiler-temp1": {"alarms": {"hot": {"when": "above", "limit": 60, "hysteresis": 5}}}}})
    mails = tmp_path / "mails"
    mail = tmp_path / "mail"
    mail.write_text(f"#!/bin/sh\necho \"to $1\" >>{mails}; cat >>{mails}\n")
    mail.chmod(0o755)
    with Recipe(EXAMPLES / "alarms-to.sh", "--dir", device.folder / "bed", "devices/+/event/sensor/alarm", "--", mail, "operator",
                env={**os.environ, "PATH": f"{BUILD / 'tools'}:{os.environ['PATH']}"}):
        def rings():  # until the recipe listens, nobody hears it
            temperature(root, 65500)
            device.should_receive_within(10 * SLOWER, "event/sensor/alarm", state="set")
            temperature(root, 20000)
            device.should_receive_within(10 * SLOWER, "event/sensor/alarm", state="clear")
            device.forget_messages()
            return mails.exists() and "clear" in mails.read_text()
        wait_until("mail", rings, 40 * SLOWER)
    text = mails.read_text()
    assert re.search(r"^to operator\n\S+Z devices/testbed/event/sensor/alarm boiler-temp1: hot set, 65\.5 Cel \(limit 60\)$", text, re.MULTILINE), text
    assert re.search(r"hot clear, 20 Cel", text), text
