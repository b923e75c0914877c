# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The commands of the units in the order of a first boot: what one writes the next one finds, with the rights that it has. There is no systemd
here, so this plays the part of the sandbox that a test can make: users, no capabilities, a file system that can only be read but for the
service's own folder, no devices."""
import json
import os
import re
import shutil
import subprocess

import pytest

from device_kit import _DIE_WITH_PARENT, BUILD, cloud_broker, end, wait_for
from ports import free_port
from provision_kit import PLUGIN, SOURCE, open_folder
from reboot_kit import program_of

SERVICES = ["bridge", "config", "sensor"]
USER = "games"  # one that every Debian has, in place of ours
OPTIONS = """# A device of the test.
profile production
device-id x7
port {port}
caller-port {caller_port}
cloud 127.0.0.1:{cloud_port}
restart-timeout 1 2
"""
# $1: the folder that may be written; $2: an empty one to be /dev; then the command.
SANDBOX = f"""set -e
writable=$1 devices=$2
shift 2
mount --make-rprivate /
mount -t tmpfs none "$devices"
for device in null urandom; do : >"$devices/$device" && mount --bind /dev/$device "$devices/$device"; done
mount --rbind "$devices" /dev
mount --bind "$writable" "$writable"
while read -r _ _ _ _ place _; do
    case $place in "$writable" | /proc) ;; *) mount -o remount,bind,ro "$place" || [ "$place" != / ] ;; esac
done </proc/self/mountinfo 2>/dev/null
exec setpriv --reuid={USER} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all unshare --user --map-user={USER} "$@"
"""


class Boot:
    def __init__(self, folder, cloud):
        self.folder, self.config, self.state, self.processes = folder, folder / "etc", folder / "lib", []
        self.config.mkdir()
        self.ports = {"port": free_port(), "caller_port": free_port()}
        plugin = f"broker-plugin {PLUGIN}\n" if PLUGIN.exists() else ""
        (self.config / "provision.options").write_text(OPTIONS.format(cloud_port=cloud.port, **self.ports) + plugin)
        self.where = re.search("--output ([^ ]+)", self.built("provision"))[1]  # as it will be installed

    def built(self, unit):
        return (BUILD / "etc" / "systemd" / f"devbus-{unit}.service").read_text()

    def lines(self, unit, key):
        found = re.findall(f"^{key}=(.*)$", self.built(unit), re.M)
        return [value.replace(self.where, str(self.config)).replace("%S/devbus", str(self.state)) for value in found]

    def words(self, unit, program=None):
        """Its command, with a program that is not installed yet."""
        first, *rest = self.lines(unit, "ExecStart")[0].split()
        return [*(program or [first]), *rest]

    def provision(self):
        rights = ["setpriv", "--bounding-set=-all,+chown,+dac_override,+fowner", "--inh-caps=-all"]
        return subprocess.run([*rights, *self.words("provision", ["sh", SOURCE / "etc" / "devbus-provision"])], capture_output=True, text=True,
                              timeout=60)

    def start(self, *words, **environment):
        self.processes.append(subprocess.Popen([*_DIE_WITH_PARENT, *words], env={**os.environ, **environment}))

    def start_broker(self):
        self.start("setpriv", "--reuid=mosquitto", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", *self.words("broker"))

    def start_service(self, service):
        credential, own, devices = (self.folder / name / service for name in ("credentials", "lib", "dev"))
        for place in (credential, own, devices):
            place.mkdir(parents=True)
        for name, _, path in (line.partition(":") for line in self.lines(service, "LoadCredential")):
            if os.path.exists(path) or f"{name}:none" not in self.lines(service, "SetCredential"):
                shutil.copy(path, credential / name)
        for place in (*credential.iterdir(), own):
            shutil.chown(place, USER)
        program, environment = program_of(service)
        given = dict(line.split("=", 1) for line in self.lines(service, "Environment"))
        environment.update({key: value.replace("%d", str(credential)) for key, value in given.items()})
        self.start("unshare", "--mount", "sh", "-c", SANDBOX, "sh", own, devices, *self.words(service, [program]), **environment)

    def ask(self, *words):
        done = subprocess.run([BUILD / "tools" / "devbusctl", *words], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "DEVBUS_CONFIG_DIR": str(self.config)})
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def boot():
    if os.getuid() != 0:
        pytest.skip("only root can be several users")
    for program in ("setpriv", "unshare"):
        if not shutil.which(program):
            pytest.skip(f"no {program}")
    if subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no mount namespaces here")
    if subprocess.run(["setpriv", f"--reuid={USER}", "--clear-groups", "unshare", "--user", program_of("sensor")[0], "--version"],
                      env=program_of("sensor")[1], capture_output=True).returncode != 0:
        pytest.skip("no user namespaces here, or others may not enter the build tree")
    with open_folder() as folder, cloud_broker(folder / "cloud") as cloud:
        boot = Boot(folder, cloud)
        try:
            yield boot
        finally:
            for process in reversed(boot.processes):
                end(process)


def test_device_comes_up_from_a_file_of_options(boot):
    """The vendor gives the sensors a program of its own to run, and the cloud changes something."""
    done = boot.provision()
    assert done.returncode == 0 and "secrets/sensor" in done.stdout, done.stderr
    programs, vendor = boot.folder / "sensors.d", boot.folder / "vendor"
    programs.mkdir()
    vendor.mkdir()
    (programs / "seven").write_text("#!/bin/sh\necho 7\n")
    (programs / "seven").chmod(0o755)
    (vendor / "sensor.json").write_text(json.dumps({"sensors": {"seven": {"exec": "seven"}}, "sample_interval_ms": 100}))
    (boot.config / "devbus.d" / "sensor.conf").open("a").write(f"exec_dir = {programs}\n")
    (boot.config / "devbus.d" / "config.conf").open("a").write(f"vendor_dir = {vendor}\n")

    for service in SERVICES:  # before the broker: they try again
        boot.start_service(service)
    boot.start_broker()
    boot.ask("status", "--wait", *SERVICES, "--timeout-s", "50")

    def good():
        sensors = json.loads(boot.ask("call", "sensor", "list"))["sensors"]
        found = {sensor["id"] for sensor in sensors if sensor["quality"] == "good"}
        return found if "seven" in found else None
    found = wait_for("the program's value", good, 30)
    assert {"uptime"} < found, found
    boot.ask("call", "config", "set", json.dumps({"section": "sensor", "values": {"report_interval_ms": 2000}}))
    assert "2000" in (boot.state / "config" / "sections" / "sensor.json").read_text()
    assert (vendor / "sensor.json").exists()


def test_second_boot_changes_nothing_and_wrong_options_keep_the_last_good(boot):
    assert boot.provision().returncode == 0
    again = boot.provision()
    assert (again.returncode, again.stdout) == (0, "")
    before = (boot.config / "mosquitto.conf").read_bytes()
    with (boot.config / "provision.options").open("a") as options:
        options.write("port 99999\n")
    done = boot.provision()
    assert done.returncode == 2 and "--port 99999" in done.stderr
    assert (boot.config / "mosquitto.conf").read_bytes() == before
