# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A cloud that swallows everything, its name server too: nobody refuses anything, so that whoever waits, waits long. The bridge
lives in the broker's one thread, through which each message of the device goes; what it waits for must hold up nobody else."""
import contextlib
import threading
import time

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from fault_kit import device, how_many, measured, only_long, own_network, record, wait_until
from ports import free_port
from name_server import PORT as NAME_SERVICE
from name_server import NameServer
from provision_kit import make_certificate

NAME = "cloud.test"
SERVICES = ("config", "sensor", "firmware", "reboot", "bridge")
CALLS_PER_S = EVENTS_PER_S = 20
MACHINE_MS = how_many(250, 50)  # an answer may take this long because the machine does something else; who waits for a broker waits for seconds
REPLY = "service/cli/reply/latency"


class Calls:
    """Calls `config ping` all the time, each in its turn, whatever became of those before it."""

    def __init__(self, env):
        self.open, self._took, self._end, ready = {}, [], threading.Event(), threading.Event()
        self._client = mqtt.Client(protocol=mqtt.MQTTv5)
        self._client.username_pw_set(env["CALLER_USER"], env["CALLER_PASSWORD"])
        self._client.on_message = self._on_answer
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect(env["LOCAL_HOST"], int(env["LOCAL_PORT"]))
        self._client.subscribe(REPLY, 0)
        self._client.loop_start()
        assert ready.wait(10), "the local broker does not answer"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        began, count = time.monotonic(), 0
        while not self._end.wait(max(0, began + count / CALLS_PER_S - time.monotonic())):
            count += 1
            properties = Properties(PacketTypes.PUBLISH)
            properties.ResponseTopic, properties.CorrelationData = REPLY, str(count).encode()
            self.open[count] = time.monotonic()
            self._client.publish("service/config/call/ping", "{}", 0, properties=properties)

    def _on_answer(self, _client, _user, message):
        began = self.open.pop(int(message.properties.CorrelationData))
        self._took.append((began, 1000 * (time.monotonic() - began)))

    def figures(self, since, until):
        """In ms. A call counts where it began."""
        took = sorted(took for began, took in self._took if since <= began < until)
        assert len(took) > 0.8 * CALLS_PER_S * (until - since), "calls were not made, or not answered"
        return {name: round(took[int(part * (len(took) - 1))], 1) for name, part in (("p50_ms", 0.5), ("p99_ms", 0.99), ("max_ms", 1))}

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()


def set_address(conf, address, *more):
    lines = [f"address {address}" if line.startswith("address ") else line for line in conf.read_text().splitlines()]
    conf.write_text("\n".join([*lines, *more, ""]))


def cloud_is_at(it, host, *more):
    """From here on the bridge goes to @host by the link; with @more, that is TLS, by the tunnel."""
    etc = it.folder / "bed" / "etc"
    bridge, cloud, address = etc / "mosquitto.d" / "bridge.conf", etc / "cloud.conf", f"{host}:{it.link.port}"
    if more:
        tunnel = free_port()
        set_address(cloud, address, f"listener {tunnel} 127.0.0.1", "local_password of-the-test", *more)
        set_address(bridge, f"127.0.0.1:{tunnel}", "remote_username tunnel", "remote_password of-the-test")
        it.stop_service("bridge")
        it.restart_local_broker()
        it.start_service("bridge")  # online only when all of the way to the cloud is
    else:
        set_address(bridge, address)
        it.restart_local_broker()
    it.bridge_should_work_within(20)


def cloud_has_tls(it):
    """Returns what the bridge needs for it."""
    _, certificate, *_, key = make_certificate(it.folder, "cloud", f"DNS:{NAME}")
    it.link.target_port = it.add_cloud_listener(f"certfile {certificate}", f"keyfile {key}")
    return f"bridge_cafile {certificate}", "bridge_insecure false"


class AddressHole:
    """Every packet vanishes."""
    host, addresses = "127.0.0.1", ["127.0.0.1"]
    seconds = how_many(8, 30)

    def prepare(self, it):
        cloud_is_at(it, self.host)

    def open(self, it, network):
        network.drop(it.link.port)

    def close(self, it, network):
        network.restore()


class NameHole(AddressHole):
    """Its name server is there, too."""
    host = NAME
    seconds = how_many(8, 180)

    def open(self, it, network):
        it.link.cut()  # so that the bridge need not find out first
        network.drop(it.link.port, NAME_SERVICE)


class ManyHole(AddressHole):
    """One name, several addresses, all of them dead."""
    host = NAME
    addresses = [f"127.0.0.{last}" for last in range(1, 6)]


class SilentHole(AddressHole):
    """Takes connections, never answers."""
    host = NAME

    def open(self, it, network):
        it.link.swallow()

    def close(self, it, network):
        it.link.open_again()


class SilentTlsHole(SilentHole):
    """The same, in the middle of the TLS handshake."""
    seconds = how_many(8, 180)

    def prepare(self, it):
        cloud_is_at(it, self.host, *cloud_has_tls(it))


def status_of(it, name):
    """On a busy machine one question may come back without an answer."""
    return wait_until(f"the status of {name}", lambda: it.status_of(name).get(name))


def identities(it):
    """What is another one after a restart: of processes the pid, of services also the number of their connection."""
    names = [*SERVICES, "worker"]
    return {name: it.process_id(name) for name in [*names, "local-broker"]}, {name: status_of(it, name)["incarnation"] for name in names}


@contextlib.contextmanager
def running_device(hole):
    with own_network() as network:
        names = NameServer({NAME: hole.addresses})
        try:
            with device() as it:
                hole.prepare(it)
                yield it, network
        finally:
            names.end()


@pytest.mark.parametrize("hole", [NameHole] + [pytest.param(hole, marks=only_long) for hole in (
    SilentTlsHole, AddressHole, ManyHole, SilentHole)])
def test_black_hole_holds_up_nobody(hole):
    hole, normal_s = hole(), how_many(4, 30)
    total_s = hole.seconds + 2 * normal_s
    with running_device(hole) as (it, network), Calls(it.read_env()) as calls:
        it.publish_events(EVENTS_PER_S * total_s, f"rate={EVENTS_PER_S}")
        wait_until("an event", lambda: it.log().accepted)
        times, before = [time.monotonic()], identities(it)
        time.sleep(normal_s)
        times.append(time.monotonic())
        hole.open(it, network)
        wait_until("the watcher", lambda: status_of(it, "bridge")["state"] == "degraded", 20)
        time.sleep(max(0, times[1] + hole.seconds - time.monotonic()))
        times.append(time.monotonic())
        arrived = it.cloud.mark()
        hole.close(it, network)
        it.events_should_be_confirmed_within(60)
        times.append(time.monotonic())
        wait_until("the last answers", lambda: min(calls.open.values(), default=times[3]) >= times[3], 10)
        it.no_events_should_be_lost()
        assert it.cloud.mark() - arrived >= EVENTS_PER_S * (hole.seconds - 1)
        assert identities(it) == before
        before_hole, within, after_hole = (calls.figures(*span) for span in zip(times, times[1:]))
        for name, figures in (("before", before_hole), ("within", within), ("after", after_hole)):
            record(f"black-holed cloud: {type(hole).__name__}, {hole.seconds} s", name, figures)
        measured(f"ms, call, p99 in a black-holed cloud: {type(hole).__name__}", within["p99_ms"],
                 max(MACHINE_MS, 3 * before_hole["p99_ms"], 3 * after_hole["p99_ms"]))
