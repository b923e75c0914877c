# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The tunnel of the service bridge: a cloud whose TLS fails does not take the local bus down, nobody but the broker gets through, and what
changes at the cloud costs the local bus nothing."""
import re
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from bad_cloud_kit import DEVICE, PASSWORD, USER, Server, floods_and_tears, over_tls
from device_kit import SLOWER, compile_shim, wait_for
from ports import free_port
from provision_kit import Client, run_provision
from watcher_kit import Bridge, Watched

ATTEMPTS = 8  # Mosquitto 2.0.11 by itself stops answering after the second to the tenth


@pytest.fixture
def device_of(tmp_path, bad_cloud, certificates):
    def device_of(kind, *options, authority="authority"):
        return Watched(tmp_path / "device", "--device-id", DEVICE, "--cloud-cafile", certificates / f"{authority}.pem", *options,
                       cloud=SimpleNamespace(port=bad_cloud.ports[kind]))
    return device_of


@pytest.fixture
def tunnel_to(tmp_path, certificates):
    """A function: a connection to the tunnel of a device, in the broker's place and past its password, when @port is the cloud. Its
    attribute `bridge` is the service, started with @environment."""
    started = []

    def tunnel_to(port, **environment):
        device = Watched(tmp_path / "device", "--device-id", DEVICE, "--cloud-cafile", certificates / "authority.pem",
                         cloud=SimpleNamespace(port=port))
        tunnel_to.bridge = Bridge(device)
        tunnel_to.bridge.environment.update(environment)
        started.append(tunnel_to.bridge.__enter__())
        wait_for("the tunnel", lambda: is_open(tunnel_port(device)))
        link = socket.create_connection(("127.0.0.1", tunnel_port(device)))
        link.sendall(connect_packet(tunnel_secret(device)))
        return link
    yield tunnel_to
    for bridge in started:
        bridge.__exit__(None, None, None)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def provision(device, *more):
    done = run_provision(*device.options, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def tunnel_port(device):
    return int(re.search("^listener ([0-9]+)", (device.output / "cloud.conf").read_text(), re.M)[1])


def tunnel_secret(device):
    return re.search("^local_password (.*)", (device.output / "cloud.conf").read_text(), re.M)[1].encode()


def wait_until_online(device, timeout_s=20 * SLOWER):
    with device.monitor() as monitor:
        monitor.wait_for_status("online", "bridge", timeout_s)


def test_local_bus_lives_while_tls_fails(device_of, bad_cloud):
    before = bad_cloud.log().count("unknown ca")
    with device_of("server", authority="stranger") as device, Bridge(device), device.caller("monitor") as caller:
        for attempt in range(1, ATTEMPTS + 1):
            wait_for(f"attempt {attempt}", lambda: bad_cloud.log().count("unknown ca") >= before + attempt, 20 * SLOWER)
            with device.client("cli"):  # connects, and is answered
                pass
        assert not caller.lost


def first_answer(port, packet):
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.settimeout(10)
        link.sendall(packet)
        try:
            return link.recv(64)
        except ConnectionResetError:
            return b""


def connect_packet(password):
    name, user = b"thing-7", b"devbus-tunnel"
    body = b"\0\4MQTT\4\xc2\0\x3c" + b"".join(len(text).to_bytes(2, "big") + text for text in (name, user, password))
    return bytes([0x10, len(body)]) + body


def test_nobody_but_the_broker_gets_through(device_of, bad_cloud):
    with device_of("server") as device, Bridge(device) as bridge:
        wait_until_online(device)
        before = bad_cloud.log().count("New client connected")
        port = tunnel_port(device)
        secret = tunnel_secret(device)
        assert (device.output / "cloud.conf").stat().st_mode & 0o077 == 0
        device.stop()  # else its bridge has the tunnel
        for packet in (b"\xff", b"GET / HTTP/1.1\r\n\r\n", connect_packet(b""), connect_packet(b"guess"), connect_packet(secret + b"x"),
                       connect_packet(secret)[:-1] + b"x", b"\x10\xff\xff\xff\xff\x7f"):
            assert first_answer(port, packet) == b""
        assert bad_cloud.log().count("New client connected") == before and bridge.alive()
        assert first_answer(port, connect_packet(secret)) == b"\x20\x02\0\0", "with the secret it is the cloud that answers"
        assert secret.decode() not in bridge.log()
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]  # they say nothing, and hold up nobody
        device.start()
        wait_until_online(device)
        for link in silent:
            link.close()


def is_held_by_the_tunnel(link):
    """By the kernel's word, since whoever has not read what came before does not hear of the end."""
    own, peer = (f":{address[1]:04X}" for address in (link.getsockname(), link.getpeername()))
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        if local.endswith(peer) and remote.endswith(own):
            return state == "01"  # established
    return False


