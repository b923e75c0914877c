# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""devbus-cloud-test: for each thing that can be wrong between a device and its cloud, the sentence that names it."""
import os
import re
import subprocess
import time
from contextlib import contextmanager

import pytest

from bad_cloud_kit import DEVICE, PASSWORD, USER, Server, closes, connack, hangs, is_a_web_server, suback, talks
from device_kit import BUILD, SLOWER, compile_shim, wait_for
from ports import free_port
from provision_kit import Client

PROGRAM = BUILD / "tools" / "cloud-test" / "devbus-cloud-test"
TOPICS = ("topic # in 1 cloud/command/ far/command/", "topic # out 1 cloud/event/ far/event/",
          "topic # out 1 service/bridge/echo/ far/echo/", "topic # in 1 service/bridge/echoed/ far/echo/")
TIMEOUT_S = 1


@pytest.fixture
def run(tmp_path):
    def run(address, *lines, options=("--timeout", TIMEOUT_S * SLOWER), environment=None):
        """Exit status, the lines of the steps, and the verdict."""
        conf = tmp_path / "bridge.conf"
        conf.write_text("\n".join(["connection cloud", f"address {address}", f"remote_clientid {DEVICE}", "try_private false",
                                   *TOPICS, *map(str, lines), ""]))
        done = subprocess.run([PROGRAM, *map(str, options), conf], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **(environment or {})})
        assert done.stderr == "" and PASSWORD not in done.stdout and "wrong-horse" not in done.stdout
        steps = done.stdout.splitlines()
        assert done.returncode == (0 if steps[-1].startswith("ok: ") else 1), done.stdout
        return done.returncode, steps[:-1], steps[-1]
    return run


def here(port):
    return f"127.0.0.1:{port}"


def test_all_is_well(run, bad_cloud, certificates):
    for kind, lines in (("plain", ()), ("server", ()), ("password", (f"remote_username {USER}", f"remote_password {PASSWORD}")),
                        ("mutual", (f"bridge_certfile {certificates / DEVICE}.pem", f"bridge_keyfile {certificates / DEVICE}.key"))):
        tls = [] if kind == "plain" else [f"bridge_cafile {certificates / 'authority.pem'}"]
        status, steps, verdict = run(here(bad_cloud.ports[kind]), *tls, *lines)
        assert verdict == f"ok: the way to {here(bad_cloud.ports[kind])} is open" and status == 0
        assert [re.match(r"(\w+) +\d+ ms  (.*)", step)[1] for step in steps[1:]] == ["name", "TCP", "TLS", "MQTT", "topics", "echo"]
        assert steps[-1].endswith("back on far/echo/cloud-test") and steps[-2].endswith("2 topics")


# Which listener, further lines, the step that fails, and what is said.
CERTIFICATES = [
    ("expired", (), "TLS", "the certificate of the cloud has expired: it was valid until 2021-01-01"),
    ("future", (), "TLS", "the certificate of the cloud is valid from 2048-01-01 only, and the clock of this device says 20"),
    ("elsewhere", (), "TLS", "the certificate of the cloud is for another host: other.example"),
    ("selfsigned", (), "TLS", "the certificate of the cloud is signed by itself"),
    ("odd", ("bridge_cafile {0}/odd.pem",), "TLS", "the certificate of the cloud is for another host: odd?;"),
    ("server", ("bridge_cafile {0}/stranger.pem",), "TLS", "signed by an unknown authority, 'authority'"),
    ("server", ("bridge_cafile {0}/none.pem",), "TLS", "bridge_cafile {0}/none.pem cannot be used: No such file"),
    ("server", ("bridge_cafile {0}/server.key",), "TLS", "bridge_cafile {0}/server.key cannot be used: "),
    ("mutual", (), "TLS", "the cloud asks for a certificate of this device, and none was shown"),
    ("mutual", ("bridge_certfile {0}/foreign.pem", "bridge_keyfile {0}/foreign.key"), "TLS",
     "the cloud refuses the certificate of this device: it does not know the authority"),
    ("mutual", ("bridge_certfile {0}/expired.pem", "bridge_keyfile {0}/expired.key"), "TLS",
     "the cloud refuses the certificate of this device: it has expired"),
    ("mutual", ("bridge_certfile {0}/thing-7.pem", "bridge_keyfile {0}/foreign.key"), "TLS",
     "bridge_keyfile is not the key of bridge_certfile"),
    ("mutual", ("bridge_certfile {0}/thing-7.pem", "bridge_keyfile {0}/none.key"), "TLS",
     "bridge_keyfile {0}/none.key cannot be used: No such file"),
    ("mutual", ("bridge_certfile {0}/acl", "bridge_keyfile {0}/acl"), "TLS", "bridge_certfile {0}/acl cannot be used: "),
    ("password", ("remote_username device", "remote_password wrong-horse"), "MQTT", "not authorised"),
    ("password", (), "MQTT", "not authorised"),
    ("mute", (), "echo", "what is published on far/echo/cloud-test does not come back"),
    ("plain", (), "TLS", "check that the port is one for MQTT with TLS"),
]


