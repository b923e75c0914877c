# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What the measurements share: a device with a broker of its own, the programs of this folder beside it, where they run, and a
table of figures: one row for each round, so that a ratio is one of neighbours in time."""
import contextlib
import csv
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from device_kit import BUILD, Cloud, Device, cloud_broker, end, is_final, memory_kib, wait_for  # noqa: E402

PROGRAMS = BUILD / "tests" / "bench"
CORES = sorted(os.sched_getaffinity(0))
ALL_CORES, BROKER_CORE, CLIENT_CORE = set(CORES), {CORES[-1]}, {CORES[0]}
PRIORITY = 1  # of real time, as root and for latencies: else the time slices of other programs are what is measured
READ_S, STOP_S = 120, 10


def place(pid, cores):
    """On these cores only."""
    os.sched_setaffinity(pid, cores)


@contextlib.contextmanager
def before_others(*pids):
    """These processes, and those that are started meanwhile."""
    policy, before = os.sched_getscheduler(0), {pid: os.sched_getscheduler(pid) for pid in pids}
    try:
        for pid in (0, *pids):
            os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(PRIORITY))
    except PermissionError:
        pass
    try:
        yield
    finally:
        for pid, value in {**before, 0: policy}.items():
            os.sched_setscheduler(pid, value, os.sched_param(0))


def cpu_ns(pid):
    """Time on a processor until now (proc(5), schedstat), of all its threads."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


class Program:
    """One of the programs in a role, once it has said that it is ready."""

    def __init__(self, name, role, cores=CLIENT_CORE, environment=None, **options):
        self.what = f"{name} {role}"
        words = [f"{key}={value}" for key, value in options.items() if value is not None]
        # Placed before it runs, so that its threads are, too.
        self.process = subprocess.Popen(["taskset", "-c", ",".join(map(str, cores)), PROGRAMS / name, role, *words], text=True,
                                        stdout=subprocess.PIPE, env={**os.environ, **(environment or {})})
        place(self.process.pid, cores)

    def wait_until_ready(self):
        line = self.process.stdout.readline()
        assert line == "ready\n", f"{self.what} did not start: {line!r}"
        return self

    def figures(self, timeout_s=READ_S):
        """What it prints at its end."""
        try:
            text, _ = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGTERM)
            text, _ = self.process.communicate(timeout=STOP_S)
        assert self.process.returncode == 0 and text, f"{self.what} ended with {self.process.returncode}"
        return json.loads(text.splitlines()[-1])

    def __enter__(self):
        try:
            return self.wait_until_ready()
        except BaseException:
            end(self.process)
            raise

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                pass
        end(self.process)
        self.process.stdout.close()


class BenchDevice(Device):
    """The services bench-a, bench-b and @more others chat-0, chat-1, ..., and a Unix socket beside the port."""

    def __init__(self, folder, more=0, **options):
        services = folder / "bench-services"
        services.mkdir(parents=True)
        names = ["bench-a", "bench-b", *(f"chat-{i}" for i in range(more))]
        for name in names:
            (services / f"{name}.acl").write_text("call bench-a +\nread service/+/event/+\n")
        super().__init__(folder / "device", "--services-dir", services, **options)
        self.socket = folder / "broker.socket"
        with self.conf.open("a") as conf:
            conf.write(f"\nlistener 0 {self.socket}\n")

    def start(self):
        super().start()
        place(self.process.pid, BROKER_CORE)

    def as_user(self, name):
        """Options of a program that speaks MQTT."""
        return {"user": name, "password": self.password(name), "port": self.port}

    def devbus(self, name, role, cores=CLIENT_CORE, **options):
        return Program("bench-devbus", role, cores, {"DEVBUS_CONFIG_DIR": str(self.output)}, user=name, **options)


def is_built(name):
    return (PROGRAMS / name).exists()


class Table:
    """Rows of case, contender, parameter, round, figure, value."""

    def __init__(self):
        self.rows = []

    def add(self, case, contender, parameter, turn, **figures):
        for figure, value in figures.items():
            self.rows.append((case, contender, str(parameter), turn, figure, float(value)))

    def values(self, case, contender, parameter, figure):
        """By round."""
        return {row[3]: row[5] for row in self.rows if row[:3] == (case, contender, str(parameter)) and row[4] == figure}

    def median(self, *of):
        values = self.values(*of).values()
        return statistics.median(values) if values else None

    def ratios(self, figure, one, other):
        """Round by round; each of the two is (case, contender, parameter)."""
        upper, lower = self.values(*one, figure), self.values(*other, figure)
        return [upper[turn] / lower[turn] for turn in upper if lower.get(turn)]

    def write(self, path):
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("case", "contender", "parameter", "round", "figure", "value"))
            writer.writerows((*row[:5], f"{row[5]:.4g}") for row in self.rows)


def version_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except OSError:
        return None
    return (done.stdout or done.stderr).splitlines()[0].strip()


def machine():
    """One line: what it was measured on."""
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    packages = {}
    if shutil.which("dpkg-query"):
        for package in ("mosquitto", "libpaho-mqtt1.3", "libmosquitto1", "libsystemd0", "dbus-daemon", "libsqlite3-0"):
            packages[package] = version_of("dpkg-query", "-W", "-f", "${Version}", package)
    versions = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    return (f"{cpu}, {len(CORES)} cores; Linux {platform.release()}; load {os.getloadavg()[0]:.1f}; "
            f"{os.environ.get('CC', 'cc')}: {os.environ.get('DEVBUS_CFLAGS', '').split(' -W')[0]} {os.environ.get('BENCH_CFLAGS', '')}; {versions}")


__all__ = ["ALL_CORES", "BROKER_CORE", "BUILD", "CLIENT_CORE", "BenchDevice", "Cloud", "Program", "Table", "before_others",
           "cloud_broker", "cpu_ns", "end", "is_built", "is_final", "machine", "memory_kib", "place", "wait_for"]
