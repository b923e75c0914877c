# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What stands in the files and in the environment: taken, or refused before anything happens, with the place and a remedy."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from device_kit import Device, Probe, end, wait_for
from provision_kit import has_address, open_folder

NOBODY = 65534


@pytest.fixture
def device(tmp_path):
    """Provisioned; its broker does not run."""
    return Device(tmp_path)


def edit(path, text):
    path.write_text(text)
    return path


def refused(device, *words, **environment):
    """Before the state folder is touched, in a line that has all of @words."""
    code, log = Probe(device, **environment).run()
    assert code == 1 and not (device.output / "state" / "probe").exists()
    assert any(all(word in line for word in words) for line in log.splitlines()), log


# --- refused with file and line -------------------------------------------------------------------------------------

@pytest.mark.parametrize("line, reason", [
    ("keepalive = 5", "keepalive is not a setting of the library"),
    ("keepalive_s = five", "keepalive_s"),
    ("keepalive_s = 4", "keepalive_s"),
    ("keepalive_s = 1201", "keepalive_s"),
    ("keepalive_s = -1", "keepalive_s"),
    ("keepalive_s =", "keepalive_s"),
    ('device_id = "x"', "quotation marks"),
    ("device_id = a/b", "device_id"),
    ("clock_sync = maybe", "clock_sync"),
    ("broker = localhost", "HOST:PORT"),
    ("broker = localhost:0", "HOST:PORT"),
    ("broker = localhost:65536", "HOST:PORT"),
    ("payload_limit_bytes = 1000", "payload_limit_bytes"),
    ("reconnect_min_ms = 60000", "reconnect_min_ms 60000 is above reconnect_max_ms"),
    ("just words", "key = value"),
    ("= 5", "key"),
    ("[probe", "[name]"),
    ("[Probe]", "section"),
    ("keepalive_s = 5\nkeepalive_s = 6", "already"),
    ("\x01", "not UTF-8 text"),
])
def test_bad_line_of_devbus_conf(device, line, reason):
    edit(device.output / "devbus.conf", f"# fine\nstate_dir = {device.output}/state\n\n{line}\n")
    number = 4 + line.count("\n")
    refused(device, f"devbus.conf:{number}: ", reason)


def test_bytes_that_are_no_text(device):
    (device.output / "devbus.conf").write_bytes(b"# fine\ndevice_id = \xff\n")
    refused(device, "devbus.conf:2: ", "UTF-8")


def test_bad_line_of_the_own_file_and_of_the_own_section(device):
    own = device.output / "devbus.d" / "probe.conf"
    kept = own.read_text()
    edit(own, "keepalive_s = 1\n" + kept)
    refused(device, "devbus.d/probe.conf:1: ", "keepalive_s")
    edit(own, kept.rstrip() + "\nlimit = 101\n")
    code, log = Probe(device).run()
    assert code == 1 and f"devbus.d/probe.conf:{kept.rstrip().count(chr(10)) + 2}: " in log and "limit" in log
    edit(own, kept.rstrip() + "\nlimits = 1\n")
    code, log = Probe(device).run()
    assert code == 1 and "limits is not a setting of the service probe" in log


def test_section_of_another_service_is_not_ours(device):
    shared = device.output / "devbus.conf"
    edit(shared, shared.read_text() + "\n[other]\nanything = goes here\n")
    with Probe(device) as probe:
        wait_for("trying to connect", lambda: "cannot connect" in probe.log())


@pytest.mark.parametrize("variable, value", [("DEVBUS_KEEPALIVE_S", "4"), ("DEVBUS_BROKER", "nowhere"), ("DEVBUS_CLOCK_SYNC", "x"),
                                             ("DEVBUS_PAYLOAD_LIMIT_BYTES", "1e9")])
def test_bad_variable(device, variable, value):
    refused(device, f"environment variable {variable}: ", **{variable: value})


def test_bad_variable_of_the_service(device):
    code, log = Probe(device, DEVBUS_PROBE_LIMIT="0").run()
    assert code == 1 and "environment variable DEVBUS_PROBE_LIMIT: " in log


@pytest.mark.parametrize("name", ["Probe", "a b", "a/b", "", "x" * 65, "#"])
def test_bad_name(device, name):
    probe = Probe(device)
    probe.command[1] = name
    code, log = probe.run()
    assert code == 1 and "[a-z0-9_-]{1,64}" in log


# --- taken, the later place winning ---------------------------------------------------------------------------------

def test_own_settings_from_file_and_environment(device):
    own = device.output / "devbus.d" / "probe.conf"
    edit(own, own.read_text().rstrip() + "\nlimit = 20 # of 100\ngreeting = good morning\n")
    with device, device.caller() as caller, device.caller("tester") as tester:
        tester.listen("service/probe/status")
        with Probe(device):
            tester.wait_for_status("online")
            assert caller.call("probe", "health")["own"] == {"limit": 20, "greeting": "good morning"}
        with Probe(device, DEVBUS_PROBE_LIMIT="30", DEVBUS_PROBE_GREETING=""):
            tester.wait_for_status("online", above=tester.status()["incarnation"])
            assert caller.call("probe", "health")["own"] == {"limit": 30, "greeting": "good morning"}


