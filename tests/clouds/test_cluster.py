# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A cloud of two nodes of ejabberd, of which the one that the device is at is killed. RabbitMQ of this age is no candidate: who is
connected is agreed upon by a majority of its nodes, and of two the one that is left is none."""
import random
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from cloud_kit import Authority, BridgedDevice
from erlang_kit import Ejabberd, PortMapper
from fault_kit import measured, only_long, record

BACK_S = 30
KEEPALIVE = ["--keepalive", "10"]  # a connection on which nothing comes back is given up within two of them
TRIES, EVENTS, RATE = 5, 10000, 300


class Cluster:
    """Two nodes that share users and subscriptions."""

    def __init__(self, folder):
        authority, self.mapper = Authority(folder / "authority"), PortMapper()
        mark = random.getrandbits(32)
        self.nodes = [Ejabberd(folder / name, authority, f"{name}-{mark:x}@localhost", self.mapper) for name in ("first", "second")]
        self.nodes[1].partner = self.nodes[0].node

    def __enter__(self):
        try:
            for node in self.nodes:
                node.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.stop()
        self.mapper.end()


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="devbus-cluster."))
    yield path
    shutil.rmtree(path)


@only_long
@pytest.mark.skipif(Ejabberd.missing() is not None, reason=Ejabberd.missing() or "")
@pytest.mark.parametrize("number", range(TRIES))
def test_node_is_killed_under_load(folder, number):
    """The application is at the other node, and the device finds it. The application acknowledges: an echo says that the node has the
    event, and what it has not passed on dies with it."""
    with Cluster(folder) as cluster:
        first, second = cluster.nodes
        with BridgedDevice(folder / "it", first, "--cloud", f"127.0.0.1:{second.port}", *KEEPALIVE, listens_at=second, confirm="ack") as it:
            it.publish_events(EVENTS, f"rate={RATE}")
            it.wait_for_tried(left=EVENTS - 3 * RATE)
            first.kill()
            it.link.end()  # its port refuses, as that of a killed process does
            killed, mark = time.monotonic(), it.cloud.mark()
            assert it.cloud.wait_for(lambda m: m.topic == "cloud/event/worker/number" and m.event()["n"] > 4 * RATE, BACK_S, mark)
            back_s = round(time.monotonic() - killed, 1)
            it.wait_for_confirmation()
            balance = it.balance()
            record("cluster of two, one killed", str(number + 1), {**balance.figures(), "back_s": back_s})
            faults = balance.faults(forgotten_allowed=True)
            assert not faults, faults
            it.command("worker", "work", "after")
            assert it.final("worker", "work", "after")["state"] == "succeeded"
            measured("s until events flow through the other node", back_s, BACK_S)
