# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What the fault scenarios share: a device per test, faults at random times from a seed that is printed, and the table of
figures, which is appended to the file $DEVBUS_FIGURES as one JSON line for each row."""
import json
import os
import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from DevbusLibrary import DevbusLibrary, wait_until  # noqa: E402, F401

LONG = os.environ.get("DEVBUS_LONG") == "1"
SEED = int(os.environ.get("DEVBUS_SEED") or random.SystemRandom().randrange(1 << 31))
only_long = pytest.mark.skipif(not LONG, reason="long: make check-faults")


def how_many(short, long):
    return long if LONG else short


def record(title, name, figures):
    """A row of the table."""
    row = {"title": title, "name": name, **figures}
    print(row)
    if os.environ.get("DEVBUS_FIGURES"):
        with open(os.environ["DEVBUS_FIGURES"], "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


class device:
    """`with device() as it:` is a DevbusLibrary whose device runs. When the block fails, the ends of the logs are shown."""

    def __init__(self, *options, **more):
        self.options, self.more, self.library = options, more, DevbusLibrary()

    def __enter__(self):
        try:
            self.library.start_device(*self.options, **self.more)
        except BaseException:
            self.library.stop_device()
            raise
        return self.library

    def __exit__(self, failure, *_):
        if failure:
            self._show_logs()
        self.library.stop_device()

    def _show_logs(self):
        for path in [*self.library.folder.glob("*.err"), self.library.folder / "bed" / "log" / "local-broker.log"]:
            lines = path.read_text(errors="replace").splitlines()
            print(f"--- {path.name}", *lines[-12:], sep="\n", file=sys.stderr)


# --- faults at random times; each leaves the device whole

def kill_local_broker(it, chance):
    it.kill_broker("local")
    time.sleep(chance.uniform(0, 0.5))
    it.start_broker("local")


def kill_cloud_broker(it, chance):
    it.kill_broker("cloud")
    time.sleep(chance.uniform(0, 0.5))
    it.start_broker("cloud")


def cut_link(it, chance):
    if chance.random() < 0.5:
        it.cut_link()
    else:
        it.close_link()
        time.sleep(chance.uniform(0, 1))
        it.heal_link()


def swallow_link(it, chance):
    it.black_hole_link()
    time.sleep(chance.uniform(0.1, 1))
    it.heal_link()


def freeze_local_broker(it, chance):
    it.freeze("local-broker")
    time.sleep(chance.uniform(0.1, 1))
    it.thaw("local-broker")


class kill_publisher:
    """And start it again with the same @options: it goes on behind the last number it tried."""

    def __init__(self, count, *options):
        self.count, self.options = count, options

    def __call__(self, it, chance):
        it.kill_service("worker")
        time.sleep(chance.uniform(0, 0.2))
        it.publish_events(self.count, *self.options)


def at_random_times(it, faults, seconds, seed):
    """@faults in a random order, spread over @seconds."""
    chance = random.Random(seed)
    faults = list(faults)
    chance.shuffle(faults)
    times = sorted(chance.uniform(0, seconds) for _ in faults)
    began = time.monotonic()
    for moment, fault in zip(times, faults):
        time.sleep(max(0, began + moment - time.monotonic()))
        fault(it, chance)
    it.heal_link()
