# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A real RAUC for a device of the tests: on a D-Bus of its own, with files as slots and a folder as boot loader."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from bundles import HERE, run
from device_kit import end, wait_for

COMPATIBLE = "devbus-testbed"
SLOTS = {"A": "rootfs.0", "B": "rootfs.1"}
SYSTEM_CONF = """[system]
compatible={compatible}
bootloader=custom
mountprefix={folder}/mount
data-directory={folder}/data
bundle-formats=plain verity

[keyring]
path={authority}
check-purpose=codesign

[handlers]
bootloader-custom-backend={folder}/bootloader.sh
pre-install={folder}/pause.sh

[slot.rootfs.0]
device={folder}/slot-A.img
type=ext4
bootname=A

[slot.rootfs.1]
device={folder}/slot-B.img
type=ext4
bootname=B
"""
BUS_CONF = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <type>system</type>
 <listen>unix:path={socket}</listen>
 <auth>EXTERNAL</auth>
 <policy context="default">
  <allow user="*"/> <allow own="*"/>
  <allow send_type="method_call"/> <allow send_type="signal"/>
  <allow send_requested_reply="true" send_type="method_return"/> <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/> <allow receive_type="signal"/> <allow receive_type="method_return"/> <allow receive_type="error"/>
 </policy>
</busconfig>
"""


def why_not():
    """Why RAUC cannot run here, or None."""
    for tool in ("rauc", "dbus-daemon", "mksquashfs", "mkfs.ext4", "openssl"):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            return f"{tool} is not installed (Debian: rauc rauc-service dbus squashfs-tools e2fsprogs openssl)"
    if os.geteuid() != 0:
        return "RAUC mounts bundles, so it needs root"
    if not os.path.exists("/dev/loop-control"):
        return "RAUC mounts bundles, and there are no loop devices here"
    return None


class Rauc:
    """`with Rauc(folder, keys) as rauc:` - slot A runs."""

    def __init__(self, folder, keys, slot_mib=16):
        self.folder, self.keys = Path(folder), keys
        self.folder.mkdir(parents=True)
        self.bus = self.service = None
        for name in ("mount", "data", "boot"):
            (self.folder / name).mkdir()
        for name in SLOTS:
            run("mkfs.ext4", "-q", "-F", self.slot(name), f"{slot_mib}M")
        for name, word in (("current", "A"), ("primary", "A"), ("state.A", "good"), ("state.B", "bad")):
            (self.folder / "boot" / name).write_text(word + "\n")
        for script in ("bootloader.sh", "pause.sh"):
            shutil.copy(HERE / script, self.folder)
        (self.folder / "system.conf").write_text(
            SYSTEM_CONF.format(folder=self.folder, compatible=COMPATIBLE, authority=keys.authority))
        self.socket = self.folder / "dbus.socket"
        (self.folder / "bus.conf").write_text(BUS_CONF.format(socket=self.socket))

    @property
    def environment(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.socket}"}

    def slot(self, name):
        return self.folder / f"slot-{name}.img"

    def boot_loader(self, name):
        return (self.folder / "boot" / name).read_text().strip()

    def boot(self):
        """What a boot loader does: the primary slot, unless it is bad."""
        primary = self.boot_loader("primary")
        other = "B" if primary == "A" else "A"
        booted = primary if self.boot_loader(f"state.{primary}") == "good" else other
        self.stop_service()
        (self.folder / "boot/current").write_text(booted + "\n")
        self.start_service()
        return booted

    # --- an installation that stands still before it writes

    def hold(self):
        (self.folder / "hold").touch()

    def go_on(self):
        (self.folder / "hold").unlink()
        (self.folder / "held").unlink(missing_ok=True)

    def is_held(self):
        return (self.folder / "held").exists()

    # --- its processes

    def _start(self, name, *command):
        with (self.folder / f"{name}.log").open("a") as log:
            return subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, env=dict(os.environ, **self.environment))

    def start_service(self):
        self.service = self._start("rauc", "rauc", "-c", self.folder / "system.conf", f"--override-boot-slot={self.boot_loader('current')}",
                                   "service")
        wait_for("RAUC on D-Bus", self.is_up)

    def install(self, bundle):
        """As an administrator does, beside devbus."""
        return self._start("administrator", "rauc", "-c", self.folder / "system.conf", "install", bundle)

    def is_up(self):
        assert self.service.poll() is None, f"RAUC has ended: {(self.folder / 'rauc.log').read_text()[-1000:]}"
        asked = subprocess.run(["dbus-send", f"--bus=unix:path={self.socket}", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                                "org.freedesktop.DBus.NameHasOwner", "string:de.pengutronix.rauc"], capture_output=True, text=True, check=False)
        return "true" in asked.stdout

    def stop_service(self):
        if self.service and self.service.poll() is None:
            self.service.terminate()
            try:
                self.service.wait(10)
            finally:
                end(self.service)

    def kill(self):
        """As if it crashed: its mounts stay behind."""
        self.service.send_signal(signal.SIGKILL)
        self.service.wait(10)

    def __enter__(self):
        self.bus = self._start("bus", "dbus-daemon", f"--config-file={self.folder / 'bus.conf'}", "--nofork")
        try:
            wait_for("the D-Bus daemon", self.socket.exists)
            self.start_service()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop_service()
        end(self.bus)
        self.unmount()

    def unmount(self):
        """What a killed RAUC left mounted, with its loop devices."""
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((mount for mount in mounts if mount.startswith(f"{self.folder}/")), reverse=True):
            run("umount", mount)
        for line in run("losetup", "--noheadings", "-O", "NAME,BACK-FILE").splitlines():
            name, _, file = line.strip().partition(" ")
            if file.strip().startswith(f"{self.folder}/"):
                run("losetup", "-d", name)
