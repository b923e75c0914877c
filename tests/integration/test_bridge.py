# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The watcher with real brokers and a real bridge: how the link is (protocol 1.4), statuses without a service (3.5),
commands for a service that does not exist (4.6), and that its rights are enough for all of it."""
import json
import signal
import time

import pytest

from device_kit import LONG, SLOWER, Cloud, Probe, Proxy, cloud_broker, wait_for
from watcher_kit import BEAT_S, GRACE_S, LOST_AFTER_S, NOTICE_S, RECONNECT_S, Bridge, Watched, wait_for_reason

REASON = "no sign of life since the broker's return"


@pytest.fixture
def cloud_side(tmp_path):
    with cloud_broker(tmp_path / "cloud") as broker:
        yield broker


@pytest.fixture
def device(tmp_path, cloud_side):
    with Watched(tmp_path / "device", cloud=cloud_side) as device:
        yield device


@pytest.fixture
def monitor(device):
    with device.monitor() as monitor:
        yield monitor


@pytest.fixture
def bridge(device, monitor):
    with Bridge(device) as bridge:
        monitor.wait_for_status("online", "bridge", 15)
        yield bridge


@pytest.fixture
def cloud(cloud_side):
    with Cloud(cloud_side.port) as cloud:
        yield cloud


def link(caller):
    return caller.got("service/bridge/state/link")[-1].json()


def ping(device, name):
    with device.caller() as caller:
        return caller.call(name, "ping")


# --- the link -------------------------------------------------------------------------------------------------------

def test_link_is_up(device, monitor, bridge):
    assert monitor.retained("service/bridge/status")["state"] == "online"
    state = monitor.retained("service/bridge/state/link")
    assert set(state) == {"up", "since", "rtt_ms"} and state["up"] is True and 0 <= state["rtt_ms"] < 1000 * BEAT_S
    time.sleep(3 * BEAT_S)
    assert monitor.status("bridge")["state"] == "online" and ping(device, "bridge") == {}
    assert len(monitor.got("service/bridge/echoed/bridge")) >= 3


def test_killed_cloud_is_told_at_once_and_its_return_too(device, monitor, bridge, cloud_side):
    born = monitor.status("bridge")["time"]
    cloud_side.kill()
    assert wait_for_reason(monitor, "the bridge is disconnected since 20", NOTICE_S) < 1 * SLOWER
    wait_for("the state", lambda: link(monitor)["up"] is False)
    assert set(link(monitor)) == {"up", "since"} and link(monitor)["since"] > born
    assert link(monitor)["since"] in monitor.status("bridge")["reason"]
    tokens = len(monitor.got("service/bridge/echo/bridge"))
    time.sleep(4 * BEAT_S)
    assert len(monitor.got("service/bridge/echo/bridge")) - tokens <= 1, "tokens are heaped up in the bridge's queue"
    cloud_side.start()
    monitor.wait_for_status("online", "bridge", 5 * SLOWER)  # restart_timeout is 1 to 2 s
    wait_for("the state", lambda: link(monitor)["up"] is True)


def test_frozen_cloud_is_a_stalled_bridge(device, monitor, bridge, cloud_side):
    cloud_side.freeze()
    wait_for_reason(monitor, "the bridge is stalled", NOTICE_S)
    assert monitor.got("service/bridge/raw")[-1].payload == b"1", "that is what makes it stalled"
    wait_for("the state", lambda: link(monitor)["up"] is False)
    assert link(monitor)["since"] in monitor.status("bridge")["reason"]
    tokens = len(monitor.got("service/bridge/echo/bridge"))
    time.sleep(5 * BEAT_S)
    assert len(monitor.got("service/bridge/echo/bridge")) - tokens <= 3, "tokens are heaped up in the bridge's queue"
    cloud_side.thaw()
    monitor.wait_for_status("online", "bridge", 5 * SLOWER)
    wait_for("a fresh time", lambda: link(monitor)["up"] and link(monitor)["rtt_ms"] <= 1000 * BEAT_S)


def test_dead_link_is_noticed_and_its_return_too(tmp_path, cloud_side):
    with Proxy(cloud_side.port) as proxy, Watched(tmp_path / "device", "--keepalive", "5", cloud=proxy) as device, \
            device.monitor() as monitor, Bridge(device):
        monitor.wait_for_status("online", "bridge", 15)
        proxy.go_black()
        wait_for_reason(monitor, "since 20", NOTICE_S)
        # New links work: the bridge makes one when it has noticed by itself, after one to two keep-alives.
        monitor.wait_for_status("online", "bridge", 20)


def test_start_without_cloud_and_without_broker(tmp_path, cloud_side):
    device = Watched(tmp_path / "device", cloud=cloud_side)
    cloud_side.stop()
    with Bridge(device) as bridge:
        wait_for("an attempt", lambda: "cannot connect" in bridge.log())
        with device, device.monitor() as monitor:
            wait_for("a status", lambda: monitor.status("bridge").get("state") == "degraded")
            wait_for_reason(monitor, "the bridge is disconnected since 20", NOTICE_S)
            cloud_side.start()
            monitor.wait_for_status("online", "bridge", 10)
            assert bridge.stop() == 0
            assert monitor.wait_for_status("offline", "bridge")


# --- statuses without a service -------------------------------------------------------------------------------------

def save(device):
    """Makes the broker write down what it knows: a kill that follows does not take it back in time."""
    database = device.output / "data" / "mosquitto.db"
    before = database.stat().st_mtime_ns if database.exists() else 0
    device.process.send_signal(signal.SIGUSR1)
    wait_for("a saved database", lambda: database.exists() and database.stat().st_mtime_ns > before)


@pytest.mark.parametrize("state", ["online", "degraded"])
def test_service_and_broker_that_die_together(device, monitor, bridge, state):
    with Probe(device) as probe, Probe(device, "other"):
        for name in ("probe", "other"):
            monitor.wait_for_status("online", name)
        if state == "degraded":
            with device.caller() as caller:
                caller.call("probe", "degrade", reason="half a fan")
            monitor.wait_for_status("degraded")
        born = monitor.status()
        save(device)
        device.kill()  # first, else it would publish the will; so would it at a stop
        probe.kill()
        device.start()
        began = time.monotonic()
        with device.monitor() as again:
            assert wait_for("the old status", again.status)["state"] == state
            lost = again.wait_for_status("lost", timeout_s=LOST_AFTER_S + RECONNECT_S + SLOWER)
            assert time.monotonic() - began > LOST_AFTER_S / 2, "before it had its time"
            assert lost["incarnation"] == born["incarnation"] and lost["pid"] == born["pid"] and lost["reason"] == REASON
            assert again.retained("service/probe/status") == lost
            assert "lost" not in [status["state"] for status in again.statuses("other")], "it lives"
            probe.start()
            again.wait_for_status("online", above=born["incarnation"])
            time.sleep(LOST_AFTER_S / 2)  # for an answer that came too late
            assert again.status()["state"] == "online"


def test_service_that_died_before_the_watcher_came(device, monitor):
    with device.caller("tester") as tester:
        tester._paho.publish("service/probe/status", '{"state":"online","incarnation":4}', 1, retain=True)
        tester._paho.publish("service/other/status", '{"state":"offline","incarnation":4}', 1, retain=True)
        wait_for("them", lambda: monitor.status("other") and monitor.status())
    with Bridge(device):
        lost = monitor.wait_for_status("lost", timeout_s=LOST_AFTER_S + 2 * SLOWER)
        assert lost["incarnation"] == 4 and lost["reason"] == REASON
        assert monitor.status("other")["state"] == "offline", "it was stopped, and not by a death"


def test_living_service_is_never_lost(device, bridge):
    """Whoever is faster: after each restart some services are back before the watcher, some after it."""
    with Probe(device) as probe, Probe(device, "other"):
        above = 0
        for turn in range(20 if LONG else 5):
            with device.monitor() as monitor:
                for name in ("probe", "other", "bridge"):
                    wait_for(f"{name} alive", lambda n=name: monitor.status(n).get("state") in ("online", "degraded"), 15)
                wait_for("a new birth", lambda: monitor.status()["incarnation"] > above)
                above = monitor.status()["incarnation"]
                since = time.monotonic()
                wait_for("the limit to pass", lambda: time.monotonic() - since > LOST_AFTER_S + RECONNECT_S + 0.5, 60)
                heard = [message for message in monitor.got("service/+/status") if message.json()["state"] == "lost"]
                # The will of the connection before, which the broker brought back, is not the watcher's word.
                assert REASON not in [message.json().get("reason") for message in heard]
                assert monitor.status()["state"] == "online" and monitor.status("other")["state"] == "online"
            if turn % 2:
                save(device)
                device.kill()
            else:
                device.stop()
            device.start()
        assert probe.alive() and "is lost" not in bridge.log()


def test_living_services_are_not_lost_with_a_frozen_broker(device, monitor, bridge):
    """Nobody answers on a broker that stands still, so that proves nothing."""
    with Probe(device):
        monitor.wait_for_status("online")
        born = monitor.status("bridge")["incarnation"]
        bridge.kill()
        bridge.start()  # one that has only the broker's word for the probe
        wait_for("its birth", lambda: monitor.status("bridge")["incarnation"] > born)
        device.freeze()
        time.sleep(LOST_AFTER_S + 1)  # the questions fall due, and their answers
        device.thaw()
        assert ping(device, "probe") == {}
        time.sleep(LOST_AFTER_S / 2 + 0.5)  # they are asked again
        assert "is lost" not in bridge.log() and monitor.status()["state"] == "online"


# --- commands for nobody --------------------------------------------------------------------------------------------

def test_command_for_a_service_that_does_not_exist(device, bridge, cloud):
    time.sleep(GRACE_S)
    events = cloud.send_and_wait("ghost", "start", "c1", expires="2100-01-01T00:00:00Z", delay_s=1)
    assert len(events) == 1 and set(events[0]) == {"id", "state", "time", "stream", "seq", "error"}
    assert events[0]["state"] == "rejected" and events[0]["error"]["code"] == "not-found"
    assert "ghost" in events[0]["error"]["message"]
    streams = {(events[0]["stream"], events[0]["seq"])}
    for rubbish in ("", "x", "[]", "{}", '{"id":7}', '{"id":"a b"}', "\0"):
        before = len(cloud.messages)
        cloud.command("ghost", "start", rubbish)
        event = wait_for(f"an answer to {rubbish!r}", lambda b=before: cloud.got("cloud/event/ghost/start", b))[0].json()
        assert event["id"] is None and event["state"] == "rejected" and event["error"]["code"] == "malformed"
        assert event["seq"] == 1 and len(event["stream"]) == 16
        streams.add((event["stream"], event["seq"]))
    assert len(streams) == 8  # no answer can be taken for a repeat of another, nor for a gap
    cloud.command("ghost", "ack", {"stream": "s", "seq": 1})
    cloud.command("Ghost", "start", {"id": "c2"})
    cloud.send_and_wait("ghost", "start", "c3")
    assert not cloud.got("cloud/event/ghost/ack") and not cloud.got("cloud/event/Ghost/#")
    assert len(cloud.events("ghost", "start", "c1")) == 1


def test_commands_of_those_that_exist_are_left_alone(device, monitor, bridge, cloud):
    with Probe(device) as probe:
        monitor.wait_for_status("online")
        time.sleep(GRACE_S)
        assert [event["state"] for event in cloud.send_and_wait("bridge", "ping", "b1")][-1] == "succeeded"
        assert [event["state"] for event in cloud.send_and_wait("probe", "ping", "p1")][-1] == "succeeded"
        assert probe.stop() == 0
        cloud.command("probe", "ping", {"id": "p2"})
        cloud.send_and_wait("ghost", "start", "after")  # the watcher has seen p2
        assert not cloud.events("probe", "ping", "p2")
        probe.start()
        assert cloud.wait_for_final("probe", "ping", "p2")[-1]["state"] == "succeeded"


def test_command_waits_until_it_is_certain_who_exists(device, monitor, cloud):
    """Of two commands that came while nobody was there yet, one is for a service that is only just born."""
    with Bridge(device) as bridge, device.caller("tester") as tester:
        monitor.wait_for_status("online", "bridge", 15)
        tester.listen("cloud/command/#")
        bridge.kill()
        cloud.command("ghost", "ping", {"id": "g"})
        cloud.command("probe", "ping", {"id": "p"})
        cloud.command("other", "ping", {"id": "o"})
        wait_for("the commands", lambda: len(tester.got()) == 3)
        bridge.start()
        with Probe(device):
            assert cloud.wait_for_final("ghost", "ping", "g")[-1]["error"]["code"] == "not-found"
            assert cloud.wait_for_final("other", "ping", "o")[-1]["error"]["code"] == "not-found"
            assert "not-found" not in json.dumps(cloud.events("probe", "ping", "p"))


# --- rights ---------------------------------------------------------------------------------------------------------

def test_rights_are_these_and_no_more(device):
    with device.caller("bridge") as bridge, device.caller("tester") as tester:
        for topic in ("service/probe/status", "cloud/event/ghost/start", "service/bridge/state/link"):
            assert bridge.send(topic, "{}") < 0x80, topic
        for topic in ("service/probe/state/a", "service/probe/event/a", "service/bridge/raw", "cloud/command/probe/start",
                      "cloud/event/a/b/c", "service/probe/call/start"):
            assert bridge.send(topic, "{}") == 0x87, topic
        bridge.listen("#")
        for topic in ("service/bridge/raw", "cloud/command/ghost/start", "service/probe/state/a", "service/probe/status",
                      "cloud/command/a/b/c"):
            tester.send(topic, "{}")
        tester.send("service/bridge/reply/end", "{}")
        wait_for("the last one", lambda: bridge.got("service/bridge/reply/end"))
        heard = {message.topic for message in bridge.got() if not message.retain}
        assert heard >= {"cloud/command/ghost/start", "service/probe/status"}
        assert not heard & {"service/probe/state/a", "cloud/command/a/b/c"}