def test_environment_wins_over_files(device, tmp_path):
    edit(device.output / "devbus.conf", "broker = 127.0.0.1:1\nstate_dir = /nowhere/at/all\nclock_sync = never\n")
    with device, device.caller("tester") as tester:
        tester.listen("service/probe/status")
        with Probe(device, DEVBUS_BROKER=f"127.0.0.1:{device.port}", DEVBUS_STATE_DIR=str(tmp_path / "a" / "b"), DEVBUS_CLOCK_SYNC="always"):
            assert "clock" not in tester.wait_for_status("online")
            assert (tmp_path / "a" / "b" / "probe" / "lock").exists()


@pytest.mark.parametrize("address", ["localhost:{port}", "127.0.0.1:{port}"] if has_address("localhost") else ["127.0.0.1:{port}"])
def test_forms_of_the_address(device, address):
    with device, device.caller("tester") as tester, Probe(device, DEVBUS_BROKER=address.format(port=device.port)):
        tester.listen("service/probe/status")
        tester.wait_for_status("online")


def test_proxy_of_the_environment_is_not_obeyed(device):
    with device, device.caller("tester") as tester, Probe(device, http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1"):
        tester.listen("service/probe/status")
        tester.wait_for_status("online")


def test_no_files_at_all_is_fine(device, tmp_path):
    (tmp_path / "empty").mkdir()
    with device, device.caller("tester") as tester:
        tester.listen("service/probe/status")
        with Probe(device, DEVBUS_CONFIG_DIR=str(tmp_path / "empty"), DEVBUS_STATE_DIR=str(tmp_path / "s"),
                   DEVBUS_BROKER=f"127.0.0.1:{device.port}", DEVBUS_PASSWORD_FILE=str(device.output / "secrets" / "probe")):
            tester.wait_for_status("online")


def test_log_level(device):
    with Probe(device, DEVBUS_LOG="error") as quiet:
        wait_for("the lock", lambda: (device.output / "state/probe/lock").exists())
        quiet.stop()
        assert quiet.log() == ""


# --- the password ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o601])
def test_password_that_others_may_use(device, mode):
    (device.output / "secrets" / "probe").chmod(mode)
    refused(device, "secrets/probe: ", "chmod o=")


@pytest.mark.parametrize("text, reason", [("", "empty"), ("\nx\n", "empty"), ("x" * 1025, "too long"), ("a\0b\n", "no text")])
def test_password_that_is_none(device, text, reason):
    edit(device.output / "secrets" / "probe", text)
    refused(device, "secrets/probe: ", reason)


def test_password_file_that_is_not_there_or_no_file(device):
    secret = device.output / "secrets" / "probe"
    secret.unlink()
    refused(device, "secrets/probe: ", "not there")
    secret.mkdir()
    refused(device, "secrets/probe: ", "not a file")


def test_password_is_in_no_log(device):
    with device, device.caller("tester") as tester, Probe(device, DEVBUS_LOG="debug") as probe:
        tester.listen("service/probe/status")
        tester.wait_for_status("online")
        probe.stop()
        assert device.password("probe") not in probe.log()


def as_nobody(device, **environment):
    """The exit status and the log of the probe, run by a user who may do little."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv")
    probe = Probe(device)
    if not all(folder.stat().st_mode & 0o001 for folder in Path(str(probe.command[0])).resolve().parents):
        pytest.skip("the build folder is closed to other users")
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *map(str, probe.command)]
    process = subprocess.Popen(command, env={**os.environ, **probe.environment, **environment}, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        log, _ = process.communicate(timeout=10)
        return process.returncode, log
    finally:
        end(process)


@pytest.fixture
def open_device():
    """In a folder that others may enter, so that what is refused is what the test is about."""
    with open_folder() as folder:
        yield Device(folder / "d")


def test_password_that_this_user_may_not_read(open_device):
    code, log = as_nobody(open_device)
    assert code == 1 and "secrets/probe: not readable for this user" in log


# --- the state folder -----------------------------------------------------------------------------------------------

def test_state_folder_that_this_user_may_not_write(open_device):
    os.chown(open_device.output / "secrets" / "probe", NOBODY, NOBODY)
    code, log = as_nobody(open_device)
    assert code == 1 and f"{open_device.output}/state/probe" in log and "state_dir" in log and "Permission denied" in log


def test_state_folder_that_cannot_be(device):
    edit(device.folder / "file", "")
    code, log = Probe(device, DEVBUS_STATE_DIR=str(device.folder / "file" / "x")).run()
    assert code == 1 and "state_dir" in log and "Not a directory" in log


def test_damaged_journal_is_put_aside_and_said(device):
    with device, device.caller("tester") as tester:
        tester.listen("service/probe/status")
        with Probe(device) as probe:
            tester.wait_for_status("online")
            assert probe.stop() == 0
        for file in (device.output / "state/probe").glob("devbus.db*"):
            file.write_bytes(b"rubbish" * 1000)
        with Probe(device) as probe:
            tester.wait_for_status("degraded")
            assert "devbus.db was damaged and is " in probe.log() and "a new stream begins" in probe.log()
