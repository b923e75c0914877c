# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Why the way to the cloud is closed, in service/bridge/status: each cause with a real Mosquitto, its bridge and its log."""
import time

import pytest

from bad_cloud_kit import USER, Server, hangs, is_a_web_server
from device_kit import SLOWER, compile_shim
from ports import free_port
from provision_kit import run_provision
from watcher_kit import Bridge, Watched, wait_for_reason

SOON_S = 12 * SLOWER  # the bridge's attempts, and the second look


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """Its bridge has nowhere to go until connect_to() has said where."""
    return Watched(tmp_path_factory.mktemp("cause") / "device")


@pytest.fixture
def connect_to(device):
    def connect_to(address, *options):
        given = [str(word) for word in device.options]
        given[given.index("--cloud") + 1] = address
        done = run_provision(*given, *options)
        assert done.returncode == 0, done.stderr
        device.start()
    yield connect_to
    device.stop()


def tell(device, words, **environment):
    bridge = Bridge(device)
    bridge.environment.update(environment)
    with device.monitor() as monitor, bridge:
        wait_for_reason(monitor, words, SOON_S)
        return monitor.status("bridge")["reason"]


def here(port):
    return f"127.0.0.1:{port}"


@pytest.mark.parametrize("kind, says", [
    ("expired", "the certificate of the cloud has expired: it was valid until 2021-01-01"),
    ("future", "the certificate of the cloud is valid from 2048-01-01 only"),
    ("elsewhere", "the certificate of the cloud is for another host: other.example"),
    ("selfsigned", "the certificate of the cloud is signed by itself"),
    ("plain", "check that the port is one for MQTT with TLS"),
    ("mutual", "asks for a certificate of this device"),
])
def test_certificate(device, connect_to, bad_cloud, certificates, kind, says):
    connect_to(here(bad_cloud.ports[kind]), "--cloud-cafile", certificates / "authority.pem")
    reason = tell(device, f": {here(bad_cloud.ports[kind])}: ")  # the broker's log may have said it before, without
    assert reason.startswith("the bridge is disconnected since 20") and says in reason


def test_unknown_authority(device, connect_to, bad_cloud, certificates):
    connect_to(here(bad_cloud.ports["server"]), "--cloud-cafile", certificates / "stranger.pem")
    tell(device, "signed by an unknown authority, 'authority'")


def test_certificate_of_this_device(device, connect_to, bad_cloud, certificates):
    """Whether Mosquitto has a line for it depends on who is faster, the alert or the end of the connection."""
    connect_to(here(bad_cloud.ports["mutual"]), "--cloud-cafile", certificates / "authority.pem", "--cloud-certfile",
               certificates / "foreign.pem", "--cloud-keyfile", certificates / "foreign.key")
    tell(device, "certificate of this device")


def test_wrong_password(device, connect_to, bad_cloud, certificates, tmp_path):
    (tmp_path / "password").write_text("wrong-horse\n")
    (tmp_path / "password").chmod(0o600)
    connect_to(here(bad_cloud.ports["password"]), "--cloud-cafile", certificates / "authority.pem", "--cloud-user", USER,
               "--cloud-password-file", tmp_path / "password")
    tell(device, "the cloud refuses this device (not authorised): the user name, the password")


def test_clock_that_is_not_set(device, connect_to, bad_cloud, certificates, tmp_path):
    shim = compile_shim(tmp_path, "wall-clock")
    if not shim:
        pytest.skip("no compiler for the other clock")
    (tmp_path / "step").write_text(str(-int(time.time()) + 3600))
    # The broker's clock is right here; what matters is what is said of a certificate by one that is not.
    connect_to(here(bad_cloud.ports["expired"]), "--cloud-cafile", certificates / "authority.pem")
    tell(device, "the clock of this device is not set: it says 1970-01-01", LD_PRELOAD=str(shim), WALL_CLOCK_STEP=str(tmp_path / "step"),
         ASAN_OPTIONS="verify_asan_link_order=0")


@pytest.mark.parametrize("address, says", [(None, "nothing listens on this port"), ("no-such-host.invalid:8883", "DNS")])
def test_no_way_there(device, connect_to, address, says):
    connect_to(address or here(free_port()))
    tell(device, says)


@pytest.mark.parametrize("answer, tls, says", [
    (hangs, False, "it is reached, but"),
    (is_a_web_server, False, "it is reached, but"),
    (is_a_web_server, True, "no TLS is spoken on this port"),
])
def test_other_servers(device, connect_to, certificates, answer, tls, says):
    with Server(answer) as server:
        connect_to(here(server.port), *(["--cloud-cafile", certificates / "authority.pem"] if tls else []))
        tell(device, says)


def test_cause_is_gone_with_the_trouble(device, connect_to, bad_cloud, certificates):
    connect_to(here(bad_cloud.ports["expired"]), "--cloud-cafile", certificates / "authority.pem")
    with Bridge(device) as bridge:
        with device.monitor() as monitor:
            wait_for_reason(monitor, "has expired", SOON_S)
        device.stop()
        connect_to(here(bad_cloud.ports["server"]), "--cloud-cafile", certificates / "authority.pem")
        with device.monitor() as monitor:
            assert "reason" not in monitor.wait_for_status("online", "bridge", SOON_S)
            assert bridge.stop() == 0
