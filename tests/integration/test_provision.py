# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What devbus-provision writes is tried with real brokers and real clients, never compared with a stored copy:
a right that stands in a file and does not hold is worth nothing. Runs with Debian's python3 (pytest, paho-mqtt)."""
import getpass
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ports import free_port
from provision_kit import SOURCE, Broker, Client, Device, open_folder, plain_broker, wait_until

DENIED = 0x87
ME = getpass.getuser()


# --- what each user may do ------------------------------------------------------------------------------------------

def own_writes(name):
    return {f"service/{name}/status", f"service/{name}/state/a", f"service/{name}/event/a", f"cloud/event/{name}/a",
            f"service/bridge/echo/{name}", "service/config/call/secrets"} | {
                f"service/{caller}/reply/{item}" for caller in NAMES for item in ("1", "secrets")}


def own_reads(name):
    return {f"service/{name}/status", f"service/{name}/call/a", f"service/{name}/reply/1", f"cloud/command/{name}/a",
            f"service/bridge/echoed/{name}", f"service/config/state/{name}", f"service/{name}/reply/secrets"}


NAMES = ["sensor", "firmware", "config", "reboot", "bridge", "cli"]
SPECIAL = {"service/reboot/call/start", "service/firmware/call/status", "service/sensor/call/ping", "service/bridge/raw", "service/bridge/status",
           "service/x", "cloud/x", "service/config/state/monitor", "service/config/state/a"}
UNIVERSE = sorted(SPECIAL.union(*(own_writes(name) | own_reads(name) for name in NAMES)))
OUTSIDE = ["other/topic", "$SYS/broker/uptime", "$CONTROL/a"]

CALLS = {f"service/{name}/call/a" for name in NAMES} | {"service/reboot/call/start", "service/firmware/call/status", "service/sensor/call/ping"}
CALLER_READS = {topic for topic in UNIVERSE if re.match(r"service/[^/]+/(status|state/|event/)|cloud/event/", topic)}
MORE_WRITES = {"firmware": {"service/reboot/call/start"}, "reboot": {"service/firmware/call/status"}, "cli": CALLS,
               "config": {topic for topic in UNIVERSE if topic.startswith("service/config/state/")},
               "bridge": {topic for topic in UNIVERSE if re.match(r"service/[^/]+/(status$|call/ping)|cloud/event/[^/]+/", topic)}}
MORE_READS = {"firmware": {"service/firmware/call/status"} | {f"service/{name}/status" for name in NAMES}, "reboot": {"service/reboot/call/start"}, "cli": CALLER_READS,
              "sensor": {"service/sensor/call/ping"}, "bridge": {topic for topic in UNIVERSE if re.match(
                  r"service/[^/]+/status$|service/bridge/raw|cloud/command/[^/]+/", topic)},
              "config": {"service/config/call/secrets"},
              "monitor": {topic for topic in UNIVERSE if not topic.endswith("/reply/secrets")}}


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """A running device of six services: the five, and one that may do all, to play the other side."""
    folder = tmp_path_factory.mktemp("device")
    (folder / "more").mkdir()
    (folder / "more" / "tester.acl").write_text("write service/#\nwrite cloud/#\n")
    with Device(folder / "etc", "--services-dir", SOURCE / "services", "--services-dir", folder / "more") as device:
        yield device


@pytest.mark.parametrize("user", NAMES + ["monitor"])
def test_user_may_write_this_and_nothing_else(device, user):
    allowed = set() if user == "monitor" else own_writes(user) | MORE_WRITES.get(user, set())
    with device.client(user) as client:
        for topic in UNIVERSE + OUTSIDE:
            reason = client.send(topic, "x")
            assert (reason != DENIED) == (topic in allowed), f"{user} writes {topic}: {reason:#x}"


