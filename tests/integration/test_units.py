# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What systemd and D-Bus are told of the services: that it can be read, how much is left open, and that nobody else gets to RAUC.
Each test skips where the program that judges is not installed."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from device_kit import _DIE_WITH_PARENT, BUILD, end, wait_for
from provision_kit import SOURCE, open_folder

SERVICES = ["azure", "bridge", "config", "firmware", "reboot", "sensor"]
UNITS = ["broker", "provision", *SERVICES]
EXPOSURE_MAX = {"broker": 1.1, "provision": 1.6}  # of 10; what is left is named in doc/rights.md
EXPOSURE_MAX_OF_A_SERVICE = 1.3


def need(program):
    if not shutil.which(program):
        pytest.skip(f"no {program}")


def run(*words, **more):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60, **more)


def built(name):
    return (BUILD / "etc" / "systemd" / name).read_text()


@pytest.fixture(params=UNITS)
def unit(request, tmp_path):
    """As it will be installed, but for the programs, which are not there yet; among the others, which it may name."""
    for path in (BUILD / "etc" / "systemd").glob("devbus*.[st]*"):
        (tmp_path / path.name).write_text(re.sub("(ExecStart|ExecStopPost)=.*", r"\1=/bin/true", path.read_text()))
    return tmp_path / f"devbus-{request.param}.service"


@pytest.mark.parametrize("service", UNITS)
def test_everything_was_filled_in(service):
    text = re.sub(r"@system-service|@privileged|@resources|@chown", "", built(f"devbus-{service}.service"))
    assert "@" not in text
    if service in SERVICES:
        assert f"/devbus-{service}\n" in text and f"/secrets/{service}\n" in text


