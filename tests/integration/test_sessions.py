# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Commands for a service that has never run (protocol 4.6): devbus-provision --sessions lets the broker remember it, so that they
wait for its first start, and takes nothing from those whom the broker remembers already."""
import getpass
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from device_kit import Cloud, Probe, cloud_broker, states, wait_for
from ports import free_port
from provision_kit import fake_program, run_provision
from test_bridge import Bridge, Watched

pytestmark = pytest.mark.skipif(not shutil.which("mosquitto_sub"), reason="no mosquitto_sub (Debian: mosquitto-clients)")


@pytest.fixture
def cloud_side(tmp_path):
    with cloud_broker(tmp_path / "cloud") as broker:
        yield broker


@pytest.fixture
def cloud(cloud_side):
    with Cloud(cloud_side.port) as cloud:
        yield cloud


@pytest.fixture
def new_device(tmp_path, cloud_side):
    """Nobody has run on it yet."""
    device = Watched(tmp_path / "device", "--sessions", cloud=cloud_side)
    yield device
    device.stop()


def provision(device, *more):
    done = run_provision(*device.options, *more)
    assert done.returncode == 0, done.stderr
    return done


def send_and_see(device, cloud, service, identity):
    """Returns when the local broker has it."""
    with device.caller("monitor") as monitor:
        monitor.listen("cloud/command/#")
        cloud.command(service, "ping", {"id": identity})
        wait_for("the command", lambda: monitor.got(f"cloud/command/{service}/ping"))


def test_memory_is_replaced_by_a_rename(tmp_path):
    """Also where it is on another mount than the rest, as it is in the unit: a copy may be cut short, and Mosquitto does not start
    with what that leaves."""
    other = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        if other.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("one file system only")
        env = fake_program(tmp_path / "bin", "mv", f"""for to; do :; done
for from; do case $from in -*) ;; *) break ;; esac; done
[ "$(stat -c %d "$from")" = "$(stat -c %d "${{to%/*}}")" ] || echo "$*" >>{tmp_path}/copied
exec {shutil.which("mv")} "$@"
""")
        (other / "broker").mkdir()
        (tmp_path / "more").mkdir()
        (tmp_path / "more" / "fan.acl").touch()
        done = run_provision("--output", tmp_path / "etc", "--data-dir", other / "broker", "--services-dir", tmp_path / "more", "--port",
                             free_port(), "--user-of-broker", getpass.getuser(), "--sessions", env=env)
        assert done.returncode == 0 and "keeps commands for fan" in done.stderr, done.stderr
        assert not (tmp_path / "copied").exists()
        assert [path.name for path in other.iterdir()] == ["broker"] and (other / "broker/mosquitto.db").stat().st_mode & 0o777 == 0o600
    finally:
        shutil.rmtree(other)


def should_run_once(cloud, identity, service="probe"):
    events = cloud.wait_for_final(service, "ping", identity)
    assert states(events) == ["accepted", "succeeded"], events


def test_command_waits_for_the_first_start(new_device, cloud):
    """With a kill of the broker before it has saved anything, and a watcher who might take it for one that does not exist."""
    device = new_device
    device.start()
    device.kill()
    device.start()
    with device.monitor() as monitor, Bridge(device) as bridge:
        monitor.wait_for_status("online", "bridge", 15)
        first = monitor.retained("service/probe/status")
        assert first["state"] == "offline" and first["incarnation"] == 0
        send_and_see(device, cloud, "probe", "first")
        assert cloud.send_and_wait("ghost", "ping", "g")[-1]["error"]["code"] == "not-found"
        assert not cloud.got("cloud/event/probe/#")
        with Probe(device):
            should_run_once(cloud, "first")
            assert monitor.wait_for_status("online")["incarnation"] > 0
        assert "is lost" not in bridge.log()


def test_what_waits_is_left_to_wait(new_device, cloud, tmp_path):
    """A service is added while a command waits for another one, and the broker does not run."""
    device = new_device
    device.start()
    device.wait_for_bridge()
    send_and_see(device, cloud, "probe", "kept")
    device.stop()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "late.acl").touch()
    assert provision(device, "--services-dir", tmp_path / "more").stderr.endswith("keeps commands for late\n")
    assert not provision(device, "--services-dir", tmp_path / "more").stderr
    device.start()
    with Probe(device):
        should_run_once(cloud, "kept")
    device.wait_for_bridge()
    send_and_see(device, cloud, "late", "for-late")
    with Probe(device, "late"):
        should_run_once(cloud, "for-late", "late")


def test_damaged_memory_is_put_aside(new_device, cloud):
    device = new_device
    memory = device.output / "data" / "mosquitto.db"
    memory.write_bytes(damaged := memory.read_bytes()[:100])
    said = provision(device).stderr
    assert f"does not start with {memory}; it is mosquitto.db.damaged now" in said and "Couldn't open database" in said
    assert memory.with_name("mosquitto.db.damaged").read_bytes() == damaged
    device.start()
    device.wait_for_bridge()
    send_and_see(device, cloud, "probe", "after")
    with Probe(device):
        should_run_once(cloud, "after")


def test_service_is_added_to_a_running_broker(new_device, cloud, tmp_path):
    """One with a session that the broker has not saved yet keeps what waits for it."""
    device = new_device
    (tmp_path / "more").mkdir()
    for name in ("early", "late"):
        (tmp_path / "more" / f"{name}.acl").touch()
    device.start()
    device.wait_for_bridge()
    done = run_provision(*device.options, "--services-dir", tmp_path / "more")
    assert done.returncode == 1 and "reload it" in done.stderr
    device.process.send_signal(signal.SIGHUP)
    with device.monitor() as monitor, Probe(device, "early") as early:
        monitor.wait_for_status("online", "early")
        early.stop()
    send_and_see(device, cloud, "early", "kept")
    assert provision(device, "--services-dir", tmp_path / "more").stderr.endswith("keeps commands for late\n")
    for name, identity in (("early", "kept"), ("late", "for-late")):
        if name == "late":
            send_and_see(device, cloud, name, identity)
        with Probe(device, name):
            should_run_once(cloud, identity, name)
