# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A machine around the service `reboot` whose boots are simulated: the program that reboots it only says so (in the file `asked`, one line
with the boot id for each time), and this kit does what the kernel would: everything dies at once, the boot id is another one,
the uptime begins again, the service is started."""
import json
import time
import uuid
from pathlib import Path

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device_kit import BUILD, Caller, Device, Probe, compile_shim, is_final, wait_for
from provision_kit import SOURCE


def program_of(service):
    """The program itself and not libtool's script that starts it; and what it needs in its environment."""
    real = BUILD / "services" / service / ".libs" / f"devbus-{service}"
    if real.exists():
        return real, {"LD_LIBRARY_PATH": str(BUILD / "libdevbus" / ".libs")}
    return BUILD / "services" / service / f"devbus-{service}", {}


class Cloud(Caller):
    """The cloud's side, on the device's own broker: sends commands, keeps events, and lets the echo tokens come back."""

    def __init__(self, device):
        super().__init__(device.port, "tester", device.password("tester"))
        self.listen("cloud/event/#")
        self.listen("service/bridge/echo/+")
        self.listen("service/reboot/status")

    def _on_message(self, client, user, message):
        if message.topic.startswith("service/bridge/echo/"):
            self._paho.publish(message.topic.replace("/echo/", "/echoed/"), message.payload, 1)
        else:
            super()._on_message(client, user, message)

    def command(self, command, identity, retain=False, expires=None, **args):
        envelope = {"id": identity, "args": args, **({"expires": expires} if expires else {})}
        self._paho.publish(f"cloud/command/reboot/{command}", json.dumps(envelope), 1, retain=retain)

    def events(self, item, since=0):
        """In their order, each once: a repeat has the number of the first."""
        found = {}
        for message in self.got(f"cloud/event/reboot/{item}", since):
            event = message.json()
            found.setdefault((event.get("stream"), event["seq"]), event)
        return list(found.values())

    def of(self, identity, command="start"):
        return [event for event in self.events(command) if event["id"] == identity]

    def final(self, identity, command="start", timeout_s=20):
        wait_for(f"the final event of {identity}", lambda: [e for e in self.of(identity, command) if is_final(e)], timeout_s)
        finals = [event for event in self.of(identity, command) if is_final(event)]
        assert len(finals) == 1, finals
        return finals[0]

    def wait_for_step(self, identity, step):
        wait_for(step, lambda: [event for event in self.of(identity) if event.get("step") == step])


class Firmware(Caller):
    """Stands for the firmware service: says that it is in the state @state."""

    def __init__(self, device, state="idle"):
        self.state, self.asked = state, 0
        super().__init__(device.port, "firmware", device.password("firmware"))
        self.listen("service/firmware/call/status")

    def _on_message(self, client, user, message):
        self.asked += 1
        self._paho.publish(message.properties.ResponseTopic, json.dumps({"result": {"state": self.state}}), 0,
                           properties=self._with_correlation(message.properties.CorrelationData))

    @staticmethod
    def _with_correlation(data):
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = data
        return properties


class Machine:
    """`with Machine(folder) as machine:` runs broker, cloud and firmware; start() the service. @settings are those of section [reboot]."""

    def __init__(self, folder, environment=None, **settings):
        self.folder = Path(folder)
        self.device = Device(self.folder / "device", "--services-dir", SOURCE / "services")
        self.asked_file, self.boot_id_file = self.folder / "asked", self.folder / "boot_id"
        self.root = self.folder / "root"
        self.root.mkdir()
        self.boots, self.kills_at, self.shim = [], 0, compile_shim(self.folder, "wall-clock")
        self.step_file, self.start_file = self.folder / "step", self.folder / "boot-start"
        self.step_file.write_text("0")
        self._new_boot()
        script = self._script(f"cat {self.boot_id_file} >>{self.asked_file}")
        chosen = {"backend": "command", "command": script, "boot_id_file": self.boot_id_file, "root": self.root, "min_uptime_s": 0,
                  "reboots_per_hour": 0, "short_boots_max": 0, "reboot_timeout_s": 60, **settings}
        self.environment = {f"DEVBUS_REBOOT_{key.upper()}": str(value) for key, value in chosen.items()}
        if self.shim:
            self.environment.update(LD_PRELOAD=str(self.shim), WALL_CLOCK_STEP=str(self.step_file),
                                    BOOT_CLOCK_START=str(self.start_file), ASAN_OPTIONS="verify_asan_link_order=0")
        self.environment.update(environment or {})
        self.service = None

    def _script(self, text, name="go-down"):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o700)
        return path

    def use_script(self, text):
        """For the next start: another program that reboots."""
        self.environment["DEVBUS_REBOOT_COMMAND"] = str(self._script(text, "other"))

    def set(self, **settings):
        """For the next start."""
        self.environment.update({f"DEVBUS_REBOOT_{key.upper()}": str(value) for key, value in settings.items()})

    def _new_boot(self, uptime_s=0):
        self.boots.append(str(uuid.uuid4()))
        self.boot_id_file.write_text(self.boots[-1] + "\n")
        self.start_file.write_text(str(int(time.clock_gettime(time.CLOCK_BOOTTIME)) - uptime_s))

    # --- the service

    def start(self, stopped=False, wait=True):
        """With @stopped it stands before its first instruction, until SIGCONT."""
        program, more = program_of("reboot")
        self.service = Probe(self.device, "reboot", **{**self.environment, **more})
        self.service.command = [*(["sh", "-c", 'kill -STOP $$; exec "$@"', "sh"] if stopped else []), program]
        before = self.cloud.status("reboot").get("incarnation", 0)
        self.service.start()
        if wait:
            wait_for("reboot to be online", lambda: not self.service.alive() or
                     self.cloud.status("reboot").get("incarnation", 0) > before and
                     self.cloud.status("reboot")["state"] in ("online", "degraded"))
            assert self.service.alive(), self.service.log()

    def kill(self):
        self.service.kill()

    def asked(self):
        """The boot ids in which a reboot was asked for, in order."""
        return self.asked_file.read_text().split() if self.asked_file.exists() else []

    def wait_until_asked(self, timeout_s=20):
        wait_for("the reboot", lambda: self.boots[-1] in self.asked(), timeout_s)

    def boot(self, uptime_s=0):
        """The machine goes down, by whatever cause, and comes up."""
        self.kill()
        self._new_boot(uptime_s)
        self.start()

    def call(self, method, /, **args):
        return self.cli.call("reboot", method, **args)

    def boot_events(self):
        return self.cloud.events("boot")

    def wait_for_boot_event(self):
        """That of this boot."""
        wait_for("the event boot", lambda: [e for e in self.boot_events() if e["new_boot_id"] == self.boots[-1]])
        return [event for event in self.boot_events() if event["new_boot_id"] == self.boots[-1]][-1]

    def __enter__(self):
        self.device.__enter__()
        self.cloud, self.firmware, self.cli = Cloud(self.device), Firmware(self.device), self.device.caller()
        return self

    def __exit__(self, failure, *more):
        if self.service:
            self.service.__exit__(failure, *more)
        for caller in (self.cli, self.firmware, self.cloud):
            caller.close()
        self.device.__exit__(failure, *more)