def test_systemd_understands_the_unit(unit):
    need("systemd-analyze")
    done = run("systemd-analyze", "verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_unit_is_closed_but_for_what_it_needs(unit):
    need("systemd-analyze")
    most = EXPOSURE_MAX.get(unit.stem.removeprefix("devbus-"), EXPOSURE_MAX_OF_A_SERVICE)
    done = run("systemd-analyze", "security", "--offline=yes", f"--threshold={most * 10:.0f}", unit)
    print(done.stdout.splitlines()[-1] if done.stdout else done.stderr)
    if "unrecognized option" in done.stderr or "Unknown" in done.stderr:
        pytest.skip("this systemd-analyze judges no files")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("service", UNITS)
def test_only_who_has_a_listener_may_listen(service):
    assert lines(service, "SocketBindDeny") == ["any"]
    assert bool(lines(service, "SocketBindAllow")) == (service in ("broker", "bridge", "provision"))


def test_users_can_be_made(tmp_path):
    need("systemd-sysusers")
    (tmp_path / "etc").mkdir()
    done = run("systemd-sysusers", f"--root={tmp_path}", "--dry-run", "-", input=built("devbus.conf"))
    assert done.returncode == 0, done.stderr
    for service in ["broker", *SERVICES]:
        user = re.search("^User=(.+)$", built(f"devbus-{service}.service"), re.M)[1]
        assert f"'{user}'" in done.stdout + done.stderr


def lines(unit, key):
    """All words of this key in this unit."""
    return " ".join(re.findall(f"^{key}=(.*)$", built(f"devbus-{unit}.service"), re.M)).split()


@pytest.mark.parametrize("unit", ["broker", *SERVICES])
def test_nobody_starts_before_what_it_reads_is_written(unit):
    assert "devbus-provision.service" in lines(unit, "After")


@pytest.mark.parametrize("service", SERVICES)
def test_broker_is_there_for_a_service_from_first_to_last_and_the_tunnel_for_the_broker(service):
    """Who starts first is stopped last."""
    assert ("devbus-broker.service" in lines(service, "After")) == (service != "bridge")
    assert ("devbus-broker.service" in lines(service, "Before")) == (service == "bridge")
    assert service != "bridge" or lines(service, "TimeoutStartSec")


def test_broker_brings_provisioning_along_and_does_without():
    """With wrong options the files of the last good ones are there."""
    assert lines("broker", "Wants") == ["devbus-provision.service"] and not lines("broker", "Requires")
    assert lines("provision", "TimeoutStartSec") != []  # else it may hang for ever, being of Type=oneshot


@pytest.fixture
def image(tmp_path):
    """A function: systemctl on an image in which this is installed beside Debian's mosquitto, which is enabled."""
    need("systemctl")
    units = tmp_path / "usr" / "lib" / "systemd" / "system"
    units.mkdir(parents=True)
    for path in (BUILD / "etc" / "systemd").glob("devbus*.[st]*"):
        shutil.copy(path, units)
    (units / "multi-user.target").write_text("[Unit]\nDescription=Multi-User System\n")
    (units / "mosquitto.service").write_text("[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")

    def systemctl(*words):
        done = run("systemctl", f"--root={tmp_path}", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()
    systemctl("enable", "mosquitto")
    return systemctl


def test_enabling_the_target_is_all_that_an_image_needs(image):
    image("enable", "devbus.target")
    services = [f"devbus-{service}" for service in SERVICES]
    assert image("is-enabled", "devbus.target", "devbus-broker", *services) == ["enabled"] * (2 + len(services))
    assert image("is-enabled", "mosquitto") == ["alias"]  # so that there is one broker, ours


def test_what_a_device_has_no_use_for_is_disabled_alone(image, tmp_path):
    image("enable", "devbus.target")
    image("disable", "devbus-firmware")
    assert not list((tmp_path / "etc").rglob("devbus-firmware.service"))
    assert image("is-enabled", "devbus-reboot") == ["enabled"]


# --- D-Bus

FIRMWARE, REBOOT, STRANGER = "games", "games", "nobody"  # users that every Debian has, in place of ours
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <type>system</type>
 <listen>unix:path={folder}/bus</listen>
 <auth>EXTERNAL</auth>
 <policy context="default">
  <allow user="*"/> <allow own="*"/> <deny send_type="method_call"/> <allow send_destination="org.freedesktop.DBus"/>
  <allow send_requested_reply="true" send_type="method_return"/> <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/> <allow receive_type="method_return"/> <allow receive_type="error"/>
 </policy>
 <includedir>{folder}/vendor</includedir>
 <includedir>{folder}/etc</includedir>
</busconfig>
"""
# In the form of RAUC 1.8, as Debian installs it.
VENDOR = """<busconfig><policy user="root"><allow own="de.pengutronix.rauc"/></policy>
<policy context="default"><allow send_destination="de.pengutronix.rauc"/><allow receive_sender="de.pengutronix.rauc"/></policy></busconfig>
"""


def as_user(user):
    """As units run with PrivateUsers=: in a namespace that knows nobody but them and root."""
    return ["setpriv", f"--reuid={user}", "--clear-groups", "unshare", "--user", f"--map-user={user}"]


def start_bus(folder):
    """A D-Bus daemon of these files, which other users reach."""
    (folder / "bus.conf").write_text(BUS.format(folder=folder))
    address = f"unix:path={folder}/bus"
    daemon = subprocess.Popen([*_DIE_WITH_PARENT, "dbus-daemon", "--nofork", "--nopidfile", "--config-file", folder / "bus.conf"])
    try:
        wait_for("the bus", lambda: "result" in _call(address, "root", "org.freedesktop.DBus", "org.freedesktop.DBus.Peer.Ping"))
    except BaseException:
        end(daemon)
        raise
    return daemon, address


@pytest.fixture
def shared():
    """A folder of which other users see the files."""
    for program in ("dbus-daemon", "dbus-send", "setpriv", "unshare"):
        need(program)
    if os.getuid() != 0:
        pytest.skip("only root can be several users")
    if run(*as_user(STRANGER), "true").returncode != 0:
        pytest.skip("no user namespaces here")
    with open_folder() as folder:
        (folder / "vendor").mkdir()
        (folder / "etc").mkdir()
        yield folder


@pytest.fixture
def bus(shared):
    """The bus with the policies, on which somebody plays RAUC."""
    pytest.importorskip("dbusmock", reason="no python3-dbusmock")
    (shared / "vendor" / "rauc.conf").write_text(VENDOR)
    ours = (SOURCE / "etc" / "systemd" / "devbus-rauc.conf").read_text()
    (shared / "etc" / "devbus.conf").write_text(ours.replace("devbus-firmware", FIRMWARE))
    daemon, address = start_bus(shared)
    processes = [daemon]
    try:
        processes.append(subprocess.Popen(
            [*_DIE_WITH_PARENT, "/usr/bin/python3", "-m", "dbusmock", "--system", "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer"],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address}))
        wait_for("RAUC", lambda: "ServiceUnknown" not in _call(address, "root", "de.pengutronix.rauc", "de.pengutronix.rauc.Installer.Info"))
        yield address
    finally:
        for process in reversed(processes):
            end(process)


def _call(address, user, destination, method):
    """"result", or the error."""
    done = run(*as_user(user), "dbus-send", f"--bus={address}", "--print-reply", f"--dest={destination}", "/", method)
    return "result" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("user, interface, allowed", [
    (FIRMWARE, "de.pengutronix.rauc.Installer", True),
    (FIRMWARE, "org.freedesktop.DBus.Mock", False),
    ("root", "de.pengutronix.rauc.Installer", True),
    ("root", "org.freedesktop.DBus.Mock", True),
    (STRANGER, "de.pengutronix.rauc.Installer", False)])
def test_only_root_and_the_firmware_service_reach_rauc(bus, user, interface, allowed):
    """RAUC's own policy alone would let everybody."""
    answer = _call(bus, user, "de.pengutronix.rauc", f"{interface}.Anything")
    assert ("AccessDenied" in answer) == (not allowed), answer


# --- polkit

# For its rules there is no option, so its folder is another one in a mount namespace of its own.
POLKITD = "/usr/lib/polkit-1/polkitd"
IN_NAMESPACE = f"""mount --bind "$1" /usr/share/polkit-1/rules.d && mount -t tmpfs none /etc/polkit-1 && exec {POLKITD}"""
LETS_ALL = """<busconfig><policy context="default"><allow send_type="method_call"/><allow send_type="signal"/>
<allow receive_type="signal"/></policy></busconfig>"""


@pytest.fixture
def polkit(shared):
    """A function: whether this user may do this."""
    need("pkcheck")
    if not Path(POLKITD).exists() or not Path("/usr/share/polkit-1/actions/org.freedesktop.login1.policy").exists():
        pytest.skip("no polkitd, or no actions of logind")
    if run("unshare", "-m", "mount", "--bind", shared, "/usr/share/polkit-1/rules.d").returncode != 0:
        pytest.skip("no mount namespaces here")
    (shared / "vendor" / "all.conf").write_text(LETS_ALL)
    rules = shared / "rules"
    rules.mkdir()
    (rules / "50-devbus.rules").write_text((SOURCE / "etc" / "systemd" / "50-devbus.rules").read_text().replace("devbus-reboot", REBOOT))
    daemon, address = start_bus(shared)
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address}
    polkitd = subprocess.Popen([*_DIE_WITH_PARENT, "unshare", "-m", "sh", "-c", IN_NAMESPACE, "sh", rules], env=environment)

    def may(user, action):
        asking = subprocess.Popen([*_DIE_WITH_PARENT, *as_user(user), "sleep", "60"])
        try:
            wait_for("the user", lambda: Path(f"/proc/{asking.pid}/comm").read_text().strip() == "sleep")
            return run("pkcheck", "--action-id", action, "--process", asking.pid, env=environment).returncode == 0
        finally:
            end(asking)
    try:
        wait_for("polkitd", lambda: "result" in _call(address, "root", "org.freedesktop.PolicyKit1", "org.freedesktop.DBus.Peer.Ping"))
        yield may
    finally:
        end(polkitd)
        end(daemon)


def test_reboot_service_may_reboot_and_nothing_else(polkit):
    reboots = ["reboot", "reboot-multiple-sessions", "reboot-ignore-inhibit"]
    for action in reboots:
        assert polkit(REBOOT, f"org.freedesktop.login1.{action}"), action
        assert not polkit(STRANGER, f"org.freedesktop.login1.{action}"), action
    for action in ("power-off", "halt", "set-reboot-parameter"):
        assert not polkit(REBOOT, f"org.freedesktop.login1.{action}"), action