def test_cloud_that_tears_while_the_broker_is_stuck_ends_the_connection(tunnel_to, certificates):
    with Server(over_tls(certificates, floods_and_tears)) as server, tunnel_to(server.port) as broker:
        wait_for("the answer", lambda: broker.recv(4, socket.MSG_PEEK) == b"\x20\x02\0\0")
        wait_for("the end, though nothing is read here", lambda: not is_held_by_the_tunnel(broker), 20 * SLOWER)


@pytest.fixture
def slow_cloud(certificates):
    """A cloud that begins with TLS when it is let. `heard` gets its first words from the device."""
    cloud = SimpleNamespace(connected=threading.Event(), let=threading.Event(), heard=[])

    def hears(link):
        cloud.heard.append(link.recv(64))

    def answer(link):
        cloud.connected.set()
        cloud.let.wait(20 * SLOWER)
        try:
            over_tls(certificates, hears)(link)
        except OSError:
            cloud.heard.append(b"")
    with Server(answer) as server:
        cloud.port = server.port
        yield cloud


def test_broker_that_has_given_up_is_not_announced_to_the_cloud(tunnel_to, slow_cloud):
    """It is on its way again by then, and the cloud would throw that connection out for this one."""
    with tunnel_to(slow_cloud.port) as broker:
        assert slow_cloud.connected.wait(10 * SLOWER)
        broker.close()
        slow_cloud.let.set()
        wait_for("the handshake", lambda: slow_cloud.heard, 20 * SLOWER)
        assert slow_cloud.heard == [b""]


def test_service_that_ends_in_the_midst_of_a_handshake_ends_well(tunnel_to, slow_cloud, tmp_path):
    """The thread at it cannot be waited for, and goes on until the process is gone."""
    shim = compile_shim(tmp_path, "slow-exit")
    if not shim:
        pytest.skip("no compiler for the slow exit")
    exiting = tmp_path / "exiting"
    with tunnel_to(slow_cloud.port, LD_PRELOAD=str(shim), SLOW_EXIT=str(exiting), ASAN_OPTIONS="verify_asan_link_order=0"):
        assert slow_cloud.connected.wait(10 * SLOWER)
        tunnel_to.bridge.process.terminate()
        wait_for("the end, but for the last bit", exiting.exists, 20 * SLOWER)
        slow_cloud.let.set()
        wait_for("the handshake", lambda: slow_cloud.heard or not tunnel_to.bridge.alive(), 20 * SLOWER)
        assert slow_cloud.heard[0][:1] == b"\x10", "TLS still works, for as long as there is somebody at it"
        exiting.unlink()
        assert tunnel_to.bridge.process.wait(20) == 0


def test_password_of_the_cloud_takes_the_place_of_the_brokers(device_of, tmp_path):
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "password").chmod(0o600)
    with device_of("password", "--cloud-user", USER, "--cloud-password-file", tmp_path / "password") as device, Bridge(device):
        wait_until_online(device)
        assert PASSWORD not in (device.output / "mosquitto.d" / "bridge.conf").read_text()


def test_new_certificate_costs_the_local_bus_nothing(device_of, certificates):
    def own(name):
        return "--cloud-certfile", certificates / f"{name}.pem", "--cloud-keyfile", certificates / f"{name}.key"
    with device_of("mutual", *own("foreign")) as device, device.caller("cli") as local:
        with Bridge(device), device.monitor() as monitor:
            wait_for("the reason", lambda: "refuses the certificate of this device" in (monitor.status("bridge").get("reason") or ""),
                     20 * SLOWER)
        assert provision(device, *own(DEVICE)) == ["cloud.pem"]
        with Bridge(device):
            wait_until_online(device)
        assert not local.lost


def test_address_that_fails_is_followed_by_the_next(device_of, bad_cloud):
    with device_of("server") as device:
        conf = device.output / "cloud.conf"
        conf.write_text(conf.read_text().replace("\naddress ", f"\naddress 127.0.0.1:{free_port()} "))
        with Bridge(device):
            wait_until_online(device)


def test_port_that_another_program_has(device_of):
    with device_of("server") as device, socket.create_server(("127.0.0.1", tunnel_port(device))):
        code, log = Bridge(device).run()
        assert code == 1 and re.search("listener [0-9]+ 127.0.0.1: Address already in use; .*--tunnel-port", log), log


def test_much_goes_through_both_ways(device_of, bad_cloud, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "worker.acl").write_text("")
    count, big = 40, "x" * 100_000
    with device_of("server", "--services-dir", tmp_path / "more") as device, Bridge(device):
        wait_until_online(device)
        with Client(bad_cloud.ports["plain"]) as far, device.client("worker") as near:
            far.listen("cloud/event/worker/#")
            near.listen("cloud/command/worker/#")
            for number in range(count):
                near.publish(f"cloud/event/worker/{number}", big + str(number))
                far.publish(f"cloud/command/worker/{number}", big + str(number))
            for end, where in ((far, "event"), (near, "command")):
                wait_for(f"all of each {where}", lambda: len(end.received) >= count, 30 * SLOWER)
                assert end.received == [(f"cloud/{where}/worker/{number}", big + str(number)) for number in range(count)]
