# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Brokers that clouds are made of, each as an ordinary process in a folder of its own, with TLS and a password (or a certificate)
for each client; and a whole device with a generated bridge to one of them. Ports are free ones of loopback; what was started
ends with its `with` block, or with this process if that is killed."""
import contextlib
import getpass
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import paho.mqtt.client as mqtt

TESTS = Path(__file__).resolve().parents[1]
for part in ("integration", "system", "faults"):
    if str(TESTS / part) not in sys.path:
        sys.path.insert(0, str(TESTS / part))

from accounting import Arrival, Balance, Commands, Log  # noqa: E402
from cloud import Cloud  # noqa: E402
from device_kit import _DIE_WITH_PARENT, BUILD, SLOWER, Device, Probe, end, wait_for  # noqa: E402
from link import Link  # noqa: E402
from ports import free_port  # noqa: E402
from provision_kit import SOURCE, openssl  # noqa: E402

DEVICE, APPLICATION, PASSWORD = "thing-7", "application", "correct-horse"
PREFIX = f"devices/{DEVICE}"
START_S = 120 * SLOWER  # an Erlang machine that gets a quarter of a core takes a minute


class Authority:
    """Certificates for loopback: files NAME.pem and NAME.key beside ca.pem."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        openssl(self.folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", "/CN=authority",
                "-keyout", "ca.key", "-out", "ca.pem")
        for name in ("server", DEVICE, APPLICATION):
            self._issue(name)

    def _issue(self, name):
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl(self.folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "csr")
        openssl(self.folder, "x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", 2,
                "-extfile", "names", "-out", f"{name}.pem")

    def __truediv__(self, name):
        return self.folder / name


class CloudBroker:
    """One broker; a class for each kind says what to write into its folder, how to start it and what it cannot do."""
    profile = "generic"  # --cloud-kind
    mutual = False  # a client is known by its certificate, not by a password
    keeps_order = True  # what it held when it went down comes in its place
    remembers = True  # what it has confirmed it still delivers when it was killed and started again
    session = ""  # of the application: without one it hears only while it is connected

    def __init__(self, folder, authority=None):
        self.folder, self.process = Path(folder), None
        self.folder.mkdir(parents=True)
        self.authority = authority or Authority(self.folder / "authority")
        self.port = free_port()
        self.log_file = self.folder / "broker.log"
        self.password_file = self.folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.configure()

    @classmethod
    def missing(cls):
        """What is not installed, as a word for a skip; None if it can be run."""
        return None

    def configure(self):
        """Writes what the broker reads."""

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def user(self, name):
        """How the broker calls that client."""
        return name

    # --- as the device and the application see it

    def provision_options(self):
        options = ["--cloud-kind", self.profile, "--cloud-cafile", self.authority / "ca.pem"]
        if self.mutual:
            return [*options, "--cloud-certfile", self.authority / f"{DEVICE}.pem", "--cloud-keyfile", self.authority / f"{DEVICE}.key"]
        return [*options, "--cloud-user", self.user(DEVICE), "--cloud-password-file", self.password_file]

    def log_in(self, client):
        """Makes a client of Paho ready for this broker, as the application."""
        certificate = {"certfile": self.authority / f"{APPLICATION}.pem", "keyfile": self.authority / f"{APPLICATION}.key"}
        client.tls_set(self.authority / "ca.pem", **(certificate if self.mutual else {}))
        if not self.mutual:
            client.username_pw_set(self.user(APPLICATION), PASSWORD)

    # --- as a process

    def start(self):
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen([*_DIE_WITH_PARENT, *map(str, self.command())], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.folder, env={**os.environ, **self.environment()})
        wait_for(f"{type(self).__name__} open: see {self.log_file}", self.is_open, START_S)

    def is_open(self):
        """Lets the application in: RabbitMQ's port is open up to 12 s before."""
        assert self.process.poll() is None, self.log()
        client, answers = mqtt.Client(client_id="opening", protocol=mqtt.MQTTv311), []
        self.log_in(client)
        client.on_connect = lambda *words: answers.append(words[3])
        with contextlib.suppress(OSError):
            client.connect("127.0.0.1", self.port, keepalive=5)
            while not answers and client.loop(1) == mqtt.MQTT_ERR_SUCCESS:
                pass
            client.disconnect()
        return answers == [0]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(START_S)
            end(self.process)
        self.process = None

    def kill(self):
        end(self.process)
        self.process = None

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


