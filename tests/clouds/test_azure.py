# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A device provisioned for Azure IoT Hub, against the published rules: its generated file, and its bridge and the service azure at a
stand-in that enforces them. What is wrong on purpose is refused by both, each for its own reason."""
import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloud_kit import DEVICE, Authority, Program  # first: it makes the other kits known
from accounting import Arrival, Balance
from cloud_rules import AZURE, AZURE_HUB, azure_bag, breaches_of_file
from device_kit import SLOWER, wait_for
from ports import free_port
from provision_kit import SOURCE, has_address
from stand_in import BridgedDevice, StandIn

EVENTS = 200
EVENT = f"devices/{DEVICE}/messages/events/"
BOUND = f"devices/{DEVICE}/messages/devicebound/"
OPTIONS = ["--cloud-kind", "azure", "--services-dir", SOURCE / "services" / "azure"]
USER = f"{AZURE_HUB}/{DEVICE}/?api-version=2021-04-12"
EVENTS_OUT = f"messages/events/+ out 1 service/azure/hub/ devices/{DEVICE}/"
SENT = ("service/azure/hub/messages/events/service=tester&item=x", 1, False)
pytestmark = pytest.mark.skipif(not has_address("localhost"), reason="localhost has no address here")

# rule|what a generated file says|what stands there instead|what the device then sends: topic, QoS, retained
WRONG = [
    ("protocol level", "try_private false", "try_private true", None),
    ("client id", f"remote_clientid {DEVICE}", "remote_clientid another", None),
    ("user name", f"remote_username {USER}", f"remote_username {DEVICE}", None),
    ("user name", f"remote_username {USER}", f"remote_username {AZURE_HUB}/{DEVICE}", None),
    ("keep-alive", "keepalive_interval 30", "keepalive_interval 1178", None),
    ("no session", "cleansession false", "cleansession true", None),
    ("QoS 2", EVENTS_OUT, EVENTS_OUT.replace("1", "2", 1), (SENT[0], 2, False)),
    ("retained", "bridge_outgoing_retain false", "bridge_outgoing_retain true", (SENT[0], 1, True)),
    ("topic", EVENTS_OUT, EVENTS_OUT.replace(f"devices/{DEVICE}", DEVICE), SENT),
    ("topic", EVENTS_OUT, EVENTS_OUT.replace(f"devices/{DEVICE}", "devices/another"), SENT),
    ("property bag", EVENTS_OUT, f"# out 1 cloud/event/ {EVENT}", ("cloud/event/tester/x", 1, False)),
    ("topic", "twin/res/# in 1 service/azure/hub/ $iothub/", "# in 1 service/azure/hub/ $iothub/", None),
    ("topic", f"messages/devicebound/# in 1 service/azure/hub/ devices/{DEVICE}/", f"command/# in 1 cloud/ devices/{DEVICE}/", None),
]


@pytest.fixture(scope="module")
def made():
    """What all tests share: certificates, and a device with a hub at a port that is free."""
    folder = Path(tempfile.mkdtemp(prefix="devbus-azure."))
    authority, port = Authority(folder / "authority"), free_port()
    yield SimpleNamespace(authority=authority, port=port, device=BridgedDevice(folder, authority, port, *OPTIONS))
    shutil.rmtree(folder)


@pytest.fixture
def hub(made):
    with StandIn(AZURE, made.authority, made.port) as hub:
        yield hub


@pytest.fixture
def device(made):
    return made.device.restore()


@contextlib.contextmanager
def adapter(device):
    """Ready: what is published before its very first start is for nobody, and a token of that comes again after 30 s."""
    with Program(device, "azure", "services/azure/devbus-azure", DEVBUS_AZURE_QUESTION_INTERVAL_MS="0") as program:
        with device.caller("monitor") as monitor:
            monitor.listen("service/azure/status")
            wait_for("the adapter", lambda: monitor.status("azure").get("pid") == program.process.pid and monitor.status("azure")["state"] == "online")
        yield program


def arrivals(hub):
    return [Arrival(m.payload, m.topic) for m in list(hub.received)
            if azure_bag(m.topic, DEVICE) and azure_bag(m.topic, DEVICE)["service"] == "worker"]


def states(hub, identity):
    return [arrival.event.get("state") for arrival in arrivals(hub) if arrival.event.get("id") == identity]


def wait_until_open(hub):
    hub.wait_until_subscribed(f"{BOUND}#", "$iothub/twin/res/#")


def test_file_keeps_the_rules(made):
    assert not breaches_of_file(AZURE, made.device.generated, DEVICE)


@pytest.mark.parametrize("rule, right, instead, _", WRONG)
def test_wrong_file_breaks_its_rule(made, rule, right, instead, _):
    assert right in made.device.generated
    assert rule in breaches_of_file(AZURE, made.device.generated.replace(right, instead), DEVICE)


def test_sixth_subscription_breaks_its_rule(made):
    further = "".join(f"topic {number} in 1 a/ b/\n" for number in range(4))
    assert "subscriptions" in breaches_of_file(AZURE, made.device.generated + further, DEVICE)


def test_events_go_out_and_commands_come_in(hub, device):
    with device, adapter(device), device.worker(f"count={EVENTS}", "rate=1000"):
        wait_until_open(hub)
        wait_for("the confirmation of all events", lambda: device.numbers().confirmations, 30 * SLOWER)
        balance = Balance(device.numbers(), arrivals(hub))
        assert len(balance.arrived) == EVENTS and not balance.faults()
        assert azure_bag(balance.arrivals[0].topic, DEVICE) == {
            "$.ct": "application/json", "$.ce": "utf-8", "service": "worker", "item": "number"}
        for number in range(20):
            assert hub.send(f"{BOUND}%24.mid=m{number}&%24.to=%2Fdevices%2Fx&service=worker&command=work", json.dumps({"id": f"c{number}"}))
        for number in range(20):
            wait_for(f"the answer to c{number}", lambda i=f"c{number}": "succeeded" in states(hub, i), 20 * SLOWER)
        assert not hub.violations and hub.connections == 1


def distinct(hub):
    return len({arrival.n for arrival in arrivals(hub)})


def take_from_session(device):
    """As an adapter does that is killed behind its acknowledgement: what it has got by then is nowhere any more."""
    with device.caller("azure", clean=False) as taker:
        wait_for("events that nobody else gets", lambda: len(taker.got("cloud/event/worker/number")) > 5 or
                 len(device.numbers().tried) == 5 * EVENTS, 20 * SLOWER)


def test_nothing_is_lost_with_the_adapter(hub, device):
    """What it had taken is sent once more, and no token that was under way confirms it."""
    with device, contextlib.ExitStack() as later:
        for turn in range(3):
            with adapter(device) as translator:
                if turn == 0:
                    later.enter_context(device.worker(f"count={5 * EVENTS}", "rate=200"))
                wait_until_open(hub)
                goal = min(distinct(hub) + 60, 5 * EVENTS)
                wait_for("more than what may be under way without a proof", lambda g=goal: distinct(hub) >= g, 60 * SLOWER)
                translator.kill()
            take_from_session(device)
        assert hub.send(f"{BOUND}service=worker&command=work", '{"id":"while-away"}')
        with adapter(device):
            wait_for("the answer", lambda: "succeeded" in states(hub, "while-away"), 60 * SLOWER)
            wait_for("the confirmation of all events", lambda: device.numbers().confirmations, 60 * SLOWER)
        assert not Balance(device.numbers(), arrivals(hub)).lost and not hub.violations


def test_events_are_not_confirmed_without_the_hub(made, device):
    with device, adapter(device), device.worker("count=10"):
        wait_for("all events", lambda: len(device.numbers().accepted) == 10)
        with StandIn(AZURE, made.authority, made.port) as hub:
            assert not device.numbers().confirmations
            wait_for("the confirmation of all events", lambda: device.numbers().confirmations, 60 * SLOWER)
            assert len(Balance(device.numbers(), arrivals(hub)).arrived) == 10


HOSTILE = ["", "service=worker", "service=..%2F..%2Fservice%2Freboot%2Fcall&command=start", "service=%23&command=%2B", "service=worker%2Fwork&command=x",
           "service=worker&command=work&command=die", "service=worker%00&command=work", "service=%24SYS&command=work", "service=worker&command=",
           "service=WORKER&command=work", "service=worker&command=work%0Atopic", "cloud%2Fcommand%2Fworker%2Fwork", "service=worker&command=" + "w" * 65]


def test_hostile_properties_become_no_topic(hub, device):
    with device, adapter(device), device.worker() as worker, device.caller("monitor") as monitor:
        monitor.listen("#")
        monitor.wait_for_status("online", "worker")
        wait_until_open(hub)
        for bag in HOSTILE:
            assert hub.send(f"{BOUND}{bag}", '{"id":"hostile"}')
        assert hub.send(BOUND[:-1], '{"id":"hostile"}')
        hub.send(f"{BOUND}service=worker&command=work", "not JSON")
        hub.send(f"{BOUND}service=worker&command=work", '{"id":"good"}')
        wait_for("the answer", lambda: "succeeded" in states(hub, "good"), 20 * SLOWER)
        heard = [m.topic for m in monitor.messages if b"hostile" in m.payload and not m.topic.startswith("service/azure/hub/messages/devicebound")]
        assert not heard and worker.alive()
        assert {a.event["error"]["code"] for a in arrivals(hub) if a.event.get("state") == "rejected"} == {"malformed"}


def test_watcher_knows_that_the_hub_answers(hub, device):
    with device, device.caller("monitor") as monitor, adapter(device):
        monitor.listen("service/bridge/status")
        monitor.wait_for_status("online", "bridge", 20 * SLOWER)
        hub.stop()
        monitor.wait_for_status("degraded", "bridge", 20 * SLOWER)


@pytest.mark.parametrize("rule, right, instead, sent", WRONG)
def test_wrong_bridge_is_refused(hub, device, rule, right, instead, sent):
    device.change(right, instead)
    with device, device.caller("tester") as tester:
        if sent:
            topic, qos, retain = sent
            wait_until_open(hub)
            tester._paho.publish(topic, "{}", qos, retain)
        violation = hub.wait_for_violation(rule)[0]
        assert "note" in violation.sentence or not hub.received, "nothing of it is taken"


def test_device_without_a_certificate_is_refused(hub, device):
    kept = [line for line in device.generated.splitlines(True) if not line.startswith(("bridge_certfile", "bridge_keyfile"))]
    device.change(device.generated, "".join(kept))
    with device:
        hub.wait_for_violation("TLS")
        assert not hub.connections
