# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What the fault scenarios share: a device per test, faults at random times from a seed that is printed, and the table of
figures, which is appended to the file $DEVBUS_FIGURES as one JSON line for each row."""
import contextlib
import ctypes
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

for folder in ("integration", "system"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))

from DevbusLibrary import DevbusLibrary, wait_until  # noqa: E402, F401

LONG = os.environ.get("DEVBUS_LONG") == "1"
SEED = int(os.environ.get("DEVBUS_SEED") or random.SystemRandom().randrange(1 << 31))
only_long = pytest.mark.skipif(not LONG, reason="long: make check-faults")


def how_many(short, long):
    return long if LONG else short


def record(title, name, figures):
    """A row of the table of that title."""
    _write({"title": title, "name": name, **figures})


def measured(what, figure, limit):
    """A row of the last table, of figures beside their limits: @limit is the largest that is right. The test fails beyond it."""
    _write({"measured": what, "figure": figure, "limit": limit})
    assert figure <= limit, f"{what}: {figure}, limit {limit}"


def _write(row):
    print(row)
    if os.environ.get("DEVBUS_FIGURES"):
        with open(os.environ["DEVBUS_FIGURES"], "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def resources_of(pid):
    """Open files, threads, and the memory that is no file's, in KiB: with whom the pages of files are shared changes all the time."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    status = Path(f"/proc/{pid}/status").read_text()
    return {"fds": len(os.listdir(f"/proc/{pid}/fd")), "threads": int(re.search(r"^Threads:\s+(\d+)", status, re.M)[1]),
            "memory_kib": sum(int(size) for size in re.findall(r"^(?:Anonymous|Swap):\s+(\d+) kB", rollup, re.M))}


class Network:
    """A loopback of its own, on which packets can be made to vanish."""

    def drop(self, *ports):
        """What comes from these and what goes to them, over TCP and UDP: nobody is told."""
        self._nft("add table inet faults; add chain inet faults input { type filter hook input priority 0; }; " + "; ".join(
            f"add rule inet faults input {end} {port} drop" for port in ports for end in ("th dport", "th sport")))

    def restore(self):
        self._nft("delete table inet faults")

    @staticmethod
    def _nft(script):
        subprocess.run(["nft", script], check=True, stdin=subprocess.DEVNULL)


def _enter_own_network(libc):
    """Returns what is missing, if anything is."""
    if libc.unshare(0x40000000):  # CLONE_NEWNET
        return f"no network namespace: {os.strerror(ctypes.get_errno())}"
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        Network().drop(1)
        Network().restore()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no packets can be dropped: {error}"
    return None


@contextlib.contextmanager
def own_network():
    """What this thread starts within the block lives in a network namespace of its own. Skips where that may not be made."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        missing = _enter_own_network(libc)
        if missing:
            pytest.skip(missing)
        yield Network()
    finally:
        libc.setns(before, 0)
        os.close(before)


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