@pytest.mark.parametrize("kind, lines, step, says", CERTIFICATES)
def test_certificates_and_logins(run, bad_cloud, certificates, kind, lines, step, says):
    lines = [line.format(certificates.folder) for line in lines]
    if not any("cafile" in line for line in lines):
        lines.append(f"bridge_cafile {certificates / 'authority.pem'}")
    _, steps, verdict = run(here(bad_cloud.ports[kind]), *lines)
    assert verdict.startswith(f"failed: {here(bad_cloud.ports[kind])}: ") and says.format(certificates.folder) in verdict
    assert steps[-1].startswith(step) and steps[-1].endswith("failed")


def test_host_name_is_not_checked_where_the_bridge_does_not(run, bad_cloud, certificates):
    assert run(here(bad_cloud.ports["elsewhere"]), f"bridge_cafile {certificates / 'authority.pem'}", "bridge_insecure true")[0] == 0


def test_clock_that_is_not_set(run, bad_cloud, certificates, tmp_path):
    shim = compile_shim(tmp_path, "wall-clock")
    if not shim:
        pytest.skip("no compiler for the other clock")
    (tmp_path / "step").write_text(str(-int(time.time()) + 3600))
    clock = {"LD_PRELOAD": str(shim), "WALL_CLOCK_STEP": str(tmp_path / "step"), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    _, _, verdict = run(here(bad_cloud.ports["server"]), f"bridge_cafile {certificates / 'authority.pem'}", environment=clock)
    assert "the clock of this device is not set: it says 1970-01-01" in verdict


def test_no_way_there(run):
    for address, step, says in ((here(free_port()), "TCP", "nothing listens on this port"),
                                ("no-such-host.invalid:8883", "name", "DNS")):
        _, steps, verdict = run(address)
        assert says in verdict and steps[-1].startswith(step)


@pytest.mark.parametrize("answer, tls, step, says", [
    (hangs, True, "TLS", "does not answer TLS"),
    (hangs, False, "MQTT", "does not answer an MQTT CONNECT"),
    (closes, True, "TLS", "closed in the midst of the TLS handshake"),
    (closes, False, "MQTT", "closes the connection in place of an answer to CONNECT; it is no MQTT broker"),
    (is_a_web_server, True, "TLS", "no TLS is spoken on this port"),
    (is_a_web_server, False, "MQTT", "does not speak MQTT"),
    (talks(b"\x15\x03\x03\x00\x02\x02\x16"), False, "MQTT", "TLS is spoken on this port; set bridge_cafile"),
    (talks(connack(1)), False, "MQTT", "bridge_protocol_version"),
    (talks(connack(2)), False, "MQTT", "refuses the client id"),
    (talks(connack(3)), False, "MQTT", "not available"),
    (talks(connack(4)), False, "MQTT", "refuses the user name or the password"),
    (talks(connack(5)), False, "MQTT", "--as-device"),
    (talks(connack(9)), False, "MQTT", "does not have"),
    (talks(b"\x20\xff\xff\xff\xff\x7f"), False, "MQTT", "does not speak MQTT"),
    (talks(b"\x20\x01\x00", None), False, "MQTT", "does not speak MQTT"),
    (talks(connack(0), suback(0x80)), False, "topics", "refuses the subscription to far/command/#"),
    (talks(connack(0), None), False, "topics", "closes the connection after SUBSCRIBE to far/command/#"),
    (talks(connack(0)), False, "topics", "no answer after SUBSCRIBE to far/command/#"),
    (talks(connack(0), suback(1), suback(1), None), False, "echo", "closes the connection after PUBLISH on far/echo/cloud-test"),
    (talks(connack(0), suback(1), suback(1), b"\x30\xff\x7f"), False, "echo", "does not come back"),
])
def test_other_servers(run, certificates, answer, tls, step, says):
    with Server(answer) as server:
        lines = [f"bridge_cafile {certificates / 'authority.pem'}"] if tls else []
        _, steps, verdict = run(here(server.port), *lines)
    assert says in verdict and steps[-1].startswith(step)


def test_private_bit_and_version(run):
    with Server(talks(connack(1))) as server:
        assert "set try_private false" in run(here(server.port), "try_private true")[2]
        assert "set mqttv311" in run(here(server.port), "bridge_protocol_version mqttv50")[2]


@contextmanager
def openssl_server(run, certificates, *options):
    """What `openssl s_server` makes of them: its address, and the lines of a bridge to it."""
    port = free_port()
    lines = ["bridge_cafile " + str(certificates / "authority.pem")]
    with subprocess.Popen(["openssl", "s_server", "-accept", str(port), "-cert", certificates / "server.pem", "-key",
                           certificates / "server.key", "-quiet", *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        try:
            wait_for("the server", lambda: "nothing listens" not in run(here(port), *lines)[2])
            yield here(port), lines
        finally:
            server.kill()


def test_alpn(run, certificates):
    with openssl_server(run, certificates, "-alpn", "x-amzn-mqtt-ca") as (address, lines):
        assert "check bridge_alpn" in run(address, *lines, "bridge_alpn mqtt")[2]
        _, steps, _ = run(address, *lines, "bridge_alpn x-amzn-mqtt-ca")
        assert steps[-1].startswith("MQTT"), "it is past TLS"


def test_old_tls_is_no_way_even_where_the_machine_allows_it(run, certificates, tmp_path):
    (tmp_path / "openssl.cnf").write_text("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = old\n[old]\n"
                                          "MinProtocol = None\nCipherString = ALL:@SECLEVEL=0\n")
    with openssl_server(run, certificates, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") as (address, lines):
        _, steps, verdict = run(address, *lines, environment={"OPENSSL_CONF": str(tmp_path / "openssl.cnf")})
    assert steps[-1].startswith("TLS") and "it needs TLS 1.2 or 1.3" in verdict


# --- the client id --------------------------------------------------------------------------------------------------

def test_bridge_at_work_is_left_in_peace(run, bad_cloud):
    with Client(bad_cloud.ports["plain"], client_id=DEVICE) as bridge:
        assert run(here(bad_cloud.ports["plain"]))[0] == 0 and not bridge.lost
        assert run(here(bad_cloud.ports["plain"]), options=("--as-device",))[0] == 0
        wait_for("the end of the other connection", lambda: bridge.lost)


def test_commands_that_wait_for_the_device_are_left_for_it(run, bad_cloud):
    with Client(bad_cloud.ports["plain"], client_id=DEVICE, clean=False) as bridge:
        bridge.listen("far/command/#")
    with Client(bad_cloud.ports["plain"]) as sender:
        sender.send_all("far/command/fand/set", ["1", "2", "3"])
    assert run(here(bad_cloud.ports["plain"]), options=("--as-device",))[0] == 0
    with Client(bad_cloud.ports["plain"], client_id=DEVICE, clean=False) as bridge:
        wait_for("the commands", lambda: [text for topic, text in bridge.received if topic.startswith("far/c")] == ["1", "2", "3"])
    Client(bad_cloud.ports["plain"], client_id=DEVICE).close()  # forgets the session


# --- several addresses, usage ---------------------------------------------------------------------------------------

def test_every_address_is_tried(run, bad_cloud):
    good, bad = here(bad_cloud.ports["plain"]), here(free_port())
    status, steps, verdict = run(f"{bad} {good}")
    assert status == 1 and verdict == "failed: 1 of 2 addresses, as said above"
    assert any(step.startswith(f"failed: {bad}: nothing listens") for step in steps) and f"ok: the way to {good} is open" in steps


@pytest.mark.parametrize("words, says", [
    ([], "give one file"), (["a", "b"], "give one file"), (["--timeout", "0", "a"], "--timeout"), (["--timeout", "x", "a"], "--timeout"),
    (["--timeout=601", "a"], "--timeout"), (["--nonsense"], "nonsense"), (["/nowhere"], "/nowhere: No such file"),
    (["/dev/null"], "/dev/null: there is no connection"),
])
def test_usage(words, says):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and says in done.stderr and done.stdout == ""


def test_help_and_version():
    for option in ("--help", "--version"):
        done = subprocess.run([PROGRAM, option], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "devbus-cloud-test" in done.stdout and done.stderr == ""