class Mosquitto(CloudBroker):
    profile = "mosquitto"

    def configure(self):
        who = "require_certificate true\nuse_identity_as_username true\n"
        if not self.mutual:
            who = f"password_file {self.folder}/users\n"
            for name in (DEVICE, APPLICATION):
                subprocess.run(["mosquitto_passwd", "-b", *([] if name == APPLICATION else ["-c"]), self.folder / "users", name, PASSWORD],
                               check=True, capture_output=True)
        (self.folder / "mosquitto.conf").write_text(
            f"user {getpass.getuser()}\nlistener {self.port} 127.0.0.1\nallow_anonymous false\n{who}"
            f"cafile {self.authority / 'ca.pem'}\ncertfile {self.authority / 'server.pem'}\nkeyfile {self.authority / 'server.key'}\n"
            f"persistence true\npersistence_location {self.folder}/\nset_tcp_nodelay true\nmax_queued_messages 10000\n"
            f"acl_file {self.folder}/acl\n")
        # One device reaches its own topics only.
        (self.folder / "acl").write_text(f"user {APPLICATION}\ntopic readwrite devices/#\npattern readwrite devices/%u/#\n")

    def command(self):
        return ["mosquitto", "-c", self.folder / "mosquitto.conf"]


class MutualMosquitto(Mosquitto):
    mutual = True


class Acknowledging(Cloud):
    """An application that says to the device what it has got (protocol 6.5): a few times a second, of each stream the last number
    before the first gap."""
    EVERY_S = 0.2

    def __init__(self, *words):
        super().__init__(*words)
        self._got, self._told, self._read = {}, {}, 0
        self._over = threading.Event()

    def connect(self):
        super().connect()
        self._told.clear()
        self._over.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def disconnect(self):
        if self._client:
            self._over.set()
            self._thread.join(10)
        super().disconnect()

    def _run(self):
        while not self._over.wait(self.EVERY_S):
            for message in self.find(lambda m: True, self._read):
                self._read += 1
                event = message.event()
                if "stream" in event and "seq" in event:
                    self._take((message.topic.split("/")[2], event["stream"]), event["seq"])
            for key, (last, _) in self._got.items():
                if self._told.get(key) != last:
                    self._told[key] = last
                    self._client.publish(f"{self.prefix}/command/{key[0]}/ack", json.dumps({"stream": key[1], "seq": last}), 1)

    def _take(self, key, seq):
        last, ahead = self._got.get(key, (0, set()))
        if seq <= last:
            self._told.pop(key, None)  # the device does not know: it has not got what it was told
            return
        ahead.add(seq)
        while last + 1 in ahead:
            last += 1
            ahead.remove(last)
        self._got[key] = last, ahead


# --- a device -------------------------------------------------------------------------------------------------------

class Program(Probe):
    """A service of @device that is another program than `probe`."""

    def __init__(self, device, name, program, *words, **environment):
        super().__init__(device, name, **environment)
        self.command = [BUILD / program, *map(str, words)]


