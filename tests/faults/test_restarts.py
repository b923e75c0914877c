# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A broker that ends and comes back, again and again: what a connection took is given back with it."""
import pytest

from fault_kit import how_many, measured, record, resources_of  # first: it says where the other is

from device_kit import SANITIZED, Device, Probe, wait_for

WARM_UP = how_many(5, 50)  # until each buffer has been as large as it gets
RESTARTS = how_many(25, 1000)
GROWTH_MAX_KIB = 256


class Restarts:
    """Brokers end in turns by SIGTERM and SIGKILL, while the service publishes."""

    def __init__(self, device, probe):
        self.device, self.probe, self.count, self.born = device, probe, 0, 0

    def online(self, tester):
        self.born = tester.wait_for_status("online", above=self.born)["incarnation"]

    def again(self):
        if self.count % 2:
            self.device.stop()
        else:
            self.device.kill()
        self.device.start()
        self.count += 1
        tester = self.device.caller("tester")
        try:
            tester.listen("service/probe/status")
            self.online(tester)
        finally:
            tester.close()

    def at_rest(self):
        """When everything that waits has been sent."""
        cli = self.device.caller()
        try:
            wait_for("nothing to wait", lambda: cli.call("probe", "stats")["queue_messages"] <= 1)  # its own answer
            wait_for("its helper thread to end", lambda: resources_of(self.probe.process.pid)["threads"] == 1)
            return resources_of(self.probe.process.pid)
        finally:
            cli.close()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what was freed")
def test_nothing_grows_over_restarts_of_the_broker(tmp_path):
    with Device(tmp_path / "d", settings=["keepalive_s=5", "reconnect_min_ms=10", "reconnect_max_ms=20"]) as device, \
            Probe(device) as probe:
        restarts = Restarts(device, probe)
        tester, cli = device.caller("tester"), device.caller()
        tester.listen("service/probe/status")
        restarts.online(tester)
        cli.call("probe", "stream", item="number", kind="event", count=1000000, interval_ms=20)
        tester.close()
        cli.close()
        for _ in range(WARM_UP):
            restarts.again()
        before = restarts.at_rest()
        for _ in range(RESTARTS):
            restarts.again()
        after = restarts.at_rest()
        growth = {name: after[name] - before[name] for name in before}
        record("restarts of the local broker", f"after {WARM_UP}", before)
        record("restarts of the local broker", f"after {WARM_UP + RESTARTS}", after)
        measured(f"open files more after {RESTARTS} restarts", growth["fds"], 0)
        measured(f"threads more after {RESTARTS} restarts", growth["threads"], 0)
        measured(f"KiB of memory more after {RESTARTS} restarts", growth["memory_kib"], GROWTH_MAX_KIB)
