# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What devbus-provision makes of each kind of cloud: the bridge that results, what is refused before a device is sent out,
and that the installed Mosquitto starts with all of it. No cloud is needed."""
import getpass
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from provision_kit import SOURCE, fake_program, make_certificate, run_provision

ME = getpass.getuser()
CLOUDS = SOURCE / "etc" / "clouds"
KINDS = sorted(path.stem for path in CLOUDS.glob("*.cloud"))
FOLDER = tempfile.TemporaryDirectory()
os.chmod(FOLDER.name, 0o755)  # so that nobody is warned of it
X509 = make_certificate(Path(FOLDER.name), "device")
TLS, FILE = X509[:2], X509[1]
NEEDS = {
    "aws": X509, "azure": X509, "hivemq": [*TLS, "--cloud-user", "x7"], "ejabberd": ["--cloud-user", "%d@example.com"],
}


def run_kind(folder, kind, *options, **more):
    return run_provision("--output", folder, "--user-of-broker", ME, "--device-id", "x7", "--cloud-kind", kind, *options, **more)


def settings(path):
    """KEY VALUE lines; a key that stands more than once has a list."""
    found = {}
    for line in path.read_text().splitlines():
        if line and line[0] not in "#[":
            key, value = line.split(" ", 1)
            found.setdefault(key, []).append(value)
    return {key: values if len(values) > 1 or key == "topic" else values[0] for key, values in found.items()}


def bridge_of(folder, kind, *options, **more):
    done = run_kind(folder, kind, *NEEDS.get(kind, []), *options, **more)
    assert done.returncode == 0, done.stderr
    return settings(folder / "cloud.conf")


def test_presence_is_refused_where_it_cannot_be(tmp_path):
    done = run_kind(tmp_path, "azure", *NEEDS["azure"], "--presence")
    assert done.returncode == 2 and done.stderr.startswith("devbus-provision: --presence: Azure IoT Hub")
    (tmp_path / "own.cloud").write_text("title Ours\nclient_id_bytes 10\n")
    done = run_kind(tmp_path, tmp_path / "own.cloud", "--presence")
    assert done.returncode == 2 and "10 bytes that Ours takes" in done.stderr
    assert bridge_of(tmp_path, "aws", "--presence")["remote_clientid"] == "x7"
    assert settings(tmp_path / "mosquitto.d" / "presence.conf")["remote_username"] == "devbus-tunnel"


@pytest.mark.parametrize("host, warned", [("cloud.example.com", True), ("192.0.2.7", False)])
def test_broker_that_waits_for_names_is_warned_of(tmp_path, host, warned):
    """A script has no getaddrinfo_a in it, like a Mosquitto that looks names up within its thread."""
    env = fake_program(tmp_path / "bin", "mosquitto", f"exec {shutil.which('mosquitto', path=os.environ['PATH'] + ':/usr/sbin')} \"$@\"\n")
    for environment, options, expected in ((env, [], warned), (None, [], False), (env, TLS, False)):  # a tunnel does it in its place
        done = run_kind(tmp_path / "etc", "generic", "--cloud", f"{host}:1883", *options, env=environment)
        assert done.returncode == 0 and ("WITH_ADNS" in done.stderr) == expected


def test_every_cloud_of_the_project_is_there():
    assert set(KINDS) == {"aedes", "aws", "azure", "ejabberd", "emqx", "generic", "hivemq", "mosquitto", "rabbitmq", "vernemq"}
    listed = re.search(r"Kinds of clouds: (.*)\.", run_provision("--help").stdout).group(1)
    assert listed.split() == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_installed_broker_starts_with_every_kind(tmp_path, kind):
    done = run_kind(tmp_path / "etc", kind, "--cloud", "far.example.com:8883", *NEEDS.get(kind, []), "--check")
    assert done.returncode == 0 and "starts with these files" in done.stderr
    bridge = settings(tmp_path / "etc/mosquitto.d/bridge.conf")
    always = {"bridge_protocol_version": "mqttv311", "cleansession": "false", "try_private": "false", "remote_clientid": "x7",
              "notifications_local_only": "true", "notification_topic": "service/bridge/raw",
              "bridge_attempt_unsubscribe": "false"}
    assert {key: bridge[key] for key in always} == always
    assert all(topic.split()[2] == "1" and topic.split()[1] in ("in", "out") for topic in bridge["topic"])
    assert "%" not in (tmp_path / "etc/mosquitto.d/bridge.conf").read_text()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("generic", "azure")])
def test_topics_are_ours_where_the_cloud_has_none_of_its_own(tmp_path, kind):
    bridge = bridge_of(tmp_path, kind, "--cloud", "far.example.com", "--cloud-prefix", "devices/%d")
    assert bridge["address"] == "far.example.com:8883"
    assert bridge["topic"] == ["# out 1 cloud/event/ devices/x7/event/", "# in 1 cloud/command/ devices/x7/command/",
                               "# out 1 service/bridge/echo/ devices/x7/echo/", "# in 1 service/bridge/echoed/ devices/x7/echo/"]
    assert "confirm" not in (tmp_path / "devbus.conf").read_text()


# docs.aws.amazon.com/iot/latest/developerguide/protocols.html
@pytest.mark.parametrize("address, alpn", [("a-ats.iot.example.com:443", "x-amzn-mqtt-ca"), ("a-ats.iot.example.com", None)])
def test_aws_on_443_asks_for_mqtt(tmp_path, address, alpn):
    assert bridge_of(tmp_path, "aws", "--cloud", address).get("bridge_alpn") == alpn


# learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-hub
def test_azure_has_names_and_topics_of_its_own(tmp_path):
    bridge = bridge_of(tmp_path, "azure", "--cloud", "hub.azure-devices.example")
    assert bridge["remote_username"] == "hub.azure-devices.example/x7/?api-version=2021-04-12"
    assert "remote_password" not in bridge and bridge["bridge_outgoing_retain"] == "false"
    assert "messages/events/+ out 1 service/azure/hub/ devices/x7/" in bridge["topic"]
    assert not [topic for topic in bridge["topic"] if "cloud/" in topic or "echo" in topic]
    assert "confirm" not in (tmp_path / "devbus.conf").read_text()


def test_adapter_is_on_devices_of_its_cloud_only(tmp_path):
    bridge_of(tmp_path / "azure", "azure", "--cloud", "hub.azure-devices.example")
    bridge_of(tmp_path / "aws", "aws", "--cloud", "far.example.com")
    assert (tmp_path / "azure/secrets/azure").exists() and "user azure\n" in (tmp_path / "azure/acl").read_text()
    assert not (tmp_path / "aws/secrets/azure").exists() and "azure" not in (tmp_path / "aws/acl").read_text()


def test_cloud_without_its_adapter_is_refused(tmp_path):
    (tmp_path / "services").mkdir()
    (tmp_path / "services/sensor.acl").write_text("")
    done = run_kind(tmp_path / "etc", "azure", *NEEDS["azure"], "--cloud", "hub.azure-devices.example", "--services-dir", tmp_path / "services")
    assert done.returncode == 2 and "azure.acl" in done.stderr


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "generic"])
def test_what_a_cloud_cannot_do_is_said_when_the_bridge_changes(tmp_path, kind):
    lines = re.findall("^cannot (.*)$", (CLOUDS / f"{kind}.cloud").read_text(), re.M)
    options = ["--cloud", "far.example.com", *NEEDS.get(kind, [])]
    first, second = (run_kind(tmp_path / "etc", kind, *options) for _ in range(2))
    assert lines and all(line in first.stderr for line in lines)
    assert second.returncode == 0 and second.stdout == second.stderr == ""


# --- what is refused ------------------------------------------------------------------------------------------------

FAR = ["--cloud", "far.example.com:8883"]
REFUSED = [
    ("aws", [*FAR], "--cloud-cafile", "AmazonRootCA1.pem"),
    ("aws", [*FAR, *TLS], "--cloud-certfile", "certificate"),
    ("aws", ["--cloud", "far.example.com:1883", *X509], "--cloud", "443 or 8883"),
    ("aws", [*FAR, "--cloud", "far.example.com:443", *X509], "--cloud", "port 443 for each"),
    ("aws", [*FAR, *X509, "--keepalive", "29"], "--keepalive", "30 to 1200"),
    ("aws", [*FAR, *X509, "--keepalive", "1201"], "--keepalive", "30 to 1200"),
    ("aws", [*FAR, *X509, "--cloud-prefix", "a/b/c/d/e/f"], "--cloud-prefix", "8 levels"),
    ("aws", [*FAR, *X509, "--cloud-prefix", "a" * 60 + "/" + "b" * 58], "--cloud-prefix", "256 bytes"),
    ("azure", ["--cloud", "hub.example:443", *X509], "--cloud", "port 8883 only"),
    ("azure", [*FAR, *X509, "--cloud-prefix", "devices/%d"], "--cloud-prefix", "topics of its own"),
    ("azure", [*FAR, *X509, "--cloud-user", "u", "--cloud-password-file", FILE], "--cloud-password-file", "certificates only"),
    ("azure", [*FAR, *X509, "--keepalive", "1178"], "--keepalive", "1177"),
    ("hivemq", [*FAR, *TLS], "--cloud-user", "wants a user name"),
    ("ejabberd", FAR, "--cloud-user", "NAME@HOST"),
    ("ejabberd", [*FAR, "--cloud-user", "x7"], "--cloud-user", "NAME@HOST"),
    ("rabbitmq", [*FAR, "--cloud-prefix", "a.b"], "--device-id", "do not keep|does not keep"),
    ("rabbitmq", [*FAR, "--device-id", "x.7"], "--device-id", "does not keep"),
    ("vernemq", [*FAR, "--cloud-prefix", "a/b/c/d/e/f/g/h"], "--cloud-prefix", "10 levels"),
    ("generic", ["--cloud-alpn", "mqtt"], "--cloud-alpn", "needs --cloud-cafile"),
    ("generic", ["--cloud-alpn", "a b", *TLS], "--cloud-alpn", "name of a protocol"),
    ("generic", ["--cloud", "far.example.com"], "--cloud", "HOST:PORT"),
    ("generic", [*FAR, "--cloud", "127.0.0.1:1883"], "--cloud", "own broker"),
    ("generic", ["--profile", "production", "--cloud", "127.0.0.1:8883", *FAR], "--cloud-cafile", "in production"),
    ("moskito", FAR, "--cloud-kind", "aws azure"),
    ("/nowhere.cloud", FAR, "--cloud-kind", "path of a file"),
]


@pytest.mark.parametrize("kind, options, named, reason", REFUSED)
def test_what_the_cloud_would_not_take_is_refused(tmp_path, kind, options, named, reason):
    done = run_kind(tmp_path / "etc", kind, *options)
    assert done.returncode == 2 and done.stdout == "" and not (tmp_path / "etc").exists()
    assert done.stderr.startswith(f"devbus-provision: {named}") and re.search(reason, done.stderr)
    assert done.stderr.count("devbus-provision: ") == 1


def test_longest_prefix_is_taken(tmp_path):
    """118 + /command/ + 64 + / + 64 = 256 bytes, on 5 levels of 8."""
    prefix = "a" * 59 + "/" + "b" * 58
    assert bridge_of(tmp_path, "aws", *FAR, "--cloud-prefix", prefix)["topic"][0].endswith(f"{prefix}/event/")


def test_payload_limit_is_that_of_the_cloud(tmp_path):
    done = run_kind(tmp_path, "aws", *FAR, *X509, "--payload-limit", "200000")
    assert done.returncode == 0 and "takes 131072 bytes" in done.stderr
    assert "payload_limit_bytes = 131072\n" in (tmp_path / "devbus.conf").read_text()
    # Not more, as for other clouds: whoever publishes on this device, the cloud would end the connection, again and again.
    assert "message_size_limit 131072\n" in (tmp_path / "mosquitto.conf").read_text()


def test_cloud_of_your_own_is_a_file(tmp_path):
    (tmp_path / "ours.cloud").write_text("title Ours\nport 4883\nbridge try_private true\ntopic # out 1 cloud/event/ %p/%d/\n"
                                         "user_name %d@%h")
    bridge = bridge_of(tmp_path / "etc", tmp_path / "ours.cloud", "--cloud", "far.example.com")
    assert bridge["address"] == "far.example.com:4883" and bridge["remote_username"] == "x7@far.example.com"
    assert bridge["try_private"] == "true" and bridge["topic"] == ["# out 1 cloud/event/ cloud/x7/"]


@pytest.mark.parametrize("user, becomes", [("%d@%h", "x7@far.example.com"), (r"dom\name\c%x", r"dom\name\c%x")])
def test_user_name_has_its_form_and_nothing_else(tmp_path, user, becomes):
    bridge = bridge_of(tmp_path, "generic", *FAR, "--cloud-user", user)
    assert bridge["remote_username"] == becomes


@pytest.mark.parametrize("line", ["bridge a/b 1", "bridge try_private", "nonsense 1", "port 0", "tls maybe", "title", "Title x", "port.* 1"])
def test_bad_line_of_a_cloud_is_named(tmp_path, line):
    (tmp_path / "ours.cloud").write_text(f"# Ours.\n{line}\n")
    done = run_kind(tmp_path / "etc", tmp_path / "ours.cloud")
    assert done.returncode == 2 and "ours.cloud:2: " in done.stderr and not (tmp_path / "etc").exists()


def test_several_addresses_are_tried_in_turn(tmp_path):
    bridge = bridge_of(tmp_path, "mosquitto", "--cloud", "a.example", "--cloud", "b.example:1884")
    assert bridge["address"] == "a.example:8883 b.example:1884" and bridge["round_robin"] == "true"
    assert "cloud_broker = a.example:8883\n" in (tmp_path / "devbus.conf").read_text()
    assert "round_robin" not in bridge_of(tmp_path, "mosquitto", "--cloud", "a.example")


# --- versions of Mosquitto ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version, knows", [("2.0.11", False), ("2.0.22", False), ("2.1.0", True), ("2.10", True), ("3.0", True)])
def test_newer_options_of_a_bridge_are_for_newer_brokers(tmp_path, version, knows):
    bridge = bridge_of(tmp_path / "etc", "generic", "--broker-version", version)
    assert ("bridge_tcp_user_timeout" in bridge) == knows
    env = fake_program(tmp_path / "bin", "mosquitto", f"echo mosquitto version {version}\nexit 3\n")
    assert bridge_of(tmp_path / "etc", "generic", env=env) == bridge


@pytest.mark.parametrize("version, named", [("1.6.12", "install 2.0"), ("2.x", "--broker-version"), ("..", "--broker-version")])
def test_bad_version_of_a_broker_is_refused(tmp_path, version, named):
    done = run_kind(tmp_path / "etc", "generic", "--broker-version", version)
    assert done.returncode != 0 and named in done.stderr and not (tmp_path / "etc").exists()


@pytest.mark.parametrize("version, broken", [("2.0.15", True), ("2.0.16", True), ("2.0.11", False), ("2.0.22", False)])
def test_broker_that_loses_messages_is_warned_of(tmp_path, version, broken):
    done = run_kind(tmp_path / "etc", "generic", "--broker-version", version)
    assert done.returncode == 0 and ("take a newer one" in done.stderr) == broken


def test_trial_of_another_version_is_refused(tmp_path):
    done = run_kind(tmp_path / "etc", "generic", "--broker-version", "2.9.9", "--check")
    assert done.returncode == 2 and "--check needs this version" in done.stderr and not (tmp_path / "etc").exists()