class BridgedDevice:
    """A device with its own broker, its watcher, the services `config` and `worker`, and a bridge to @broker as devbus-provision
    generates it, through a link that can be closed; beside it the application at the cloud, which keeps all it hears; in a cluster
    it may be at another node than the device, @listens_at. Durable events are confirmed by what @confirm says: echo or ack."""

    def __init__(self, folder, broker, *options, listens_at=None, confirm="echo"):
        self.folder, self.broker, self.options = Path(folder), broker, [*options, "--set", f"confirm={confirm}", "--set", "confirm_after_s=5"]
        self.device = self.link = self.worker = None
        self._link_port = free_port()
        self.listens_at = listens_at = listens_at or broker
        self.cloud = (Acknowledging if confirm == "ack" else Cloud)(listens_at.port, PREFIX, listens_at.log_in, listens_at.session)
        self._stack = contextlib.ExitStack()
        self._numbers = 0

    def __enter__(self):
        with self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def _start(self):
        self.open_link()
        self._stack.callback(lambda: self.link.end())
        self.device = self._stack.enter_context(self._provision())
        self.cloud.connect()
        self._stack.callback(self.cloud.disconnect)
        self._stack.enter_context(Program(self.device, "config", "services/config/devbus-config"))
        self._stack.enter_context(Program(self.device, "bridge", "services/bridge/devbus-bridge", DEVBUS_BRIDGE_HEARTBEAT_S="1",
                                          DEVBUS_BRIDGE_GRACE_S="1"))
        self.start_worker()
        self._stack.callback(lambda: self.worker.kill())
        with self.device.caller("monitor") as monitor:
            monitor.listen("service/+/status")
            for name in ("config", "worker", "bridge"):
                monitor.wait_for_status("online", name, 30 * SLOWER)

    def _provision(self):
        manifests = self.folder / "manifests"
        manifests.mkdir(parents=True)
        (manifests / "worker.acl").write_text("")
        options = ["--services-dir", manifests]
        for name in ("config", "bridge"):
            options += ["--services-dir", SOURCE / "services" / name]
        return Device(self.folder / "device", *options, "--device-id", DEVICE, "--cloud-prefix", "devices/%d", "--check",
                      *self.broker.provision_options(), *self.options, cloud=self.link)

    def __exit__(self, failure, *_):
        if failure:
            for place in {self.broker: 1, self.listens_at: 1, self.device: 1, self.worker: 1}:
                print("---", *place.log().splitlines()[-15:], sep="\n", file=sys.stderr)
        self._stack.close()

    # --- commands

    def command(self, service, command, identity, **args):
        self.cloud.publish(f"command/{service}/{command}", {"id": identity, "args": args})

    def final(self, service, command, identity, timeout_s=20 * SLOWER):
        """The final event of that command."""
        final = self.cloud.wait_for(lambda m: m.topic == f"cloud/event/{service}/{command}" and m.event().get("id") == identity and
                                    m.event().get("state") in ("succeeded", "failed", "rejected"), timeout_s)
        assert final, f"{identity} has no final event after {timeout_s} s"
        return final.event()

    def faults_of_commands(self, identities):
        return Commands(arrival.event for arrival in self._arrivals()).faults(identities, self._log())

    # --- events

    def start_worker(self, *options):
        """With count=N it goes on with its numbers up to N."""
        if self.worker:
            self.worker.stop()
        self.worker = Program(self.device, "worker", "tests/faults/worker", "worker", self.folder / "worker.numbers", *options).start()

    def publish_events(self, count, *options):
        """@count more, in the background."""
        self._numbers += count
        self._confirmed_before = self._log().confirmations
        self.start_worker(f"count={self._numbers}", *options)

    def wait_for_tried(self, left):
        """Until only @left of the numbers are still to be published."""
        goal = self._numbers - left
        wait_for(f"{goal} numbers", lambda: len(self._log().tried) >= goal, 30 * SLOWER)

    def wait_for_confirmation(self, timeout_s=60 * SLOWER):
        """Nothing waits in the outbox: each event was seen beyond the bridge."""
        wait_for("the confirmation of all events", lambda: self._log().confirmations > self._confirmed_before, timeout_s)

    def balance(self):
        self.cloud.catch_up()
        return Balance(self._log(), self._arrivals())

    def _arrivals(self):
        return [Arrival(m.event(), m.topic, m.at) for m in self.cloud.find(lambda m: m.topic.startswith("cloud/event/worker/"))]

    def _log(self):
        path = self.folder / "worker.numbers"
        return Log(path.read_text() if path.exists() else "")

    # --- what happens to the cloud

    def restart_cloud(self, how="kill"):
        """The application listens before the device is let through: else it could not know what it missed."""
        getattr(self.broker, how)()
        self.link.end()
        self.cloud.end()
        self.broker.start()
        self.cloud.connect()
        self.open_link()

    def open_link(self):
        """One that has ended refuses connections, as the port of a broker that is down does."""
        self.link = Link(self.broker.port, self._link_port)
