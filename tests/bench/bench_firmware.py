# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""How fast the firmware service downloads, and in how much memory: 1 GiB over loopback, in turns with the program curl that writes to the same
disk. Both times end when the file is on disk (curl's with `sync FILE`, since the service never trusts less), and once more with a
memory disk, where only the programs count. Prints figures; asserts nothing. Run it by `make bench-firmware`."""
import hashlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))
from firmware_kit import FirmwareDevice  # noqa: E402

SIZE = int(os.environ.get("BENCH_BYTES", 1 << 30))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 5))


def serve(path):
    """Sends the file to whoever connects, by sendfile(2): the server should not be what is measured."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(link):
        with link, path.open("rb") as file:
            link.recv(65536)
            link.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\nETag: \"bench\"\r\nConnection: close\r\n\r\n".encode())
            try:
                link.sendfile(file)
            except OSError:
                pass

    def accept():
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/image"


def time_curl(url, folder):
    target = folder / "curl.out"
    began = time.monotonic()
    subprocess.run(["curl", "-sS", "-o", target, url], check=True)
    fetched = time.monotonic()
    subprocess.run(["sync", target], check=True)
    done = time.monotonic()
    target.unlink()
    return fetched - began, done - began


def moment(event):
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def time_service(device, args):
    """From the state downloading to the state verifying. The image is not signed, so that is where it ends."""
    identity = device.update(args)
    device.command_should_end_within(300, "firmware", "update", identity, "failed", "signature")
    first = {}
    for message in device.cloud.find(lambda m: m.event().get("id") == identity and "step" in m.event()):
        first.setdefault(message.event()["step"], moment(message.event()))
    return first["verifying"] - first["downloading"]


def process(device):
    return Path(f"/proc/{int((device.bed / 'run' / 'firmware.pid').read_text())}")


def cpu_s(device):
    fields = (process(device) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime, proc(5)


def curl_cpu_s():
    times = os.times()
    return times.children_user + times.children_system


def memory_kib(device):
    status = (process(device) / "status").read_text()
    return {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith(("VmRSS", "VmHWM"))}


def compare(device, args, folder, name):
    device.configure(download_dir=folder / "download")
    idle = memory_kib(device)["VmRSS"]
    curls, plain, ours, cpu_curl, cpu_ours = [], [], [], 0, cpu_s(device)
    for _ in range(ROUNDS):
        began = curl_cpu_s()
        fetched, synced = time_curl(args["url"], folder)
        cpu_curl += curl_cpu_s() - began
        plain.append(fetched)
        curls.append(synced)
        ours.append(time_service(device, args))
    cpu_ours = cpu_s(device) - cpu_ours
    more = memory_kib(device)["VmHWM"] - idle
    mib = SIZE / (1 << 20)
    ratio = statistics.median(curls) / statistics.median(ours)
    print(f"{name}: {mib:.0f} MiB, {ROUNDS} rounds in turns, medians")
    print(f"  curl             {mib / statistics.median(curls):7.0f} MiB/s on disk  ({mib / statistics.median(plain):.0f} without sync)"
          f"  {[round(t, 2) for t in curls]} s")
    print(f"  devbus-firmware  {mib / statistics.median(ours):7.0f} MiB/s, hashed and on disk  {[round(t, 2) for t in ours]} s")
    print(f"  CPU per download: curl and sync {cpu_curl / ROUNDS:.2f} s, devbus-firmware {cpu_ours / ROUNDS:.2f} s")
    print(f"  ratio {ratio:.2f} (wanted: at least 0.9), {more} KiB more than idle at the peak (wanted: below 10240)", flush=True)


def main():
    base = Path(tempfile.mkdtemp(prefix="devbus-bench."))
    memory = Path(tempfile.mkdtemp(prefix="devbus-bench.", dir="/dev/shm"))
    device = FirmwareDevice()
    try:
        source = base / "source"
        with source.open("wb") as file:
            for _ in range(SIZE >> 20):
                file.write(os.urandom(1 << 20))
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read())
        args = {"url": serve(source), "sha256": digest.hexdigest(), "version": "999.0"}
        device.start()
        compare(device, args, base, "disk")
        if shutil.disk_usage(memory).free > SIZE * 2:
            compare(device, args, memory, "memory disk")
        else:
            print("memory disk: /dev/shm is too small, left out")
    finally:
        device.stop()
        shutil.rmtree(base)
        shutil.rmtree(memory)


main()
