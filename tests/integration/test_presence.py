# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What the cloud knows of a device that cannot say it any more: the will of the bridge's second connection (--presence)."""
import time

import pytest

from device_kit import Caller, Device, Proxy, cloud_broker, wait_for
from provision_kit import run_provision

KEEPALIVE_S = 5
TOPIC = "devices/x7/presence"
NOTICED_S = 1.5 * KEEPALIVE_S + 6  # MQTT 3.1.1, 3.1.2.10; the Mosquitto of the cloud looks every 5 s


@pytest.fixture
def cloud_side(tmp_path):
    with cloud_broker(tmp_path / "cloud") as broker:
        yield broker


def told(cloud_side):
    """What the cloud's broker says to whoever asks now."""
    with Caller(cloud_side.port) as late:
        late.listen(TOPIC)
        return wait_for("the presence", lambda: [m for m in late.got(TOPIC) if m.retain])[-1].payload


def test_cloud_knows_whether_the_device_is_there(tmp_path, cloud_side):
    with Proxy(cloud_side.port) as link, Caller(cloud_side.port) as cloud:
        device = Device(tmp_path / "device", "--presence", "--device-id", "x7", "--cloud-prefix", "devices/%d", "--keepalive", KEEPALIVE_S, cloud=link)
        cloud.listen("devices/x7/#")

        def seconds_until(word):
            began = time.monotonic()
            wait_for(f"presence {word!r}", lambda: cloud.got(TOPIC) and cloud.got(TOPIC)[-1].payload == word, 3 * KEEPALIVE_S)
            return time.monotonic() - began

        with device:
            seconds_until(b"1")
            assert told(cloud_side) == b"1"
            device.kill()
            assert seconds_until(b"0") < KEEPALIVE_S, "the connections of a process that dies are closed"
            assert told(cloud_side) == b"0"
            device.start()
            seconds_until(b"1")
            link.go_black()
            assert KEEPALIVE_S / 2 < seconds_until(b"0") < NOTICED_S
            link.cut()
            seconds_until(b"1")
            device.stop()
            seconds_until(b"0")
        assert {m.topic for m in cloud.got()} == {TOPIC}, "nothing else is said to the cloud"


def test_presence_goes_when_the_option_goes(tmp_path):
    device = Device(tmp_path / "device", "--presence")
    conf = device.output / "mosquitto.d" / "presence.conf"
    assert conf.stat().st_mode & 0o777 == 0o600
    again = [option for option in device.options if option != "--presence"]
    done = run_provision(*again)
    assert done.stdout == "mosquitto.d/presence.conf\n" and not conf.exists()
    assert run_provision(*again).stdout == ""
