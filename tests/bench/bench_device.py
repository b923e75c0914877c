# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What a whole device costs: a command from the cloud and back, and what it holds of memory, threads and time while nothing happens."""
import socket
import subprocess
import sys
import time
from pathlib import Path

from bench_kit import BUILD, BenchDevice, Cloud, Program, cloud_broker, is_built, is_final, memory_kib, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from DevbusLibrary import DevbusLibrary  # noqa: E402

# ---- commands


def command(bench):
    """Cloud broker, bridge, local broker, service, disk, and back, as a client in Python sees it; beside that client's own echo."""
    folder = bench.folder / "command"
    with cloud_broker(folder / "cloud") as broker, BenchDevice(folder, cloud=broker) as device, device.devbus("bench-a", "server"), \
            Cloud(broker.port) as cloud:
        device.wait_for_bridge()
        cloud._paho.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or its own 40 ms are what is measured
        for turn in range(bench.commands):
            identity, began = f"bench-{turn}", time.monotonic()
            cloud.send_and_wait("bench-a", "echo", identity, args={"text": 88 * "0"})
            at = {message.json()["state"]: message.at for message in cloud.got("cloud/event/bench-a/echo") if message.json()["id"] == identity}
            final = next(moment for state, moment in at.items() if is_final({"state": state}))
            bench.table.add("command", "devbus", "accepted", turn, ms=1000 * (at["accepted"] - began))
            bench.table.add("command", "devbus", "succeeded", turn, ms=1000 * (final - began))
            since, began = len(cloud.messages), time.monotonic()
            cloud.publish("cloud/event/bench/echo", "{}")
            wait_for("the echo", lambda: cloud.got("cloud/event/bench/echo", since))
            bench.table.add("command", "the client alone", "echo", turn, ms=1000 * (cloud.got("cloud/event/bench/echo", since)[-1].at - began))


# ---- footprint


def idle_of(pids, seconds):
    """By pid: memory, threads, fds, and how often it woke up in a second."""
    before = {pid: wake_ups(pid) for pid in pids}
    time.sleep(seconds)
    return {pid: {"pss_kib": memory["PSS KiB"], "uss_kib": memory["USS KiB"], "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
                  "fds": len(list(Path(f"/proc/{pid}/fd").iterdir())), "wake_ups_per_s": (wake_ups(pid) - before[pid]) / seconds}
            for pid in pids if (memory := memory_kib(pid))}


def wake_ups(pid):
    """Voluntary switches of all its threads (proc(5), status)."""
    return sum(int(line.split()[1]) for task in Path(f"/proc/{pid}/task").iterdir()
               for line in (task / "status").read_text().splitlines() if line.startswith("voluntary_ctxt"))


def footprint(bench):
    """Idle: clients that have one subscription, and a device with its services."""
    device = bench.device
    clients = [("libmosquitto", "bench-mosquitto"), ("MQTTClient", "bench-paho"), ("MQTTAsync", "bench-async")]
    for contender, program in clients:
        if is_built(program):
            with Program(program, "server", peer="bench-b", **device.as_user("bench-a")) as one:
                bench.table.add("footprint, a client", contender, "idle", 0, **idle_of([one.process.pid], bench.idle_s)[one.process.pid])
    with device.devbus("bench-a", "server") as one:
        bench.table.add("footprint, a client", "devbus", "idle", 0, **idle_of([one.process.pid], bench.idle_s)[one.process.pid])
    footprint_of_device(bench)
    sizes(bench)


def footprint_of_device(bench):
    library = DevbusLibrary()
    try:
        library.start_device("--keepalive", "60")
        time.sleep(bench.settle_s)
        pids = {path.stem: int(path.read_text()) for path in (library.folder / "bed" / "run").glob("*.pid")}
        pids.pop("cloud-broker")
        idle = idle_of(pids.values(), bench.idle_s)
        for name, pid in sorted(pids.items()):
            bench.table.add("footprint, a device", name, "idle", 0, **idle[pid])
        four = [idle[pid] for name, pid in pids.items() if name != "bridge"]
        bench.table.add("footprint, a device", "broker and four services", "idle", 0, **{key: sum(one[key] for one in four) for key in four[0]})
    finally:
        library.stop_device()


def sizes(bench):
    programs = sorted((BUILD / "services").glob("*/devbus-*"))
    for path in [BUILD / "libdevbus" / ".libs" / "libdevbus.so.0.0.0", *(real(path) for path in programs if path.suffix == "")]:
        stripped = bench.folder / path.name
        subprocess.run(["strip", "-o", stripped, path], check=True)
        bench.table.add("size", path.name, "stripped", 0, bytes=stripped.stat().st_size)


def real(path):
    """Not libtool's script that starts it."""
    hidden = path.parent / ".libs" / path.name
    return hidden if hidden.exists() else path
