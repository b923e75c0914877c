# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What the cloud sees of a whole device, in the words of DevbusLibrary. Each test is a sentence that must stay true while brokers,
services and the link come and go."""
import pytest

from DevbusLibrary import DevbusLibrary


@pytest.fixture(scope="module")
def device():
    library = DevbusLibrary()
    try:
        library.start_device("--cloud-prefix", "devices/%d")
        yield library
    finally:
        library.stop_device()


@pytest.fixture(autouse=True)
def from_here_on(device):
    device.forget_messages()


@pytest.mark.parametrize("service", ["config", "sensor", "firmware", "reboot"])
def test_each_service_answers(device, service):
    identity = device.send_command(service, "ping")
    device.command_should_end_within(5, service, "ping", identity, "succeeded")
    device.command_should_have_one_final_state(identity)


def test_unknown_command_is_rejected(device):
    identity = device.send_command("sensor", "no-such-thing")
    device.command_should_end_within(5, "sensor", "no-such-thing", identity, "rejected", "unknown-command")


def test_expired_command_is_rejected(device):
    identity = device.send_command("sensor", "list", expires="2001-01-01T00:00:00.000Z")
    device.command_should_end_within(5, "sensor", "list", identity, "rejected", "expired")


def test_malformed_command_is_rejected(device):
    device.send_raw("command/sensor/list", "not json")
    device.should_receive_within(5, "event/sensor/list", state="rejected", error__code="malformed")


def test_same_id_runs_once(device):
    for _ in range(5):
        device.send_command("sensor", "list", identity="once-only")
    device.command_should_end_within(5, "sensor", "list", "once-only", "succeeded")
    device.command_should_have_one_final_state("once-only")


def test_service_killed_and_started_gets_what_was_sent_meanwhile(device):
    device.kill_service("sensor")
    identity = device.send_command("sensor", "list")
    device.should_not_receive_within(0.5, "event/sensor/list", id=identity)
    device.start_service("sensor")
    device.command_should_end_within(10, "sensor", "list", identity, "succeeded")


def test_link_that_comes_back_brings_what_was_sent_meanwhile(device):
    device.close_link()
    identity = device.send_command("sensor", "list")
    device.should_not_receive_within(0.5, "event/sensor/list", id=identity)
    device.heal_link()
    device.command_should_end_within(15, "sensor", "list", identity, "succeeded")


@pytest.mark.parametrize("which", ["local", "cloud"])
def test_broker_killed_and_started(device, which):
    device.kill_broker(which)
    device.start_broker(which)
    device.bridge_should_work_within(20)


def test_frozen_service_answers_when_it_is_thawed(device):
    device.freeze("sensor")
    identity = device.send_command("sensor", "list")
    device.should_not_receive_within(0.5, "event/sensor/list", id=identity)
    device.thaw("sensor")
    device.command_should_end_within(10, "sensor", "list", identity, "succeeded")


def test_events_arrive_once_and_in_order(device):
    device.publish_events(500, "rate=1000")
    device.events_should_be_confirmed_within(20)
    device.no_events_should_be_lost()


def test_reboot_is_done_when_the_device_is_back(device):
    identity = device.send_command("reboot", "start", '{"delay_s": 0, "reason": "test"}')
    device.command_should_end_within(20, "reboot", "start", identity, "succeeded")
    device.should_receive_within(5, "event/reboot/boot")
    device.command_should_have_one_final_state(identity)
