# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Brokers, provisioned devices and clients for the tests of devbus-provision. Everything here waits for a condition
with a limit and cleans up after itself; ports are whatever loopback has free."""
import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ports import free_port

SOURCE = Path(__file__).resolve().parents[2]
PROGRAM = SOURCE / "etc" / "devbus-provision"
BUILD = Path(os.environ.get("builddir", SOURCE))
PLUGIN = BUILD.resolve() / "etc" / "mosquitto-plugin" / ".libs" / "devbus-admission.so"  # where it was built
PATIENCE_S = 30  # for what takes no time at all, on a machine that has other things to do
LISTENER = re.compile(r"^listener (\d+) 127\.0\.0\.1", re.MULTILINE)


def wait_until(condition, timeout_s=PATIENCE_S):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.01)


@contextlib.contextmanager
def open_folder():
    """A folder that other users may enter. Not one of pytest's: each pytest that starts closes the folder above those of all others."""
    folder = Path(tempfile.mkdtemp(prefix="devbus-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def has_address(name):
    """A machine as bare as a fresh chroot has no /etc/hosts, and so no localhost."""
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False


def openssl(folder, *words):
    subprocess.run(["openssl", *map(str, words)], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run_provision(*options, shell=("sh",), **more):
    command = [*shell, str(PROGRAM), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, errors="surrogateescape", **more)


def fake_program(folder, name, text):
    """The shell program @text in place of @name, for whoever runs with the environment that is returned."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n" + text)
    (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def make_certificate(folder, name, host=None):
    """A certificate that is its own authority, for @host ("DNS:..." or "IP:..."), and the options that use it."""
    hosts = ["-addext", f"subjectAltName={host}"] if host else []
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", *hosts], check=True, capture_output=True)
    return ["--cloud-cafile", folder / f"{name}.pem", "--cloud-certfile", folder / f"{name}.pem",
            "--cloud-keyfile", folder / f"{name}.key"]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def terminate(process, timeout_s=PATIENCE_S):
    """Asks more than once: Mosquitto forgets a SIGTERM that comes between its first open port and its main loop."""
    end = time.monotonic() + timeout_s
    while True:
        process.terminate()
        try:
            return process.wait(0.5)
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                raise


class Broker:
    """Mosquitto with the configuration file @conf; with @text that is written first, {port} in it being @port."""

    def __init__(self, conf, port, text=None):
        self.conf, self.port, self.process = Path(conf), port, None
        self.log_file = self.conf.with_suffix(".log")
        if text:
            self.conf.write_text(text.format(port=port))

    def start(self):
        with self.log_file.open("a") as log:
            self.process = subprocess.Popen(["mosquitto", "-c", self.conf], stdout=log, stderr=log)
        wait_until(self.is_open)

    def is_open(self):
        """At all its ports: it opens one after the other."""
        assert self.process.poll() is None, self.log()
        return all(map(listens, {self.port, *map(int, LISTENER.findall(self.conf.read_text()))}))

    def stop(self):
        if self.process:
            terminate(self.process)
            self.process = None

    def restart(self):
        self.stop()
        self.start()

    def log(self):
        return self.log_file.read_text(errors="replace")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


def plain_broker(folder):
    """A stand-in for the cloud: on loopback, open to all, with a memory."""
    folder.mkdir()
    return Broker(folder / "cloud.conf", free_port(), f"user {getpass.getuser()}\nlistener {{port}} 127.0.0.1\n"
                  f"allow_anonymous true\npersistence true\npersistence_location {folder}/\nmax_queued_messages 10000\n")


class Device(Broker):
    """What devbus-provision writes into @output, and the broker that runs with it."""

    def __init__(self, output, *options, cloud=None, host="127.0.0.1", user=getpass.getuser()):
        self.output, self.caller_port, port = Path(output), free_port(), free_port()
        self.options = ["--output", output, "--port", port, "--caller-port", self.caller_port, "--tunnel-port", free_port(),
                        "--restart-timeout", "1 2",
                        "--cloud", f"{host}:{cloud.port if cloud else free_port()}", *options]
        if user:
            self.options += ["--user-of-broker", user]
        if user and PLUGIN.exists():  # another user may not be able to enter the build tree
            self.options += ["--broker-plugin", PLUGIN]
        done = run_provision(*self.options)
        assert done.returncode == 0, done.stderr
        super().__init__(self.output / "mosquitto.conf", port)

    def password(self, user):
        return (self.output / "secrets" / user).read_text().strip()

    def client(self, user, **options):
        port = self.caller_port if user in ("cli", "monitor") else self.port
        return Client(port, user, self.password(user), **options)

    def wait_for_bridge(self):
        with self.client("monitor") as monitor:
            monitor.listen("service/bridge/raw")
            wait_until(lambda: ("service/bridge/raw", "1") in monitor.received)


class _Paho(mqtt.Client):
    """Paho drops the reason code of a PUBACK; it is what these tests are about."""

    def __init__(self, *words, **options):
        super().__init__(*words, **options)
        self.reasons = {}

    def _handle_pubackcomp(self, cmd):
        packet = self._in_packet["packet"]
        self.reasons[int.from_bytes(packet[:2], "big")] = packet[2] if len(packet) > 2 else 0
        return super()._handle_pubackcomp(cmd)


class Client:
    """One MQTT 5 connection, never made again when it is lost. Without @clean the broker keeps its session."""

    def __init__(self, port, user=None, password=None, client_id="", clean=True):
        self.received, self.lost, self.reason = [], False, None
        self._subscribed = set()
        self._paho = _Paho(client_id=client_id, protocol=mqtt.MQTTv5)
        if user:
            self._paho.username_pw_set(user, password)
        self._paho.on_connect = self._on_connect
        self._paho.on_disconnect = self._on_disconnect
        self._paho.on_subscribe = lambda _c, _u, mid, *_: self._subscribed.add(mid)
        self._paho.on_message = lambda _c, _u, message: self.received.append((message.topic, message.payload.decode()))
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0 if clean else 0xFFFFFFFF
        self._paho.connect("127.0.0.1", port, clean_start=clean, properties=properties)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        wait_until(lambda: self.reason is not None)

    def _run(self):
        while not self._stop.is_set() and self._paho.loop(0.05) == mqtt.MQTT_ERR_SUCCESS:
            pass

    def _on_connect(self, _client, _user, _flags, reason, _properties):
        self.reason = reason.value

    def _on_disconnect(self, *_):
        self.lost = True

    def listen(self, topic_filter):
        _, mid = self._paho.subscribe(topic_filter, 1)
        wait_until(lambda: mid in self._subscribed)

    def publish(self, topic, payload):
        return self._paho.publish(topic, payload, 1).mid

    def send(self, topic, payload):
        """Publishes at QoS 1 and returns the broker's reason code."""
        mid = self.publish(topic, payload)
        wait_until(lambda: mid in self._paho.reasons)
        return self._paho.reasons.pop(mid)

    def send_all(self, topic, payloads):
        mids = [self.publish(topic, payload) for payload in payloads]
        wait_until(lambda: all(mid in self._paho.reasons for mid in mids))

    def close(self):
        self._paho.disconnect()
        self._stop.set()
        self._thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
