# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The service `firmware` and a real RAUC, which writes signed bundles into slots that are files: from the cloud's command to the boot after it.
The test is the boot loader. `make check-rauc` runs this alone."""
import hashlib
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in ("integration", "system"):
    sys.path.insert(0, str(HERE.parent / folder))

from bundles import Keys, run  # noqa: E402
from device_kit import wait_for  # noqa: E402
from DevbusLibrary import DevbusLibrary  # noqa: E402
from rauc_kit import COMPATIBLE, Rauc, why_not  # noqa: E402

pytestmark = pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
SLOT_MIB = 8
WAIT_S = 60


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("rauc") / "keys")


class Device:
    """A testbed whose firmware service has RAUC as its backend. `rebooted` counts what the reboot service ordered."""

    def __init__(self, folder, keys):
        self.folder, self.keys = folder, keys
        self.rauc, self.it = Rauc(folder / "rauc", keys, SLOT_MIB), DevbusLibrary()
        self.images = {}  # SHA-256 of a slot's content: version

    def __enter__(self):
        self.rauc.__enter__()
        try:
            self._up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _up(self):
        for name in "AB":
            self.images[self.content(name)] = "1.0.0"
        self.boots_from("A")
        self.it.start_device(folder=self.folder / "device")
        self._add_settings("firmware", "backend = rauc", f"os_release = {self.folder}/os-release")
        order = self.folder / "reboot"
        order.write_text(f"#!/bin/sh\necho ordered >>{self.folder}/orders\n")
        order.chmod(0o755)
        self._add_settings("reboot", f"command = {order}")
        for name in ("firmware", "reboot"):
            self.it._testbed("restart", name)

    def __exit__(self, *_):
        self.it.stop_device()
        self.rauc.__exit__()

    def _add_settings(self, service, *lines):
        file = self.folder / f"device/bed/etc/devbus.d/{service}.conf"
        keys = {line.split(" ")[0] for line in lines}
        kept = [line for line in file.read_text().splitlines() if line.split(" ")[0] not in keys]
        file.write_text("\n".join([*kept, *lines]) + "\n")

    # --- slots and boots

    def content(self, name):
        return hashlib.sha256(self.rauc.slot(name).read_bytes()).hexdigest()

    def version_in(self, name):
        """Of the slot; None: a mixture."""
        return self.images.get(self.content(name))

    def boots_from(self, name):
        (self.folder / "os-release").write_text(f'NAME="test"\nIMAGE_VERSION="{self.version_in(name)}"\n')

    def orders(self):
        file = self.folder / "orders"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def reboot_when_ordered(self, times=1):
        wait_for("the order to reboot", lambda: self.orders() >= times, WAIT_S)
        booted = self.rauc.boot()
        self.boots_from(booted)
        self.it._testbed("simulate-reboot")
        return booted

    # --- bundles and updates

    def bundle(self, version, name=None, **options):
        image = self.folder / f"{version}.ext4"
        if not image.exists():
            content = self.folder / f"{version}.content"
            content.mkdir()
            (content / "version").write_text(version)
            run("mkfs.ext4", "-q", "-F", "-d", content, image, f"{SLOT_MIB}M")
            self.images[hashlib.sha256(image.read_bytes()).hexdigest()] = version
        options = {"compatible": COMPATIBLE, "form": "plain", **options}
        return self.keys.bundle(self.folder / f"{name or version}.raucb", image, version, **options)

    def order(self, bundle, version, **more):
        sha256 = hashlib.sha256(bundle.read_bytes()).hexdigest()
        return self.it.send_command("firmware", "update", {"url": f"file://{bundle}", "version": version, "sha256": sha256, **more})

    def should_end(self, identity, state, error=None):
        event = self.it.command_should_end_within(WAIT_S, "firmware", "update", identity, state, error)
        self.it.command_should_have_one_final_state(identity)
        return event

    def should_be_untouched(self):
        assert [self.version_in(name) for name in "AB"] == ["1.0.0", "1.0.0"]
        assert self.rauc.boot_loader("primary") == "A"
        assert self.orders() == 0


@pytest.fixture
def device(tmp_path, keys, monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/rauc/dbus.socket")
    with Device(tmp_path, keys) as made:
        yield made


def test_update(device):
    identity = device.order(device.bundle("2.0.0"), "2.0.0")
    assert device.reboot_when_ordered() == "B"
    event = device.should_end(identity, "succeeded")
    assert (event["result"]["slot"], event["result"]["from_version"]) == ("rootfs.1", "1.0.0"), event
    assert device.version_in("A") == "1.0.0" and device.version_in("B") == "2.0.0"
    assert device.rauc.boot_loader("state.B") == "good"
    older = device.order(device.bundle("1.5.0"), "1.5.0")
    device.it.command_should_end_within(WAIT_S, "firmware", "update", older, "rejected", "refused")


@pytest.mark.parametrize("options, ordered, code", [
    ({"signer": "stranger"}, "2.0.0", "signature"),
    ({"compatible": "another-device"}, "2.0.0", "incompatible"),
    ({}, "2.1.0", "incompatible"),
], ids=["wrong key", "for another device", "another version than ordered"])
def test_refused_bundle(device, options, ordered, code):
    identity = device.order(device.bundle("2.0.0", **options), ordered)
    device.should_end(identity, "failed", code)
    device.should_be_untouched()


def test_truncated_bundle(device):
    bundle = device.bundle("2.0.0")
    os.truncate(bundle, bundle.stat().st_size // 2)
    device.should_end(device.order(bundle, "2.0.0"), "failed", "signature")
    device.should_be_untouched()


def test_waits_for_another_installation(device):
    device.rauc.hold()
    administrator = device.rauc.install(device.bundle("1.1.0"))
    wait_for("the installation of the administrator", device.rauc.is_held, WAIT_S)
    identity = device.order(device.bundle("2.0.0"), "2.0.0")
    device.it.should_receive_within(WAIT_S, "event/firmware/update", id=identity, message="waiting for another installation to end")
    device.rauc.go_on()
    assert administrator.wait(WAIT_S) == 0
    assert device.reboot_when_ordered() == "B"
    device.should_end(identity, "succeeded")
    assert device.version_in("B") == "2.0.0"


def test_rauc_dies_while_installing(device):
    device.rauc.hold()
    bundle = device.bundle("2.0.0")
    identity = device.order(bundle, "2.0.0")
    wait_for("the installation", device.rauc.is_held, WAIT_S)
    device.rauc.kill()
    device.rauc.go_on()
    device.rauc.unmount()
    device.rauc.start_service()
    device.should_end(identity, "failed", "io-error")
    assert device.rauc.boot_loader("primary") == "A" and device.orders() == 0
    again = device.order(bundle, "2.0.0")
    assert device.reboot_when_ordered() == "B"
    device.should_end(again, "succeeded")


def test_service_dies_while_installing(device):
    device.rauc.hold()
    identity = device.order(device.bundle("2.0.0"), "2.0.0")
    wait_for("the installation", device.rauc.is_held, WAIT_S)
    device.it._testbed("kill", "firmware")
    device.it._testbed("start", "firmware")
    device.rauc.go_on()
    assert device.reboot_when_ordered() == "B"
    device.should_end(identity, "succeeded")
    assert device.version_in("B") == "2.0.0"


def test_bad_health_rolls_back(device):
    check = device.folder / "device/bed/firmware/health.d/never"
    check.write_text("#!/bin/sh\necho never well\nexit 1\n")
    check.chmod(0o755)
    device._add_settings("firmware", "health_timeout_s = 3")
    device.it._testbed("restart", "firmware")
    identity = device.order(device.bundle("2.0.0"), "2.0.0")
    assert device.reboot_when_ordered() == "B"
    assert device.reboot_when_ordered(times=2) == "A"
    device.should_end(identity, "failed", "rolled-back")
    assert device.rauc.boot_loader("state.B") == "bad"


def test_falls_back_by_itself(device):
    """The new system never comes up, and the boot loader goes back."""
    identity = device.order(device.bundle("2.0.0"), "2.0.0")
    wait_for("the order to reboot", lambda: device.orders() == 1, WAIT_S)
    (device.rauc.folder / "boot/state.B").write_text("bad\n")
    assert device.reboot_when_ordered() == "A"
    device.should_end(identity, "failed", "rolled-back")
