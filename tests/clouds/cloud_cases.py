# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What must be true of a device at any cloud. A file for each broker makes a class of these with its broker; one device and one
broker serve all cases of a class."""
import contextlib
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from cloud_kit import BridgedDevice
from fault_kit import how_many, record

EVENTS, COMMANDS = 200, 50


class CloudCases:
    kind = None  # a CloudBroker

    @contextlib.contextmanager
    def _device(self, **more):
        if self.kind.missing():
            pytest.skip(self.kind.missing())
        folder = Path(tempfile.mkdtemp(prefix="devbus-cloud."))
        try:
            with self.kind(folder / "cloud") as broker, BridgedDevice(folder, broker, **more) as device:
                yield device
        finally:
            shutil.rmtree(folder)

    @pytest.fixture(scope="class")
    def it(self):
        with self._device() as device:
            yield device

    @pytest.fixture(scope="class")
    def sure(self, request):
        """At a broker that forgets what it has confirmed, only the application's word proves that an event has come."""
        if self.kind.remembers:
            yield request.getfixturevalue("it")
        else:
            with self._device(confirm="ack") as device:
                yield device

    @pytest.mark.parametrize("service", ["config", "bridge", "worker"])
    def test_command_runs_and_says_so(self, it, service):
        it.command(service, "ping", f"ping-{service}")
        assert it.final(service, "ping", f"ping-{service}")["state"] == "succeeded"

    def test_command_for_nobody_is_rejected(self, it):
        it.command("nobody", "ping", "to-nobody")
        assert it.final("nobody", "ping", "to-nobody")["error"]["code"] == "not-found", "the watcher says so"

    def test_durable_events_arrive_and_are_confirmed(self, it):
        it.publish_events(EVENTS, "rate=500")
        it.wait_for_confirmation()
        faults = it.balance().faults()
        assert not faults, faults

    def test_commands_sent_while_the_device_is_away(self, it):
        it.device.stop()
        sent = [f"away-{number}" for number in range(COMMANDS)]
        for identity in sent:
            it.command("worker", "work", identity)
        it.device.start()
        for identity in sent:
            assert it.final("worker", "work", identity)["state"] == "succeeded"
        faults = it.faults_of_commands(sent)
        assert not faults, faults

    @pytest.mark.parametrize("how", ["stop", "kill"])
    def test_cloud_goes_and_comes_back_under_load(self, sure, how):
        it = sure
        count = how_many(1000, 10000)
        it.publish_events(count, "rate=500")
        it.wait_for_tried(count // 2)
        repeats = it.balance().repeats
        it.restart_cloud(how)
        back = time.monotonic()
        it.wait_for_confirmation()
        balance = it.balance()
        record("cloud restarted under load", f"{self.kind.__name__}, {how}", {
            "events": count, "lost": len(balance.lost), "overtaken": len(balance.out_of_order),
            "repeats": balance.repeats - repeats, "confirmed_after_s": round(time.monotonic() - back, 1)})
        if not self.kind.keeps_order:
            balance.out_of_order.clear()
        faults = balance.faults(forgotten_allowed=not self.kind.remembers)
        assert not faults, faults
        it.command("worker", "work", f"after-{how}")
        assert it.final("worker", "work", f"after-{how}")["state"] == "succeeded"
