# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What others can know about a service (protocol 3), whatever happens to it, to its connection and to its broker; and the
start and the end of the process, which its status must tell truly."""
import os
import re
import shutil
import signal
import socket
import time

import pytest

from device_kit import SLOWER, Device, Probe, wait_for
from ports import free_port

STATUS = "service/probe/status"


@pytest.fixture
def device(tmp_path):
    with Device(tmp_path, settings=["keepalive_s=5"]) as device:
        yield device


@pytest.fixture
def caller(device):
    with device.caller("tester") as caller:
        caller.listen("service/#")
        yield caller


@pytest.fixture
def probe(device, caller):
    with Probe(device) as probe:
        caller.wait_for_status("online")
        yield probe


def called(device, service, method, /, **args):
    with device.caller() as caller:
        return caller.call(service, method, **args)


# --- birth ----------------------------------------------------------------------------------------------------------

def test_birth_tells_who_was_born(device, caller, probe):
    status = caller.retained(STATUS)
    assert set(status) == {"state", "time", "pid", "version", "boot_id", "incarnation"}
    assert status["state"] == "online" and status["pid"] == probe.process.pid and status["version"] == "7.8.9"
    with open("/proc/sys/kernel/random/boot_id") as file:
        assert status["boot_id"] == file.read().strip()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", status["time"])


def test_clock_that_nobody_set_is_told(device, caller):
    with Probe(device, DEVBUS_CLOCK_SYNC="never"):
        assert caller.wait_for_status("online")["clock"] == "unsynced"


def test_incarnation_grows_with_each_connection_and_over_restarts(device, caller, probe):
    numbers = [caller.status()["incarnation"]]
    for _ in range(3):
        probe.stop()
        probe.start()
        numbers.append(caller.wait_for_status("online", above=numbers[-1])["incarnation"])
        probe.kill()
        probe.start()
        numbers.append(caller.wait_for_status("online", above=numbers[-1])["incarnation"])
    assert numbers == sorted(set(numbers))


def test_degraded_has_a_reason_until_it_is_over(device, caller, probe):
    called(device, "probe", "degrade", reason="half a fan")
    assert caller.wait_for_status("degraded")["reason"] == "half a fan"
    called(device, "probe", "degrade", reason="two fans")
    wait_for("the new reason", lambda: caller.status()["reason"] == "two fans")
    called(device, "probe", "degrade")
    assert "reason" not in caller.wait_for_status("online")


def test_degraded_outlives_a_connection(device, caller, probe):
    called(device, "probe", "degrade", reason="half a fan")
    device.restart()
    with device.caller("tester") as again:
        again.listen(STATUS)
        again.wait_for_status("degraded")
        wait_for("born again", lambda: again.status()["incarnation"] > caller.status()["incarnation"])
        assert again.status()["reason"] == "half a fan"


# --- stop and death -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["run", "foreign", "thread"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_is_offline_and_never_lost(device, caller, mode, number):
    if mode == "foreign" and number == signal.SIGINT:
        pytest.skip("its own loop takes SIGTERM only")
    with Probe(device, mode=mode) as probe:
        caller.wait_for_status("online")
        probe.process.send_signal(number)
        assert probe.process.wait(5) == 0
        assert caller.wait_for_status("offline")["reason"]
    # A will would be published when the broker sees the end of the connection: it has, when the next one begins.
    with Probe(device):
        caller.wait_for_status("online", above=caller.status()["incarnation"])
        assert {status["state"] for status in caller.statuses()} <= {"starting", "online", "offline"}


@pytest.mark.parametrize("mode", ["run", "thread"])
def test_quit_from_a_handler_and_from_another_thread(device, caller, mode):
    with Probe(device, mode=mode) as probe:
        caller.wait_for_status("online")
        called(device, "probe", "quit")
        assert probe.process.wait(5) == 0
        caller.wait_for_status("offline")
        assert "lost" not in [status["state"] for status in caller.statuses()]


def test_killed_is_lost_within_a_second(device, caller, probe):
    born = caller.status()
    killed = time.monotonic()
    probe.kill()
    lost = caller.wait_for_status("lost", timeout_s=5)
    heard = [message for message in caller.got(STATUS) if message.json()["state"] == "lost"]
    assert heard[0].at - killed < 1
    assert lost["incarnation"] == born["incarnation"] and lost["pid"] == born["pid"]
    assert caller.retained(STATUS)["state"] == "lost"


def test_children_of_a_service_can_be_ended(device, caller, probe):
    """They begin with the signal mask of the service: a blocked SIGTERM would stay blocked over exec."""
    blocked = int(called(device, "probe", "child")["text"].split()[1], 16)
    assert not blocked & (1 << (signal.SIGTERM - 1) | 1 << (signal.SIGINT - 1))


def test_children_of_a_service_get_none_of_its_descriptors(device, caller, probe):
    assert called(device, "probe", "child", descriptors=True)["text"].split() == ["0", "1", "2", "3"], "3 is that of ls itself"


def test_second_instance_refuses_to_start(device, caller, probe):
    status, log = Probe(device, "probe").run()
    assert status == 1 and "a service named probe runs already" in log
    assert probe.alive() and caller.retained(STATUS)["pid"] == probe.process.pid
    probe.kill()
    caller.wait_for_status("lost")
    with Probe(device):
        caller.wait_for_status("online")


def test_two_services_run_side_by_side(device, caller, probe):
    with Probe(device, "other") as other:
        assert caller.wait_for_status("online", "other")["pid"] == other.process.pid
        assert caller.status()["pid"] == probe.process.pid


# --- lost while it lives --------------------------------------------------------------------------------------------

def test_own_lost_is_corrected(device, caller, probe):
    born = caller.status()
    for incarnation in (born["incarnation"], born["incarnation"] - 1, born["incarnation"] + 1000):
        since = len(caller.messages)
        caller._paho.publish(STATUS, f'{{"state":"lost","incarnation":{incarnation}}}', 1, retain=True)
        wait_for("the correction", lambda: "online" in [s["state"] for s in caller.statuses(since=since)])
        assert caller.retained(STATUS)["state"] == "online"


def test_rubbish_on_the_own_status_does_no_harm(device, caller, probe):
    for rubbish in ("", "x", "[]", '{"state":1}', '{"state":"lost","incarnation":-1}'):
        caller.send(STATUS, rubbish)
    assert called(device, "probe", "ping") == {}


def test_frozen_service_is_lost_and_comes_back(device, caller, probe):
    born = caller.status()["incarnation"]
    probe.freeze()
    caller.wait_for_status("lost", timeout_s=15)
    probe.thaw()
    caller.wait_for_status("online", above=born)
    assert called(device, "probe", "ping") == {}


# --- a broker that forgets ------------------------------------------------------------------------------------------

def test_all_is_published_and_subscribed_again_when_the_broker_forgot(device, caller, probe):
    with Probe(device, "other"):
        caller.wait_for_status("online", "other")
        called(device, "probe", "state", item="a", value="old")
        called(device, "probe", "state", item="a", value="new")
        called(device, "other", "state", item="b", value=1)
        called(device, "probe", "follow", filter="service/other/state/+")
        device.stop()
        shutil.rmtree(device.output / "data")
        os.mkdir(device.output / "data")
        device.start()
        with device.caller("tester") as again:
            again.listen("service/+/status")
            for name in ("probe", "other"):
                again.wait_for_status("online", name, above=caller.status(name)["incarnation"])
                assert called(device, name, "ping") == {}
            assert again.retained("service/probe/state/a") == {"value": "new"}
            assert again.retained("service/probe/state/schema")["type"] == "object"
            assert again.retained("service/other/state/b") == {"value": 1}
            called(device, "other", "state", item="b", value=2)
            wait_for("the subscription", lambda: called(device, "probe", "health")["last_seen"] == {"value": 2})
            again.listen("cloud/event/probe/ping")
            again.send("cloud/command/probe/ping", '{"id":"after"}')
            wait_for("the command", lambda: "succeeded" in [m.json()["state"] for m in again.got("cloud/event/probe/ping")])


def test_older_states_that_a_broker_brings_back_are_replaced(device, caller, probe):
    called(device, "probe", "state", item="a", value="old")
    device.stop()
    database = device.output / "data" / "mosquitto.db"
    old = database.read_bytes()
    device.start()
    with device.caller("tester") as now:
        now.listen("service/#")
        now.wait_for_status("online", above=caller.status()["incarnation"])
    called(device, "probe", "state", item="a", value="new")
    device.kill()
    database.write_bytes(old)
    device.start()
    with device.caller("tester") as again:
        again.listen("service/#")
        wait_for("the newer state", lambda: again.got("service/probe/state/a") and
                 again.got("service/probe/state/a")[-1].json() == {"value": "new"})
        assert again.retained("service/probe/state/a") == {"value": "new"}


# --- following others -----------------------------------------------------------------------------------------------

def test_state_of_another_service_is_followed_until_it_is_enough(device, caller, probe):
    with Probe(device, "other"):
        caller.wait_for_status("online", "other")
        called(device, "other", "state", item="x", value=1)
        called(device, "probe", "follow", filter="service/other/state/+")
        wait_for("the one that was there before", lambda: called(device, "probe", "health").get("last_seen") == {"value": 1})
        called(device, "other", "state", item="x", value=2)
        wait_for("the new one", lambda: called(device, "probe", "health")["last_seen"] == {"value": 2})
        called(device, "probe", "follow", filter="service/other/state/+", stop=True)
        called(device, "other", "state", item="x", value=3)
        assert called(device, "probe", "call", service="other", method="ping") == {}
        assert called(device, "probe", "health")["last_seen"] == {"value": 2}


# --- configuration by `config` --------------------------------------------------------------------------------------

def test_configuration_is_taken_at_run_time_and_refused_as_a_whole(device, caller, probe):
    def configuration():
        return called(device, "probe", "health")["configuration"]

    def publish(values):
        caller._paho.publish("service/config/state/probe", f'{{"values":{values},"revision":1}}', 1, retain=True)

    assert configuration() == {"level": 5, "mode": "auto"}
    publish('{"level":7}')
    wait_for("the new level", lambda: configuration() == {"level": 7, "mode": "auto"})
    publish('{"level":8,"mode":1}')
    assert "mode" in caller.wait_for_status("degraded")["reason"]
    assert configuration() == {"level": 7, "mode": "auto"}
    publish('{"level":9}')
    caller.wait_for_status("online")
    assert configuration()["level"] == 9
    probe.stop()
    probe.start()
    caller.wait_for_status("online", above=caller.status()["incarnation"])
    wait_for("the retained one", lambda: configuration()["level"] == 9)


# --- the start ------------------------------------------------------------------------------------------------------

@pytest.fixture
def notify(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(f"/tmp/devbus-notify-{os.getpid()}")
        notify.settimeout(10)
        yield notify
        os.unlink(notify.getsockname())


def test_service_waits_for_a_broker_that_is_late(tmp_path, notify):
    device = Device(tmp_path, settings=["reconnect_max_ms=200"])
    with Probe(device, NOTIFY_SOCKET=notify.getsockname()) as probe:
        assert notify.recv(100) == b"READY=1", "it must not hold the boot up"
        wait_for("saying so", lambda: "cannot connect to the broker at 127.0.0.1" in probe.log())
        time.sleep(1)  # several more attempts
        assert probe.log().count("cannot connect") == 1, "once, not at every attempt"
        with device, device.caller("tester") as caller:
            caller.listen("service/#")
            caller.wait_for_status("online", timeout_s=2 * SLOWER)
            assert probe.stop() == 0


def test_systemd_is_told_when_the_broker_has_the_status(device, caller, notify):
    with Probe(device, NOTIFY_SOCKET=notify.getsockname(), WATCHDOG_USEC="200000") as probe:
        while (word := notify.recv(100)) == b"WATCHDOG=1":
            pass
        assert word == b"READY=1"
        assert caller.retained(STATUS)["state"] == "online"
        assert {notify.recv(100) for _ in range(3)} == {b"WATCHDOG=1"}
        probe.process.terminate()
        while (word := notify.recv(100)) == b"WATCHDOG=1":
            pass
        assert word == b"STOPPING=1" and probe.process.wait(5) == 0


def test_blocked_service_does_not_feed_the_watchdog(device, caller, notify):
    with Probe(device, NOTIFY_SOCKET=notify.getsockname(), WATCHDOG_USEC="200000"):
        caller.wait_for_status("online")
        caller._paho.publish("cloud/command/probe/block", '{"id":"b","args":{"ms":1500}}', 1)
        notify.settimeout(1)
        with pytest.raises(TimeoutError):
            while True:
                notify.recv(100)


def test_wrong_password_is_said_and_tried_again(device, caller):
    with Probe(device, DEVBUS_PASSWORD_FILE=str(device.output / "secrets" / "other")) as probe:
        wait_for("saying so", lambda: "refuses user name or password" in probe.log())
        assert probe.alive() and probe.stop() == 0


def test_stop_without_a_broker(tmp_path):
    device = Device(tmp_path)
    with Probe(device) as probe:
        wait_for("the first attempt", lambda: "cannot connect" in probe.log())
        assert probe.stop(5) == 0


def test_name_of_a_broker_that_nobody_knows(device):
    with Probe(device, DEVBUS_BROKER=f"no-such-host.invalid:{free_port()}") as probe:
        wait_for("saying so", lambda: "cannot connect to the broker at no-such-host.invalid" in probe.log(), 20)
        assert probe.stop(5) == 0