@pytest.mark.parametrize("user", NAMES + ["monitor"])
def test_user_may_read_this_and_nothing_else(device, user):
    allowed = (set() if user == "monitor" else own_reads(user)) | MORE_READS.get(user, set())
    last = f"service/config/state/{user}"
    with device.client(user) as client, device.client("tester") as tester:
        client.listen("#")
        for topic in [topic for topic in UNIVERSE if topic != last] + [last]:
            tester.send(topic, user)
        wait_until(lambda: (last, user) in client.received)
        assert {topic for topic, payload in client.received if payload == user} == allowed


def test_monitor_sees_the_state_of_the_broker_and_no_service_does(device):
    with device.client("monitor") as monitor, device.client("sensor") as sensor, device.client("tester") as tester:
        sensor.listen("$SYS/#")
        monitor.listen("$SYS/#")
        sensor.listen("service/config/state/sensor")
        wait_until(lambda: any(topic == "$SYS/broker/version" for topic, _ in monitor.received))
        tester.send("service/config/state/sensor", "last")
        wait_until(lambda: ("service/config/state/sensor", "last") in sensor.received)
        assert not any(topic.startswith("$SYS") for topic, _ in sensor.received)


@pytest.mark.parametrize("user, password", [("sensor", "wrong"), ("nobody", "x"), (None, None)])
@pytest.mark.parametrize("door", ["port", "caller_port"])
def test_strangers_stay_outside(device, user, password, door):
    with Client(getattr(device, door), user, password) as client:
        assert client.reason == DENIED


def test_only_loopback_listens(device):
    listening = [line.split()[1].split(":") for line in Path("/proc/net/tcp").read_text().splitlines() if " 0A " in line]
    for port in (device.port, device.caller_port):
        assert [address for address, number in listening if int(number, 16) == port] == ["0100007F"]
    assert not [line for line in Path("/proc/net/tcp6").read_text().splitlines()
                if f":{device.port:04X} " in line or f":{device.caller_port:04X} " in line]


def test_payload_far_above_the_limit_is_refused_and_nobody_disconnected(device):
    """Four times the limit: what is somewhat too large gets through to the service, whose answer says so."""
    too_large = 0x95  # MQTT 5.0 3.4.2.1
    with device.client("sensor") as client:
        assert client.send("cloud/event/sensor/a", "x" * 520192) not in (DENIED, too_large)
        assert client.send("cloud/event/sensor/a", "x" * 520193) == too_large
        assert not client.lost


# --- client ids -----------------------------------------------------------------------------------------------------

def test_client_id_of_a_service_is_its_user_name(device):
    with device.client("firmware", client_id="anything") as firmware:
        with device.client("sensor", client_id="firmware") as sensor:
            assert sensor.reason == 0
            assert sensor.send("cloud/event/sensor/a", "x") != DENIED
            assert firmware.send("cloud/event/firmware/a", "x") != DENIED
        assert not firmware.lost
        with device.client("firmware", client_id="another"):
            wait_until(lambda: firmware.lost)


def test_callers_come_in_side_by_side(device):
    with device.client("cli") as first, device.client("cli") as second, device.client("cli") as third:
        assert [client.send("service/sensor/call/a", "x") for client in (first, second, third)].count(DENIED) == 0
        assert not first.lost and not second.lost


def test_session_of_a_service_outlives_the_broker(tmp_path):
    with Device(tmp_path / "etc") as device:
        with device.client("firmware", clean=False) as firmware:
            firmware.listen("service/firmware/call/+")
        device.restart()
        with device.client("cli") as cli:
            cli.send_all("service/firmware/call/a", map(str, range(30)))
        device.restart()
        with device.client("firmware", client_id="elsewhere", clean=False) as firmware:
            wait_until(lambda: len(firmware.received) == 30)
            assert [payload for _, payload in firmware.received] == [str(number) for number in range(30)]


