# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What people mistype: each mistake is named, and nothing is begun."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from device_kit import BUILD, Device, Probe, free_port, wait_for
from provision_kit import SOURCE, run_provision

TESTBED = BUILD / "tools" / "devbus-testbed"
DEVBUSCTL = BUILD / "tools" / "devbusctl"


def run(*command, **environment):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


# --- the testbed ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, said", [
    (["--bogus"], "--bogus: unknown option"),
    (["up", "--bogus"], "--bogus: unknown option"),
    (["up", "--bogus=1"], "--bogus: unknown option"),
    (["up", "--profile"], "--profile needs a value"),
    (["up", "--services-dir", "/nope"], "--services-dir /nope: there is no such folder"),
    (["down", "--keepalive", "ten"], "--keepalive ten: give a number"),
])
def test_testbed(tmp_path, words, said):
    done = run(TESTBED, *words, DEVBUS_TESTBED=str(tmp_path / "bed"))
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "bed").exists()


# --- the generator --------------------------------------------------------------------------------------------------

def settings_of_the_library():
    return set(re.findall(r"DEVBUS_FIELD\(struct settings, (\w+)", (SOURCE / "libdevbus" / "settings.c").read_text()))


def test_provision_refuses_what_the_library_would(tmp_path):
    done = run_provision("--output", tmp_path / "etc", "--set", "keepalive=5")
    assert done.returncode == 2 and "keepalive is not a setting of the library" in done.stderr
    assert not (tmp_path / "etc").exists()


def test_provision_knows_the_settings():
    """Its list is the library's, less what follows from its own options."""
    text = (SOURCE / "etc" / "provision" / "options.sh").read_text()
    listed = {line.split("|")[0] for line in re.search(r"^settings='([^']*)'", text, re.M)[1].splitlines()}
    derived = {"broker", "user", "password_file", "device_id", "state_dir", "payload_limit_bytes", "cloud_broker", "cloud_prefix"}
    assert listed == settings_of_the_library() - derived


# --- services -------------------------------------------------------------------------------------------------------

def test_no_such_config_dir(tmp_path):
    for options, environment in ((["--config-dir", "/nope"], {}), ([], {"DEVBUS_CONFIG_DIR": "/nope"})):
        done = run(BUILD / "services" / "config" / "devbus-config", *options, **environment, DEVBUS_STATE_DIR=str(tmp_path / "state"))
        assert done.returncode == 1 and "/nope: No such file or directory" in done.stderr, done.stderr
    assert not (tmp_path / "state").exists()


def test_no_such_broker(tmp_path):
    device = Device(tmp_path)
    with Probe(device, DEVBUS_BROKER="no-such-host.invalid:1883") as probe:
        wait_for("a word about the name", lambda: "no-such-host.invalid:1883: its name is not known" in probe.log())


# --- devbusctl ------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def device(tmp_path_factory):
    with Device(tmp_path_factory.mktemp("device")) as device:
        yield device


def devbusctl(device, *words):
    return run(DEVBUSCTL, "--config-dir", device.folder / "etc", *words)


@pytest.mark.parametrize("words, status, said", [
    (["status", "--until", "on", "probe"], 2, "--until on: give starting, online, degraded, offline or lost"),
    (["status", "--until", "lost"], 2, "--until needs the names of services"),
    (["status", "--until", "lost", "probe", "--timeout-s", "1"], 3, "probe is not lost"),
    (["watch", "--count", "2", "--timeout-s", "1", "nothing/here"], 3, "0 of 2 messages came in 1 s"),
    (["call", "probe", "echo", "text=a"], 2, """text=a: byte 0: unknown word; give an object, such as '{"key":1}'"""),
])
def test_words_of_devbusctl(device, words, status, said):
    done = devbusctl(device, *words)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr


def test_until_waits(device):
    waiting = subprocess.Popen([DEVBUSCTL, "--config-dir", device.folder / "etc", "status", "--until", "online", "probe", "--timeout-s", "40"])
    wait_for("devbusctl", lambda: " as cli" in device.log())
    with Probe(device):
        assert waiting.wait(60) == 0


def test_empty_password_is_no_password_of_another(device, tmp_path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "empty").chmod(0o600)
    done = devbusctl(device, "status", "--password-file", tmp_path / "empty")
    assert done.returncode == 3 and "empty: its first line is the password, and is empty" in done.stderr


def test_version_is_an_option_too():
    assert run(DEVBUSCTL, "--version").stdout == run(DEVBUSCTL, "status", "--version").stdout == run(DEVBUSCTL, "version").stdout != ""


def test_machine_that_is_no_device(device):
    """The cloud's side is played from anywhere; of the device's side it is said what is missing."""
    words = [DEVBUSCTL, "--broker", f"127.0.0.1:{free_port()}", "call", "probe", "ping", "--timeout-ms", "300"]
    if "nobody answers" not in run(*words).stderr:
        pytest.skip("devbus is installed here")
    done = run(DEVBUSCTL, "status")
    assert done.returncode == 3 and "DEVBUS_TESTBED" in done.stderr and "--config-dir" in done.stderr and done.stderr.count("\n") == 1
    done = run(DEVBUSCTL, "--cloud", f"127.0.0.1:{free_port()}", "watch", "--at-cloud")
    assert done.returncode == 3 and "nobody answers" in done.stderr


# --- the terminal ---------------------------------------------------------------------------------------------------

def on_terminal(columns, *command):
    """What is printed on a terminal so wide, without colours."""
    try:
        master, slave = pty.openpty()
    except OSError as error:
        pytest.skip(f"no terminals here: {error}")
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([*map(str, command)], stdout=slave, stderr=slave, stdin=subprocess.DEVNULL,
                               env={**os.environ, "NO_COLOR": "1"})
    os.close(slave)
    text = b""
    try:
        while part := os.read(master, 65536):
            text += part
    except OSError:  # how Linux says that the other end was closed
        pass
    os.close(master)
    assert process.wait(10) == 0, text
    return text.decode().replace("\r\n", "\n")


def test_describe_fits_the_terminal(tmp_path):
    with Device(tmp_path) as device, Probe(device):
        wait_for("the probe is online", lambda: "online" in run(DEVBUSCTL, "--config-dir", device.output, "status", "probe").stdout)
        described = {columns: on_terminal(columns, DEVBUSCTL, "--config-dir", device.output, "describe", "probe") for columns in (80, 200)}
        for columns, text in described.items():
            assert max(len(line.rstrip()) for line in text.splitlines()) <= columns, text
        assert described[80].split() == described[200].split()
