# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Sensors as the cloud sees them, on a device whose chips are files: a sensor that hangs, a changed interval, alarms over a restart,
packs, and reports that are kept while the cloud is away."""
import datetime
import os
import time

import pytest

from DevbusLibrary import DevbusLibrary, wait_until
from fault_kit import LONG, record

SLOWER = 4 if "-fsanitize" in os.environ.get("DEVBUS_CFLAGS", "") else 1
CHIPS, CHANNELS = 4, 5
HUNG = "chip0-temp1"


def chip(root, number):
    return root / "sys" / "class" / "hwmon" / f"hwmon{number}"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """What a device of some chips has in sysfs."""
    root = tmp_path_factory.mktemp("root")
    for number in range(CHIPS):
        chip(root, number).mkdir(parents=True)
        (chip(root, number) / "name").write_text(f"chip{number}\n")
        for channel in range(1, CHANNELS + 1):
            (chip(root, number) / f"temp{channel}_input").write_text("20000\n")
    return root


@pytest.fixture(scope="module")
def device(root):
    device = DevbusLibrary()
    try:
        device.start_device("--cloud-prefix", "devices/%d", "--sensor-root", root)
        yield device
    finally:
        device.stop_device()


@pytest.fixture(autouse=True)
def from_here_on(device, root):
    for channel in range(1, CHANNELS + 1):
        put(chip(root, 1) / f"temp{channel}_input", 20000)
    configure(device, {"sample_interval_ms": None, "report_interval_ms": None, "batch": None, "spool": None, "sensors": None})
    device.forget_messages()


def put(path, value):
    """At once, as sysfs does: no reader sees an empty file."""
    new = path.with_name("new")
    new.write_text(f"{value}\n")
    new.rename(path)


def configure(device, values):
    identity = device.send_command("config", "set", {"section": "sensor", "values": values})
    device.command_should_end_within(10 * SLOWER, "config", "set", identity, "succeeded")


def told(device, topic, since):
    return [message.event() for message in device.cloud.find(lambda m: m.topic == f"cloud/event/sensor/{topic}", since)]


def when(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def state_of(device, service):
    return device.status_of(service).get(service, {})


def read(device, sensor):
    identity = device.send_command("sensor", "read", {"sensor": sensor})
    return device.command_should_end_within(10 * SLOWER, "sensor", "read", identity, "succeeded")["result"]["readings"][0]


# --- a source that hangs

def hang(device, root, settings, hung_s):
    """One reports each second, and one chip hangs for @hung_s. Returns the gaps between the reports of all others, what became of the one
    that hung, and the most threads that there were."""
    configure(device, {"report_interval_ms": 1000, "sensors": {HUNG: settings}})
    device.forget_messages()
    others = [f"chip{number}-temp{channel}" for number in range(1, CHIPS) for channel in range(1, CHANNELS + 1)]
    wait_until("the new rhythm", lambda: len(told(device, others[-1], device._mark)) >= 3, 20 * SLOWER)
    path, since, threads = chip(root, 0) / "temp1_input", device.cloud.mark(), 0
    path.unlink()
    os.mkfifo(path)
    pid = int((device.folder / "bed" / "run" / "sensor.pid").read_text())
    end = time.monotonic() + hung_s
    while time.monotonic() < end:
        threads = max(threads, len(os.listdir(f"/proc/{pid}/task")))
        time.sleep(0.05)
    device.forget_messages()  # it may have told the same value before
    with path.open("w") as fifo:  # there is a reader, so this does not wait
        fifo.write("33000\n")
    put(path, 33000)
    device.should_receive_within(5 * SLOWER, f"event/sensor/{HUNG}", quality="good", last=33)
    gaps = []
    for sensor in others:
        times = [when(event) for event in told(device, sensor, since)]
        assert len(times) >= hung_s - 2, f"{sensor}: {len(times)} reports in {hung_s} s"
        gaps += [after - before for before, after in zip(times, times[1:])]
    qualities = [event["quality"] for event in told(device, HUNG, since)]
    return sorted(abs(gap - 1) for gap in gaps), [q for i, q in enumerate(qualities) if i == 0 or q != qualities[i - 1]], threads


def check_hang(name, jitter, qualities, threads):
    record("a sensor that hangs", name, {"gaps": len(jitter), "jitter p95 ms": round(1000 * jitter[len(jitter) * 95 // 100], 1),
                                         "jitter max ms": round(1000 * jitter[-1], 1), "threads": threads})
    assert qualities[-3:] == ["stale", "error", "good"], qualities
    assert jitter[len(jitter) * 95 // 100] < 0.1 * SLOWER, f"{jitter[-20:]}"
    assert threads <= 4  # the loop, the one that hangs, the batch, and one that takes it over


def test_sensor_that_hangs_turns_stale_then_error_and_the_others_keep_their_rate(device, root):
    check_hang("5 s", *hang(device, root, {"stale_ms": 1200, "timeout_ms": 3000}, 5))


@pytest.mark.skipif(not LONG, reason="takes 30 s: make check-faults")
def test_sensor_that_hangs_for_half_a_minute(device, root):
    check_hang("30 s", *hang(device, root, {}, 30))


# --- configuration

def test_changed_interval_shows_at_the_cloud_within_a_second(device):
    configure(device, {"report_interval_ms": 60000})
    device.forget_messages()
    device.should_not_receive_within(1, "event/sensor/chip1-temp1")
    began = time.monotonic()
    identity = device.send_command("config", "set", {"section": "sensor", "values": {"sample_interval_ms": 100, "report_interval_ms": 200}})
    first = device.cloud.wait_for(lambda m: m.topic == "cloud/event/sensor/chip1-temp1" and 150 <= m.event()["interval_ms"] <= 250,
                                  10 * SLOWER, device._mark)
    took_s = time.monotonic() - began
    device.command_should_end_within(10 * SLOWER, "config", "set", identity, "succeeded")
    assert first, "no report of 200 ms"
    record("a changed interval", "config/set to the first report", {"ms": round(1000 * took_s)})
    assert took_s < 1 * SLOWER


def test_configuration_that_makes_no_sense_fails_and_the_one_before_stays(device):
    configure(device, {"report_interval_ms": 1000})
    identity = device.send_command("config", "set", {"section": "sensor", "values": {
        "report_interval_ms": 5000, "sensors": {"x": {"file": "/etc/passwd"}}}})
    event = device.command_should_end_within(20 * SLOWER, "config", "set", identity, "failed")
    assert "sensors.x.file" in event["error"]["message"]
    device.forget_messages()
    assert device.should_receive_within(5 * SLOWER, "event/sensor/chip1-temp1")["interval_ms"] < 2000


def test_sensor_of_a_file_gets_unit_and_aggregates(device, root):
    (root / "run").mkdir(exist_ok=True)
    (root / "run" / "meter").write_text("in 12.0 V\nout 98.6 F\n")
    configure(device, {"report_interval_ms": 1000, "sensors": {"meter": {
        "file": "run/meter", "word": "out", "source_unit": "degF", "unit": "Cel", "aggregate": "mean count"}}})
    event = device.should_receive_within(10 * SLOWER, "event/sensor/meter")
    assert (event["mean"], event["unit"]) == (pytest.approx(37), "Cel")
    assert "min" not in event and "last" not in event
    reading = read(device, "meter")
    assert (reading["value"], reading["quality"]) == (pytest.approx(37), "good")


def test_programs_are_sensors(device):
    programs = device.folder / "bed" / "sensors.d"
    for name, lines in (("works", 'echo "12.5 of $1"'), ("fails", "echo 5; exit 3"), ("hangs", "echo 5; exec sleep 60")):
        (programs / name).write_text(f"#!/bin/sh\n{lines}\n")
        (programs / name).chmod(0o755)
    configure(device, {"sensors": {name: {"exec": name, "timeout_ms": 1000} for name in ("works", "fails", "hangs", "missing")}})
    for name, quality, value in (("works", "good", 12.5), ("fails", "error", None), ("hangs", "error", None), ("missing", "error", None)):
        wait_until(f"{name} is {quality}", lambda: read(device, name)["quality"] == quality, 10 * SLOWER)
        assert read(device, name)["value"] == value


# --- alarms

def test_alarm_is_told_once_each_way_over_noise_and_a_crash(device, root):
    path = chip(root, 1) / "temp2_input"
    configure(device, {"sample_interval_ms": 100, "sensors": {"chip1-temp2": {
        "alarms": {"hot": {"when": "above", "limit": 30, "hysteresis": 2}}}}})
    for number in range(60):  # 28.5 to 31.5, to and fro
        put(path, 30000 + (number * 7919 % 31 - 15) * 100)
        time.sleep(0.02)
    put(path, 31000)
    alarm = device.should_receive_within(10 * SLOWER, "event/sensor/alarm", alarm="hot", state="set")
    assert (alarm["sensor"], alarm["limit"], alarm["unit"]) == ("chip1-temp2", 30, "Cel") and alarm["stream"] and alarm["seq"]
    device.kill_service("sensor")
    device.start_service("sensor")
    wait_until("it reads again", lambda: read(device, "chip1-temp2")["value"] == 31, 10 * SLOWER)
    put(path, 27000)
    device.should_receive_within(10 * SLOWER, "event/sensor/alarm", alarm="hot", state="clear")
    changes = {event["seq"]: event["state"] for event in told(device, "alarm", device._mark) if event["alarm"] == "hot"}
    assert [changes[seq] for seq in sorted(changes)] == ["set", "clear"]


def test_alarm_that_is_configured_away_is_cleared(device, root):
    configure(device, {"sensors": {"chip1-temp3": {"alarms": {"warm": {"when": "above", "limit": 10}}}}})
    device.should_receive_within(10 * SLOWER, "event/sensor/alarm", alarm="warm", state="set")
    configure(device, {"sensors": None})
    device.should_receive_within(10 * SLOWER, "event/sensor/alarm", alarm="warm", state="clear")


# --- how reports go

def test_pack_is_senml(device):
    configure(device, {"report_interval_ms": 1000, "batch": True})
    device.forget_messages()
    pack = device.should_receive_within(10 * SLOWER, "event/sensor/batch")["senml"]
    assert pack[0]["bn"].endswith("/") and abs(pack[0]["bt"] - time.time()) < 60
    names = [entry["n"] for entry in pack]
    assert len(set(names)) == len(names) and all(set(entry) <= {"bn", "bt", "n", "u", "v", "vs"} for entry in pack)
    device.should_not_receive_within(1.5, "event/sensor/chip1-temp1")


@pytest.mark.parametrize("spool", ["memory", "disk"])
def test_reports_of_an_outage_arrive_after_it(device, spool):
    configure(device, {"report_interval_ms": 1000, "spool": spool})
    since = device.cloud.mark()
    device.close_link()
    try:
        wait_until("the device knows", lambda: state_of(device, "bridge").get("state") == "degraded", 30 * SLOWER)
        away = time.time()
        time.sleep(3.5)
        back = time.time()
    finally:
        device.heal_link()

    def of_the_outage():
        events = [event for event in told(device, "chip1-temp1", since) if away < when(event) < back]
        return len(events) >= 3
    wait_until("reports of the outage", of_the_outage, 60 * SLOWER)
    wait_until("the device knows that it is over", lambda: state_of(device, "bridge").get("state") == "online", 60 * SLOWER)
