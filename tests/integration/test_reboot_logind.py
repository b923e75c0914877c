# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The service `reboot` and systemd-logind, played by python3-dbusmock on a bus of the test's own."""
import subprocess

import pytest

from device_kit import _DIE_WITH_PARENT, end, wait_for
from reboot_kit import Machine, program_of

dbus = pytest.importorskip("dbus", reason="no python3-dbus")
pytest.importorskip("dbusmock", reason="no python3-dbusmock")

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <type>system</type>
 <listen>unix:path={folder}/bus</listen>
 <auth>EXTERNAL</auth>
 <policy context="default">
  <allow user="*"/> <allow own="*"/> <allow send_type="method_call"/> <allow send_type="signal"/>
  <allow send_requested_reply="true" send_type="method_return"/> <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/> <allow receive_type="method_return"/> <allow receive_type="error"/> <allow receive_type="signal"/>
 </policy>
</busconfig>
"""
LOGIN1, MANAGER = "org.freedesktop.login1", "org.freedesktop.login1.Manager"
pytestmark = pytest.mark.skipif(LOGIN1.encode() not in program_of("reboot")[0].read_bytes(), reason="built without libsystemd")


class SystemBus:
    """A D-Bus daemon with or without a logind."""

    def __init__(self, folder, logind=True):
        self.address, self.mock = f"unix:path={folder}/bus", None
        config = folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(folder=folder))
        self._processes = [self._run("dbus-daemon", "--nofork", "--nopidfile", "--config-file", config)]
        wait_for("the bus", self._connect)
        if logind:
            self._start_logind()

    @staticmethod
    def _run(*words, **environment):
        return subprocess.Popen([*_DIE_WITH_PARENT, *words], env={"PATH": "/usr/bin:/bin:/usr/sbin", **environment},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _connect(self):
        try:
            return dbus.bus.BusConnection(self.address)
        except dbus.exceptions.DBusException:
            return None

    def _start_logind(self):
        self._processes.append(self._run("/usr/bin/python3", "-m", "dbusmock", "--template", "logind",
                                         DBUS_SYSTEM_BUS_ADDRESS=self.address))
        connection = self._connect()
        wait_for("logind", lambda: connection.name_has_owner(LOGIN1))
        self.object = connection.get_object(LOGIN1, "/org/freedesktop/login1")
        self.mock = dbus.Interface(self.object, "org.freedesktop.DBus.Mock")

    def calls(self, method):
        """The arguments of each call so far."""
        return [list(arguments) for _, name, arguments in self.mock.GetCalls() if name == method]

    def answer(self, method, code, result="", inwards=""):
        self.mock.AddMethod(MANAGER, method, inwards, result, code)

    def inhibit(self, what, mode):
        """Until the connection of the returned fd ends."""
        return dbus.Interface(self.object, MANAGER).Inhibit(what, "writer", "must not be disturbed", mode)

    def is_alive(self):
        """Whether there is still a logind."""
        return self._processes[-1].poll() is None

    def stop(self):
        for process in reversed(self._processes):
            end(process)


@pytest.fixture
def make(tmp_path):
    """A machine with a system bus of its own."""
    things = []

    def build(backend, logind=True, **settings):
        bus = SystemBus(tmp_path, logind)
        things.append(bus.stop)
        machine = Machine(tmp_path, {"DBUS_SYSTEM_BUS_ADDRESS": bus.address}, backend=backend, **settings)
        machine.__enter__()
        things.append(lambda: machine.__exit__(None))
        machine.start()
        return machine, bus
    yield build
    for end_it in reversed(things):
        end_it()


@pytest.mark.parametrize("backend", ["logind", "auto"])
def test_logind_is_told_once_and_the_program_is_not_run(make, backend):
    machine, bus = make(backend)
    for _ in range(5):
        machine.cloud.command("start", "once")
    wait_for("the reboot", lambda: bus.calls("Reboot"))
    machine.boot()
    assert machine.cloud.final("once")["state"] == "succeeded"
    assert bus.calls("Reboot") == [[False]], "once, and nobody is there to be asked for a password"
    assert machine.asked() == []


def test_block_inhibitor_is_respected_unless_forced(make):
    machine, bus = make("auto")
    held = [bus.inhibit("sleep:shutdown", "block"), bus.inhibit("shutdown", "delay"), bus.inhibit("sleep", "block")]
    machine.cloud.command("start", "held", delay_s=600)
    error = machine.cloud.final("held")["error"]
    assert error == {"code": "inhibited", "message": "writer holds a reboot up: must not be disturbed"}
    assert bus.calls("Reboot") == [] and machine.asked() == []
    machine.cloud.command("start", "forced", force=True)
    wait_for("the reboot", lambda: bus.calls("Reboot"))
    assert held


def test_delay_inhibitors_are_left_to_logind(make):
    machine, bus = make("auto")
    held = bus.inhibit("shutdown", "delay")
    machine.cloud.command("start", "delayed")
    wait_for("the reboot", lambda: bus.calls("Reboot"))
    assert held


DENIED = 'raise dbus.exceptions.DBusException("no", name="org.freedesktop.DBus.Error.AccessDenied")'
RUNNING = 'raise dbus.exceptions.DBusException("busy", name="org.freedesktop.login1.OperationInProgress")'


def test_refusal_is_believed_and_names_the_remedy(make):
    machine, bus = make("auto")
    bus.answer("Reboot", DENIED, inwards="b")
    machine.cloud.command("start", "denied")
    error = machine.cloud.final("denied")["error"]
    assert error["code"] == "refused" and "polkit" in error["message"]
    assert machine.asked() == [], "no way round it"


@pytest.mark.parametrize("code", [RUNNING, "import os; os._exit(1)"], ids=["running", "dies"])
def test_reboot_that_is_or_may_be_under_way_is_waited_for(make, code):
    machine, bus = make("logind")
    bus.answer("Reboot", code, inwards="b")
    machine.cloud.command("start", "late")
    machine.cloud.wait_for_step("late", "rebooting")
    wait_for("the call", (lambda: bus.calls("Reboot")) if code is RUNNING else (lambda: not bus.is_alive()))
    assert machine.call("status")["state"] == "rebooting"
    machine.boot()
    assert machine.cloud.final("late")["state"] == "succeeded"


def test_without_logind_the_program_is_run(make):
    machine, _ = make("auto", logind=False)
    machine.cloud.command("start", "other")
    machine.wait_until_asked()
    machine.boot()
    assert machine.cloud.final("other")["state"] == "succeeded"


def test_logind_alone_that_is_missing_is_told(make):
    machine, _ = make("logind", logind=False)
    machine.cloud.command("start", "none")
    error = machine.cloud.final("none")["error"]
    assert error["code"] == "io-error" and error["message"].startswith("logind: ")
    assert machine.asked() == []
