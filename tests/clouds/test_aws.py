# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A device provisioned for AWS IoT Core, against the published rules: its generated file, and its bridge at a stand-in that enforces
them. What is wrong on purpose is refused by both, each for its own reason."""
import json
import shutil
import socket
import ssl
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloud_kit import DEVICE, Authority  # first: it makes the other kits known
from accounting import Arrival, Balance
from cloud_rules import AWS, AWS_ALPN, AWS_PAYLOAD_BYTES, breaches_of_file
from device_kit import SLOWER, wait_for
from ports import free_port
from provision_kit import has_address
from stand_in import BridgedDevice, StandIn

EVENTS = 200
PREFIX = f"devices/{DEVICE}"
OPTIONS = ["--cloud-kind", "aws", "--cloud-prefix", "devices/%d", "--cloud-alpn", AWS_ALPN]
pytestmark = pytest.mark.skipif(not has_address("localhost"), reason="localhost has no address here")

# rule|what a generated file says|what stands there instead|what the device then sends: topic, QoS, retained
WRONG = [
    ("no ALPN", f"bridge_alpn {AWS_ALPN}\n", "", None),
    ("protocol level", "try_private false", "try_private true", None),
    ("client id", f"remote_clientid {DEVICE}", "remote_clientid another", None),
    ("client id size", f"remote_clientid {DEVICE}", f"remote_clientid {'x' * 129}", None),
    ("keep-alive", "keepalive_interval 30", "keepalive_interval 1201", None),
    ("no session", "cleansession false", "cleansession true", None),
    ("QoS 2", f"# out 1 cloud/event/ {PREFIX}/", f"# out 2 cloud/event/ {PREFIX}/", ("cloud/event/tester/x", 2, False)),
    ("QoS 2", f"# in 1 cloud/command/ {PREFIX}/", f"# in 2 cloud/command/ {PREFIX}/", None),
    ("retained", "bridge_outgoing_retain false", "bridge_outgoing_retain true", ("cloud/event/tester/x", 1, True)),
    ("slashes", f"{PREFIX}/event/", f"{PREFIX}/a/b/c/d/event/", ("cloud/event/tester/x", 1, False)),
    ("topic size", f"{PREFIX}/event/", f"{PREFIX}/{'e' * 230}/", ("cloud/event/tester/with-a-long-name", 1, False)),
    ("topic", f"{PREFIX}/event/", "cloud/event/", ("cloud/event/tester/x", 1, False)),
    ("topic", f"{PREFIX}/command/", "$SYS/", None),
]


@pytest.fixture(scope="module")
def made():
    """What all tests share: certificates, and a device with a cloud at a port that is free."""
    folder = Path(tempfile.mkdtemp(prefix="devbus-aws."))
    authority, port = Authority(folder / "authority"), free_port()
    yield SimpleNamespace(authority=authority, port=port, device=BridgedDevice(folder, authority, port, *OPTIONS))
    shutil.rmtree(folder)


@pytest.fixture
def cloud(made):
    with StandIn(AWS, made.authority, made.port) as cloud:
        yield cloud


@pytest.fixture
def device(made):
    return made.device.restore()


def arrivals(cloud, service="worker"):
    return [Arrival(message.payload, message.topic) for message in list(cloud.received) if message.topic.startswith(f"{PREFIX}/event/{service}/")]


def test_file_keeps_the_rules(made):
    assert not breaches_of_file(AWS, made.device.generated, DEVICE)


def test_port_443_has_its_alpn(tmp_path, made):
    device = BridgedDevice(tmp_path, made.authority, 443, *OPTIONS[:4])
    assert not breaches_of_file(AWS, device.generated, DEVICE)


@pytest.mark.parametrize("rule, right, instead, _", WRONG)
def test_wrong_file_breaks_its_rule(made, rule, right, instead, _):
    assert right in made.device.generated
    assert rule in breaches_of_file(AWS, made.device.generated.replace(right, instead), DEVICE)


def test_events_go_out_and_commands_come_in(cloud, device):
    with device, device.worker(f"count={EVENTS}", "rate=1000") as worker:
        cloud.wait_until_subscribed(f"{PREFIX}/command/#", f"{PREFIX}/echo/#")
        wait_for("the confirmation of all events", lambda: device.numbers().confirmations, 30 * SLOWER)
        balance = Balance(device.numbers(), arrivals(cloud))
        assert len(balance.arrived) == EVENTS and not balance.faults()
        for number in range(20):
            assert cloud.send(f"{PREFIX}/command/worker/work", json.dumps({"id": f"c{number}", "args": {}}))
        for number in range(20):
            wait_for(f"the answer to c{number}", lambda i=f"c{number}": "succeeded" in states(cloud, i), 20 * SLOWER)
        assert worker.alive() and not cloud.violations and cloud.connections == 1


def states(cloud, identity):
    return [arrival.event.get("state") for arrival in arrivals(cloud) if arrival.event.get("id") == identity]


def test_session_is_kept_over_a_lost_connection(cloud, device):
    with device, device.worker():
        cloud.wait_until_subscribed(f"{PREFIX}/command/#")
        cloud.drop()
        assert cloud.send(f"{PREFIX}/command/worker/work", '{"id":"away"}')
        wait_for("the answer", lambda: "succeeded" in states(cloud, "away"), 30 * SLOWER)
        assert not cloud.violations and cloud.connections == 2


def test_event_that_is_too_large_stays_on_the_device(cloud, device):
    """At the cloud it would end the connection, and be sent again at the next one, for ever."""
    with device, device.caller("tester") as tester:
        cloud.wait_until_subscribed(f"{PREFIX}/command/#")
        tester._paho.publish("cloud/event/tester/large", "x" * (AWS_PAYLOAD_BYTES + 1), 0)
        assert tester.send("cloud/event/tester/small", "{}") == 0
        wait_for("the small one", lambda: arrivals(cloud, "tester"))
        assert [m.topic for m in cloud.received if "/event/" in m.topic] == [f"{PREFIX}/event/tester/small"]
        assert not cloud.violations and cloud.connections == 1


@pytest.mark.parametrize("rule, right, instead, sent", WRONG)
def test_wrong_bridge_is_refused(cloud, device, rule, right, instead, sent):
    device.change(right, instead)
    with device, device.caller("tester") as tester:
        if sent:
            topic, qos, retain = sent
            cloud.wait_until_subscribed(f"{PREFIX}/command/#")
            tester._paho.publish(topic, "{}", qos, retain)
        cloud.wait_for_violation(rule)
        assert not [m for m in cloud.received if "/event/" in m.topic], "nothing of it is taken"


def test_device_without_a_certificate_is_refused(cloud, device):
    kept = [line for line in device.generated.splitlines(True) if not line.startswith(("bridge_certfile", "bridge_keyfile"))]
    device.change(device.generated, "".join(kept))
    with device:
        cloud.wait_for_violation("TLS")
        assert not cloud.connections


def test_client_that_names_no_server_is_refused(cloud, made):
    """Mosquitto always names it."""
    context = ssl.create_default_context(cafile=made.authority / "ca.pem")
    context.check_hostname = False
    context.set_alpn_protocols([AWS_ALPN])
    context.load_cert_chain(made.authority / f"{DEVICE}.pem", made.authority / f"{DEVICE}.key")
    with socket.create_connection(("127.0.0.1", cloud.port)) as plain, context.wrap_socket(plain) as tls:
        assert tls.recv(1) == b""
    assert [violation.name for violation in cloud.violations] == ["no server name"]
