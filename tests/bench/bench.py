# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""`make bench`: what devbus costs beside what it is compared with. All contenders of a case run in turns, round after round, so that what
else the machine does meets them all; what counts are ratios within a round. Asserts no figure.

  bench.py [--quick] [--into FOLDER] [CASE...]

Writes figures.csv, pictures and figures.md into FOLDER (bench-results)."""
import argparse
import tempfile
import time
from pathlib import Path

import bench_device
import bench_report
import bench_scale
import bench_traffic
from bench_kit import BenchDevice, Table, machine

FULL = {"rounds": 5, "echoes": 2000, "chatters": (0, 1, 10, 100), "crowds": (0, 198), "events": 10000, "writes": 200,
        "reaches": (1, 10, 50, 200), "deliveries": 20000, "subscriptions": (1, 100, 1000, 10000), "commands": 50, "starts": 20, "returners": (1, 10, 100),
        "idle_s": 10, "settle_s": 10}
QUICK = {"rounds": 2, "echoes": 500, "chatters": (0, 10), "crowds": (0,), "events": 4000, "writes": 50,
         "reaches": (1, 10), "deliveries": 4000, "subscriptions": (1, 1000), "commands": 10, "starts": 4, "returners": (1, 10), "idle_s": 2, "settle_s": 2}

CASES = {
    "echo": bench_traffic.echo,
    "chatter": bench_traffic.chatter,
    "crowd": bench_traffic.crowd,
    "events": bench_traffic.events,
    "durable": bench_traffic.durable,
    "fan-out": bench_scale.fan_out,
    "subscriptions": bench_scale.subscriptions,
    "command": bench_device.command,
    "start": bench_scale.start,
    "reconnect": bench_scale.reconnect,
    "footprint": bench_device.footprint,
}


class Bench:
    def __init__(self, folder, quick):
        self.folder, self.quick, self.table = folder, quick, Table()
        self.__dict__.update(QUICK if quick else FULL)
        self.device = BenchDevice(folder / "common", more=max((*self.chatters, *self.crowds, *self.reaches, *self.returners)))

    @staticmethod
    def say(text):
        print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything, for every day")
    parser.add_argument("--into", type=Path, default=Path("bench-results"))
    parser.add_argument("case", nargs="*", help=f"of {', '.join(CASES)}; none: all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="devbus-bench-") as folder:
        bench = Bench(Path(folder), options.quick)
        bench.say(machine())
        with bench.device:
            for name in options.case or CASES:
                began = time.monotonic()
                CASES[name](bench)
                bench.say(f"{name}: {time.monotonic() - began:.1f} s")
    print("\n".join(bench_report.write(bench, options.into)))
    print(f"\nalso in {options.into}")


if __name__ == "__main__":
    main()