# --- the bridge -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("prefix, event, command, echo", [
    ("", "cloud/event", "cloud/command", "devbus-echo/Unit-7"),
    ("devices/%d", "devices/Unit-7/event", "devices/Unit-7/command", "devices/Unit-7/echo"),
    ("a/b.c", "a/b.c/event", "a/b.c/command", "a/b.c/echo"),
])
def test_bridge_maps_both_ways_and_lets_nothing_else_out(tmp_path, prefix, event, command, echo):
    with plain_broker(tmp_path / "cloud") as cloud, Client(cloud.port) as far:
        far.listen("#")
        far.listen("$SYS/broker/connection/#")
        with Device(tmp_path / "etc", "--device-id", "Unit-7", "--cloud-prefix", prefix, cloud=cloud) as device, \
                device.client("sensor") as sensor, device.client("monitor") as monitor:
            device.wait_for_bridge()
            monitor.listen("#")
            sensor.listen("cloud/command/sensor/#")
            sensor.listen("service/bridge/echoed/sensor")
            sensor.send("service/sensor/status", "local")
            sensor.send("cloud/event/sensor/a", "out")
            sensor.send("service/bridge/echo/sensor", "g:1")
            far.send(f"{command}/sensor/read", "in")
            wait_until(lambda: len(far.received) == 3 and len(sensor.received) == 2)
            assert far.received == [(f"{event}/sensor/a", "out"), (f"{echo}/sensor", "g:1"), (f"{command}/sensor/read", "in")]
            assert sorted(sensor.received) == [("cloud/command/sensor/read", "in"), ("service/bridge/echoed/sensor", "g:1")]
            assert [payload for topic, payload in monitor.received if topic == "service/bridge/raw"] == ["1"]


def test_bridge_keeps_what_either_side_sends_while_the_other_is_away(tmp_path):
    with plain_broker(tmp_path / "cloud") as cloud:
        device = Device(tmp_path / "etc", cloud=cloud)
        with device:
            device.wait_for_bridge()
            with device.client("sensor", clean=False) as sensor:
                sensor.listen("cloud/command/sensor/#")
            with Client(cloud.port, client_id="far", clean=False) as far:
                far.listen("cloud/event/#")
            cloud.stop()
            with device.client("sensor", clean=False) as sensor:
                sensor.send_all("cloud/event/sensor/a", map(str, range(300)))
            device.restart()
            cloud.start()
            with Client(cloud.port, client_id="far", clean=False) as far:
                wait_until(lambda: len(far.received) == 300)
                assert [payload for _, payload in far.received] == [str(number) for number in range(300)]
                device.stop()
                far.send_all("cloud/command/sensor/a", map(str, range(300)))
        with device, device.client("sensor", clean=False) as sensor:
            wait_until(lambda: len(sensor.received) == 300)
            assert [payload for _, payload in sensor.received] == [str(number) for number in range(300)]


def test_bridge_gives_the_cloud_the_password_of_the_file(tmp_path):
    (tmp_path / "pw").write_text("dev/1?x:#secret word\n")
    shutil.copy(tmp_path / "pw", tmp_path / "password")
    subprocess.run(["mosquitto_passwd", "-U", tmp_path / "pw"], check=True)
    (tmp_path / "password").write_text("#secret word\n")
    os.chmod(tmp_path / "password", 0o600)
    cloud = Broker(tmp_path / "cloud.conf", free_port(), f"user {ME}\nlistener {{port}} 127.0.0.1\nallow_anonymous false\n"
                   f"password_file {tmp_path}/pw\n")
    with cloud, Device(tmp_path / "etc", "--cloud-user", "dev/1?x", "--cloud-password-file", tmp_path / "password",
                       cloud=cloud) as device:
        device.wait_for_bridge()


def test_broker_started_by_root_reads_its_files_as_another_user():
    if os.geteuid() != 0 or subprocess.run(["id", "mosquitto"], capture_output=True).returncode != 0:
        pytest.skip("needs root and the user mosquitto")
    with open_folder() as folder:
        with Device(folder / "etc", user=None) as device:
            with device.client("cli") as cli:
                assert cli.reason == 0
            device.process.send_signal(1)
            wait_until(lambda: "Reloading config" in device.log())
            with device.client("cli") as cli:
                assert cli.reason == 0 and "Unable to open" not in device.log()
            device.restart()
        assert (folder / "etc/data/mosquitto.db").owner() == "mosquitto"
