# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Calls and events: devbus beside those it is compared with, in turns."""
import contextlib
import subprocess
import time

from bench_kit import BROKER_CORE, BenchDevice, Program, before_others, cloud_broker, cpu_ns, end, is_built, place, wait_for
from bench_scale import talking

# ---- echo: one caller on the clients' core, one server beside it, and on the other core what is between them


@contextlib.contextmanager
def dbus_daemon(folder, turn):
    """Its address."""
    conf, socket = folder / "bus.conf", folder / f"bus-{turn}"
    conf.write_text(f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
""")
    daemon = subprocess.Popen(["dbus-daemon", f"--config-file={conf}", "--nofork", "--nopidfile"], stderr=subprocess.DEVNULL)
    place(daemon.pid, BROKER_CORE)
    try:
        wait_for("the bus of D-Bus", socket.exists)
        yield f"unix:path={socket}"
    finally:
        end(daemon)


@contextlib.contextmanager
def floor_hub(folder, turn):
    path = folder / f"hub-{turn}"
    with Program("bench-floor", "hub", BROKER_CORE, at=path):
        yield path


def echo_floor(bench, turn, count):
    with floor_hub(bench.folder, turn) as path, Program("bench-floor", "server", at=path), \
            Program("bench-floor", "caller", at=path, count=count) as caller:
        return caller.figures()


def echo_sdbus(bench, turn, count):
    with dbus_daemon(bench.folder, turn) as address, Program("bench-sdbus", "server", at=address), \
            Program("bench-sdbus", "caller", at=address, count=count) as caller:
        return caller.figures()


def echo_mqtt(name, qos=0, unix=False):
    def run(bench, _turn, count):
        device, more = bench.device, {"at": bench.device.socket} if unix else {}
        with Program(name, "server", qos=qos, peer="bench-b", **more, **device.as_user("bench-a")), \
                Program(name, "caller", qos=qos, peer="bench-a", count=count, **more, **device.as_user("bench-b")) as caller:
            return caller.figures()
    return run


def echo_devbus(bench, _turn, count):
    device = bench.device
    with device.devbus("bench-a", "server"), device.devbus("bench-b", "caller", peer="bench-a", count=count) as caller:
        return caller.figures()


# name, program that it needs, function
ECHOES = [
    ("four hops, Unix sockets", "bench-floor", echo_floor),
    ("libmosquitto, TCP", "bench-mosquitto", echo_mqtt("bench-mosquitto")),
    ("libmosquitto, Unix socket", "bench-mosquitto", echo_mqtt("bench-mosquitto", unix=True)),
    ("MQTTClient", "bench-paho", echo_mqtt("bench-paho")),
    ("MQTTClient, QoS 1", "bench-paho", echo_mqtt("bench-paho", qos=1)),
    ("MQTTAsync", "bench-async", echo_mqtt("bench-async")),
    ("sd-bus, dbus-daemon", "bench-sdbus", echo_sdbus),
    ("devbus_call", "bench-devbus", echo_devbus),
]


def echo(bench):
    """100 bytes to another process and back."""
    for turn in range(bench.rounds):
        for name, program, run in ECHOES:
            if is_built(program):
                with before_others(bench.device.process.pid):
                    bench.table.add("echo", name, "", turn, **run(bench, turn, bench.echoes))
            elif turn == 0:
                bench.say(f"left out: {name} (its library is not installed)")


def echo_beside(bench, case, counts, interval_ms):
    for turn in range(bench.rounds):
        for count in counts:
            with talking(bench, count, interval_ms):
                with before_others(bench.device.process.pid):
                    bench.table.add(case, "devbus_call", count, turn, **echo_devbus(bench, turn, bench.echoes // 2))


def chatter(bench):
    """The same while others talk: each of them 10 events of 100 bytes in a second, heard by one other."""
    echo_beside(bench, "chatter", bench.chatters, 100)


def crowd(bench):
    """The same while others are connected and silent."""
    echo_beside(bench, "crowd", bench.crowds, None)


# ---- events

EVENTS = [  # contender, kind, program, QoS, options of a publisher
    ("libmosquitto", "QoS 0", "bench-mosquitto", 0, {}),
    ("MQTTClient", "QoS 0", "bench-paho", 0, {}),
    ("devbus", "QoS 0", "bench-devbus", 0, {"kind": "volatile"}),
    ("libmosquitto", "QoS 1", "bench-mosquitto", 1, {}),
    ("MQTTClient", "QoS 1", "bench-paho", 1, {}),
    ("devbus", "QoS 1", "bench-devbus", 1, {"kind": "reliable"}),
]


def events(bench):
    """As fast as one publisher can: alone, and with a subscriber of the same library. The broker's acknowledgement of the last one ends the time."""
    device = bench.device
    for turn in range(bench.rounds):
        for contender, kind, program, qos, options in EVENTS:
            if is_built(program):
                bench.table.add("events", contender, kind, turn, **one_publisher(device, program, qos, bench.events, options))
                bench.table.add("events received", contender, kind, turn, **one_subscriber(device, program, qos, bench.events // 2, options))


def client(device, program, name, role, **options):
    if program == "bench-devbus":
        return device.devbus(name, role, **options)
    return Program(program, role, **{key: value for key, value in options.items() if key != "kind"}, **device.as_user(name))


def one_publisher(device, program, qos, count, options):
    with client(device, program, "bench-b", "publisher", peer="bench-a", qos=qos, count=count, **options) as publisher:
        broker_ns = cpu_ns(device.process.pid)
        figures = publisher.figures()
        return {**figures, "broker_us": (cpu_ns(device.process.pid) - broker_ns) / 1000 / count}


def one_subscriber(device, program, qos, count, options):
    with client(device, program, "bench-a", "subscriber", peer="bench-b", qos=qos, count=count + 1) as subscriber:
        with client(device, program, "bench-b", "publisher", peer="bench-a", qos=qos, count=count, **options) as publisher:
            publisher.figures()
        return subscriber.figures(10)


def durable(bench):
    """On disk: one at a time beside the disk's own append and fdatasync, in batches, and until the far end of the bridge has confirmed."""
    folder = bench.folder / "durable"
    with cloud_broker(folder / "cloud") as cloud, BenchDevice(folder, cloud=cloud) as device:
        device.wait_for_bridge()
        state = device.output / "state"
        for turn in range(bench.rounds):
            ways = [("disk", "write and fdatasync", bench.writes, None), ("devbus", "one at a time", bench.writes, {"kind": "durable"}),
                    ("devbus", "batches of 100", bench.events // 4, {"kind": "durable", "batch": 100}),
                    ("devbus", "batches of 100, confirmed", bench.events // 4, {"kind": "confirmed", "batch": 100})]
            for contender, way, count, options in ways:
                began = time.monotonic()
                if options is None:
                    with Program("bench-disk", "publisher", at=state, count=count) as program:
                        figures = program.figures()
                else:
                    with device.devbus("bench-b", "publisher", peer="bench-a", count=count, **options) as program:
                        figures = program.figures()
                bench.table.add("durable", contender, way, turn, **figures, took_s=time.monotonic() - began)
