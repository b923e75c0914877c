# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A device whose firmware is updated: images that are signed, hooks and checks that can be held, and what must be true of the slots and
of the events at any time."""
import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

from DevbusLibrary import SOURCE, DevbusLibrary, wait_until
from image_server import ImageServer

SIGN = SOURCE / "tools" / "devbus-sign-image"
HOOKS = ("booted-slot", "install", "activate", "mark-good", "mark-bad")
HOLD = """#!/bin/sh
while [ -e {hold} ]; do sleep 0.02; done
"""


class FirmwareDevice(DevbusLibrary):
    def start(self, **settings):
        self.server, self._images = ImageServer(), {}
        self.start_device()
        self.bed = self.folder / "bed"
        self.parts = self.bed / "firmware"
        for hook in HOOKS:
            self._make_holdable(self.parts / "hooks" / hook)
        self._make_holdable(self.bed / "reboot")
        check = self.parts / "health.d" / "50-check"
        check.write_text(HOLD.format(hold=self.hold_file("health")) + f"[ ! -e {self.parts}/sick ] || {{ echo it is sick; exit 1; }}\n")
        check.chmod(0o755)
        self.configure(health_timeout_s=30, **settings)

    def stop(self):
        self.stop_device()
        self.server.end()

    def configure(self, **settings):
        """Settings of the service, which is restarted."""
        path = self.bed / "etc" / "devbus.d" / "firmware.conf"
        kept = [line for line in path.read_text().splitlines() if line.split(" = ")[0] not in settings]
        path.write_text("\n".join(kept + [f"{key} = {value}" for key, value in settings.items()]) + "\n")
        self._testbed("restart", "firmware")

    # --- images

    def make_image(self, version, size=300_000, key=None, compatible="devbus-testbed", content=None):
        """Signs an image, gives it to the server, and returns the arguments of the command."""
        raw, signed = self.folder / "raw", self.folder / f"{version}.img"
        raw.write_bytes(content or os.urandom(size))
        self._images[version] = hashlib.sha256(raw.read_bytes()).hexdigest()
        done = subprocess.run([SIGN, "--key", key or self.parts / "signing.pem", "--version", version, "--compatible", compatible,
                               raw, signed], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.server.images[version] = signed.read_bytes()
        return {"url": self.server.url(version), **json.loads(done.stdout)}

    def spoil(self, args, change, hash_too=True):
        """@change of the signed image's bytes; with @hash_too the command speaks of the changed ones."""
        name = args["url"].rpartition("/")[2]
        image = self.server.images[name] = change(self.server.images[name])
        args.pop("size")
        if hash_too:
            args["sha256"] = hashlib.sha256(image).hexdigest()
        return args

    # --- holding it

    def hold_file(self, name):
        return self.parts / f"hold-{name}"

    def hold(self, name):
        """A hook, health, or the reboot will not end before it is let go."""
        self.hold_file(name).touch()

    def let_go(self, name):
        self.hold_file(name).unlink(missing_ok=True)

    def _make_holdable(self, hook):
        text = hook.read_text()
        hook.write_text(HOLD.format(hold=self.hold_file(hook.name)) + text.partition("\n")[2])

    def be_sick(self, sick=True):
        (self.parts / "sick").touch() if sick else (self.parts / "sick").unlink(missing_ok=True)

    def kill_at_once(self):
        """kill -9, sooner than a script could."""
        os.kill(int((self.bed / "run" / "firmware.pid").read_text()), signal.SIGKILL)

    # --- what it says

    def firmware_status(self):
        done = self._devbusctl("call", "firmware", "status")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def recorded_state(self):
        try:
            return json.loads((self.bed / "state" / "firmware" / "state.json").read_text())["state"]
        except (OSError, ValueError):
            return None

    def reaches(self, state, timeout_s=30):
        wait_until(f"the update is {state}", lambda: self.recorded_state() == state, timeout_s)

    def change_record(self, **members):
        """What a service that is down will find."""
        path = self.bed / "state" / "firmware" / "state.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **members}))

    def boot_id(self):
        return (self.bed / "boot_id").read_text().strip()

    def update(self, args, **more):
        return self.send_command("firmware", "update", {**args, **more})

    def ends(self, identity, state, error=None, seconds=40):
        final = self.command_should_end_within(seconds, "firmware", "update", identity, state, error)
        self.command_should_have_one_final_state(identity)
        self.slots_should_be_whole()
        return final

    def steps(self, identity):
        """The states that the cloud has seen, each once, in order."""
        seen = []
        for message in self.cloud.find(lambda m: m.topic == "cloud/event/firmware/update" and m.event().get("id") == identity):
            event = message.event()
            step = event.get("step", event["state"])
            if step not in seen[-1:]:
                seen.append(step)
        return seen

    # --- the slots

    def slots_should_be_whole(self):
        """Each slot that claims to have a version has exactly that image."""
        for path in (self.bed / "slots").glob("slot-?.version"):
            version = path.read_text().strip()
            image = path.with_suffix(".img").read_bytes()
            assert hashlib.sha256(image).hexdigest() == self._images[version], f"{path.name}: {version} is mixed"
        for link in ("active", "booted"):
            target = Path(os.path.realpath(self.bed / "slots" / link))
            assert not (self.bed / "slots" / link).is_symlink() or target.exists() or target.name == "slot-a.img", target

    def should_run(self, version):
        wait_until(f"{version} runs", lambda: self.firmware_status()["version"] == version, 10)
