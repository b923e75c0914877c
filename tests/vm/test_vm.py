# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""
The two services that can brick a device, on a device: Debian's kernel and systemd, GRUB with two slots, RAUC with signed bundles, logind.
`make check-vm` runs it, in a quarter of an hour; the first run builds the images. All that is known here is what the cloud's broker knows.
"""
import functools
import http.server
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in ("faults", "integration", "system"):
    sys.path.insert(0, str(HERE.parent / folder))

from cloud import Cloud  # noqa: E402
from device_kit import cloud_broker  # noqa: E402
from fault_kit import record  # noqa: E402
from image import ImageBuilder, fresh, missing_tools, run  # noqa: E402
from ports import free_port  # noqa: E402
from provision_kit import SOURCE, make_certificate  # noqa: E402
from vm import Machine  # noqa: E402

BOOT_S = 240  # at most, from power to the event in the cloud
UPDATE_S = 900
FINAL = ("succeeded", "failed", "rejected", "cancelled")
DEVBUS_CONF = """[firmware]
backend = rauc
health_dir = /usr/lib/devbus/health.d
health_timeout_s = 120

[reboot]
min_uptime_s = 0
reboots_per_hour = 0
short_boots_max = 0
"""

PROVISION_OPTIONS = """profile development
device-id vm
cloud 10.0.2.2:{port}
cloud-cafile /etc/devbus/server.pem
cloud-certfile /etc/devbus/vm.pem
cloud-keyfile /etc/devbus/vm.key
"""

pytestmark = [
    pytest.mark.skipif(os.environ.get("DEVBUS_VM") != "1", reason="only in `make check-vm`: it boots a virtual machine for minutes"),
    pytest.mark.skipif(bool(missing_tools()), reason="missing: " + " ".join(missing_tools())),
]


def enable(root):
    run("systemd-sysusers", f"--root={root}")
    run("systemctl", "--root", root, "enable", "systemd-networkd", "devbus.target")


def enable_with_bad_health(root):
    enable(root)
    check = root / "usr/lib/devbus/health.d/never"
    check.parent.mkdir(parents=True)
    check.write_text("#!/bin/sh\necho this version is never well\nexit 1\n")
    check.chmod(0o755)


@pytest.fixture(scope="module")
def images():
    """A folder of three bundles, and of the slot that the device was delivered with."""
    builder = ImageBuilder(Path(os.environ.get("DEVBUS_VM_DIR", Path(os.environ["builddir"]) / "vm")))
    builder.served = fresh(builder.folder / "served")
    builder.first = builder.slot("1.0.0", enable)
    for version, prepare in (("2.0.0", enable), ("3.0.0", enable_with_bad_health), ("4.0.0", enable)):
        image = builder.slot(version, prepare)
        bundle = builder.bundle(version, image)
        image.unlink()
        bundle.rename(builder.served / bundle.name)
    return builder


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server(images):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=images.served)) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://10.0.2.2:{httpd.server_port}"
        httpd.shutdown()


class Device:
    """What the cloud knows of the machine, and its power switch."""

    def __init__(self, machine, cloud):
        self.machine, self.cloud = machine, cloud

    def started(self, since):
        """Waits for the boot event after mark @since."""
        message = self.cloud.wait_for(lambda m: m.topic == "cloud/event/reboot/boot", BOOT_S, since)
        assert message, f"no boot in {BOOT_S} s:\n{self.machine.log()[-4000:]}"
        return message.event()

    def command(self, topic, identity, **args):
        self.cloud.publish(f"command/{topic}", {"id": identity, "args": args})

    def final(self, identity, timeout_s):
        message = self.cloud.wait_for(lambda m: m.event().get("id") == identity and m.event().get("state") in FINAL, timeout_s)
        assert message, f"{identity} has no final state after {timeout_s} s:\n{self.machine.log()[-4000:]}"
        return message.event()

    def version(self):
        """That runs, as soon as the firmware service answers and knows it. At the very first boot it may not be there for the first questions."""
        for _ in range(BOOT_S // 10):
            identity = f"version-{time.monotonic_ns()}"
            self.command("firmware/status", identity)
            message = self.cloud.wait_for(lambda m, i=identity: m.event().get("id") == i and m.event().get("state") in FINAL, 10)
            if message and message.event()["result"]["version"]:
                return message.event()["result"]["version"]
            time.sleep(1)
        raise AssertionError(f"the firmware service does not tell its version:\n{self.machine.log()[-4000:]}")

    def finals(self, identity):
        return [m.event()["state"] for m in self.cloud.find(lambda m: m.event().get("id") == identity and m.event().get("state") in FINAL)]


def damaged_memory():
    """In which devbus-provision finds all services, and no broker anything."""
    return "\n".join(f"{path.stem}cloud/command/{path.stem}/+" for path in SOURCE.glob("services/*/*.acl"))


def add_tls_listener(broker, certificates):
    """For devices that have a certificate. Returns its port."""
    port = free_port()
    with broker.conf.open("a") as conf:
        conf.write(f"listener {port} 127.0.0.1\ncertfile {certificates}/server.pem\nkeyfile {certificates}/server.key\n"
                   f"cafile {certificates}/vm.pem\nrequire_certificate true\n")
    return port


@pytest.fixture(scope="module")
def device(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vm")
    broker = cloud_broker(folder / "cloud")
    make_certificate(broker.conf.parent, "server", "IP:10.0.2.2")
    make_certificate(broker.conf.parent, "vm")
    tls_port = add_tls_listener(broker, broker.conf.parent)
    with broker:
        data = fresh(images.folder / "data")
        for name in ("etc", "lib", "rauc"):
            (data / name).mkdir()
        (data / "etc/devbus.conf").write_text(DEVBUS_CONF)
        (data / "etc/provision.options").write_text(PROVISION_OPTIONS.format(port=tls_port))
        for name in ("server.pem", "vm.pem", "vm.key"):
            shutil.copy(broker.conf.parent / name, data / "etc")
        (data / "lib/broker").mkdir()
        (data / "lib/broker/mosquitto.db").write_text(damaged_memory())
        disk = images.disk(images.first, data)
        machine, cloud = Machine(images.folder, disk, images.grub()), Cloud(broker.port)
        cloud.connect()
        machine.start()
        try:
            yield Device(machine, cloud)
        finally:
            machine.stop()
            cloud.disconnect()
            shutil.copy(machine.log_file, images.folder / "last-serial.log")


def update(device, server, images, version, identity):
    bundle = images.served / f"{version}.raucb"
    sha256 = run("sha256sum", bundle).split()[0]
    device.command("firmware/update", identity, url=f"{server}/{bundle.name}", version=version, sha256=sha256, size=bundle.stat().st_size)


def timed(name, began, **more):
    record("virtual machine", name, {"seconds": round(time.monotonic() - began, 1), **more})


def test_first_boot(device):
    """With a broker that does not start before its unit has put a damaged memory aside."""
    began = time.monotonic()
    event = device.started(0)
    assert "it is mosquitto.db.damaged now" in device.machine.log()
    assert event["cause"] in ("unknown", "power"), event
    assert device.version() == "1.0.0"
    timed("power on to the boot event in the cloud", began)


def test_reboot_by_logind(device):
    began, since = time.monotonic(), device.cloud.mark()
    device.command("reboot/start", "reboot-1", reason="trial")
    event = device.started(since)
    assert (event["cause"], event["id"], event["reason"]) == ("ordered", "reboot-1", "trial")
    assert event["old_boot_id"] != event["new_boot_id"]
    assert device.final("reboot-1", BOOT_S)["state"] == "succeeded"
    assert device.finals("reboot-1") == ["succeeded"]
    assert "systemd-logind" in device.machine.log()
    timed("reboot/start to succeeded, boot id changed", began)


def test_update(device, server, images):
    began = time.monotonic()
    update(device, server, images, "2.0.0", "update-2")
    event = device.final("update-2", UPDATE_S)
    assert event["state"] == "succeeded", event
    assert device.version() == "2.0.0"
    timed("update to 2.0.0: download to succeeded", began, bytes=(images.served / "2.0.0.raucb").stat().st_size)


def test_bad_update_rolls_back(device, server, images):
    began = time.monotonic()
    update(device, server, images, "3.0.0", "update-3")
    event = device.final("update-3", UPDATE_S)
    assert (event["state"], event["error"]["code"]) == ("failed", "rolled-back"), event
    assert device.version() == "2.0.0"
    timed("update to 3.0.0, whose health check fails: to rolled-back", began)


def test_power_cut_while_installing(device, server, images):
    began, since = time.monotonic(), device.cloud.mark()
    update(device, server, images, "4.0.0", "update-4")
    writing = device.cloud.wait_for(lambda m: m.event().get("id") == "update-4" and m.event().get("step") == "installing", UPDATE_S, since)
    assert writing, "it was never installing"
    time.sleep(3)  # some of the slot is written
    device.machine.cut_power()
    since = device.cloud.mark()
    device.machine.start()
    device.started(since)
    version = device.version()
    assert version == "2.0.0", f"after a power cut in the middle of the installation {version} runs"
    timed("power cut while installing 4.0.0: to the old slot's boot event", began)
    event = device.final("update-4", UPDATE_S)
    assert event["state"] in ("succeeded", "failed"), event
    assert len(device.finals("update-4")) == 1
    expected = "4.0.0" if event["state"] == "succeeded" else "2.0.0"
    assert device.version() == expected
    timed(f"and to the end of that update, {event['state']}", began)


def test_power_cut_after_success(device):
    """What the cloud has been told stays true: the boot loader knows it as well."""
    before, since = device.version(), device.cloud.mark()
    device.machine.cut_power()
    device.machine.start()
    device.started(since)
    assert device.version() == before
