# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A whole device for the tests of libdevbus: its provisioned broker, services (the program `probe`), callers, and the
faults that happen to them. What is waited for has a limit and a name; what is started ends with its `with` block,
frozen or not, and with this process if that is killed."""
import getpass
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ports import free_port
from provision_kit import BUILD, PATIENCE_S, Broker, Client, Device as ProvisionedDevice, terminate, wait_until

PROBE = BUILD / "tests" / "integration" / "probe"
LONG = os.environ.get("DEVBUS_LONG") == "1"
SANITIZED = "-fsanitize" in os.environ.get("DEVBUS_CFLAGS", "")
SLOWER = 4 if SANITIZED else 1  # how much longer a time may be when the program carries a sanitizer
# By a program, since a function in the child of a process with threads (preexec_fn) may wait for a lock for ever.
_DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def wait_for(what, condition, timeout_s=PATIENCE_S):
    """The first true value of @condition."""
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end, f"after {timeout_s} s still not: {what}"
        time.sleep(0.005)
    return value


def end(process):
    """Ends it, whatever state it is in."""
    if process.poll() is None:
        process.kill()
    process.wait(10)


class Steady(Broker):
    """A broker that can be killed and frozen, and that leaves nothing behind whatever happened to it."""

    def start(self):
        with self.log_file.open("a") as log:
            self.process = subprocess.Popen([*_DIE_WITH_PARENT, "mosquitto", "-c", self.conf], stdout=log, stderr=log)
        wait_until(self.is_open)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.thaw()
            try:
                terminate(self.process)
            finally:
                end(self.process)
        self.process = None

    def kill(self):
        end(self.process)
        self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self


def cloud_broker(folder):
    """A stand-in for the cloud: on loopback, open to all, with a memory."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    return Steady(folder / "cloud.conf", free_port(), f"user {getpass.getuser()}\nlistener {{port}} 127.0.0.1\nallow_anonymous true\n"
                  f"persistence true\npersistence_location {folder}/\nset_tcp_nodelay true\nmax_queued_messages 10000\n")


class Device(Steady, ProvisionedDevice):
    """A device of which the services `probe` and `other` and the all-powerful `tester` are the users beside `cli`."""

    def __init__(self, folder, *options, settings=(), **more):
        self.folder = Path(folder)
        services = self.folder / "services"
        services.mkdir(parents=True)
        (services / "probe.acl").write_text("call other +\ncall nobody +\ncall config ping\nread service/probe/event/+\nread service/other/state/+\n"
                                            "read service/other/status\n")
        (services / "other.acl").write_text("call probe +\nread service/probe/state/+\n")
        (services / "tester.acl").write_text("write service/#\nwrite cloud/#\nread service/#\nread cloud/#\n")
        chosen = {"clock_sync": "always", "reconnect_max_ms": "2000", **dict(setting.split("=") for setting in settings)}
        chosen = [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]
        super().__init__(self.folder / "etc", "--services-dir", services, *chosen, *options, **more)

    def caller(self, user="cli", **options):
        port = self.caller_port if user in ("cli", "monitor") else self.port
        return Caller(port, user, self.password(user), **options)


class Probe:
    """The program `probe` as service @name of @device."""

    def __init__(self, device, name="probe", mode="run", **environment):
        self.device, self.name, self.process = device, name, None
        self.command = [PROBE, name, mode]
        self.log_file = device.folder / f"{name}.log"
        self.environment = {"DEVBUS_CONFIG_DIR": str(device.output), **environment}

    def start(self):
        assert PROBE.exists(), f"{PROBE} is not built"
        with self.log_file.open("a") as log:
            self.process = subprocess.Popen([*_DIE_WITH_PARENT, *self.command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **self.environment})
        return self

    def alive(self):
        return self.process.poll() is None

    def stop(self, timeout_s=PATIENCE_S):
        """SIGTERM. Returns the exit status."""
        self.process.terminate()
        return self.process.wait(timeout_s)

    def kill(self):
        end(self.process)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def run(self, timeout_s=PATIENCE_S):
        """To its own end. Returns exit status and log."""
        self.start()
        try:
            return self.process.wait(timeout_s), self.log()
        finally:
            self.kill()

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def state_dir(self):
        return self.device.output / "state" / self.name

    def __enter__(self):
        return self.start()

    def __exit__(self, failure, *_):
        self.kill()
        if failure:
            print(f"--- {self.name}, exit status {self.process.returncode}\n{self.log()}", file=sys.stderr)


class Message:
    def __init__(self, message):
        self.topic, self.payload, self.retain = message.topic, message.payload, message.retain
        self.at = time.monotonic()
        properties = getattr(message, "properties", None)
        self.correlation = getattr(properties, "CorrelationData", None)
        self.reply_topic = getattr(properties, "ResponseTopic", None)

    def json(self):
        return json.loads(self.payload)


class Caller(Client):
    """A client that keeps all it receives, and can call. Its connection is not made again."""

    def __init__(self, port, user=None, password=None, **options):
        self.messages, self.user, self._calls = [], user or "anybody", 0
        self._lock = threading.Lock()
        super().__init__(port, user, password, **options)
        self._paho.on_message = self._on_message
        self._paho.max_inflight_messages_set(0)
        self._reply = f"service/{self.user}/reply/{os.getpid()}-{random.getrandbits(32):x}"
        self._replies = False

    def _on_message(self, _client, _user, message):
        with self._lock:
            self.messages.append(Message(message))

    def close(self):
        """Its thread first: Paho closes the socket under the hands of whoever reads."""
        self._stop.set()
        self._thread.join(5)
        self._paho.disconnect()

    def got(self, topic_filter="#", since=0):
        with self._lock:
            return [message for message in self.messages[since:] if mqtt.topic_matches_sub(topic_filter, message.topic)]

    def retained(self, topic, timeout_s=PATIENCE_S):
        """What a late-comer is told on @topic."""
        already = len(self.messages)
        self.listen(topic)
        return wait_for(f"a retained {topic}", lambda: [m for m in self.got(topic, already) if m.retain], timeout_s)[-1].json()

    # --- calls

    def send_call(self, service, method, payload=b"{}", reply=None, correlation=None, retain=False):
        """Asks and does not wait. Returns the correlation data."""
        if not self._replies:
            self.listen(self._reply)
            self._replies = True
        self._calls += 1
        correlation = str(self._calls).encode() if correlation is None else correlation
        properties = Properties(PacketTypes.PUBLISH)
        if reply != "":
            properties.ResponseTopic = reply or self._reply
        properties.CorrelationData = correlation
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        self._paho.publish(f"service/{service}/call/{method}", payload, 0, retain, properties)
        return correlation

    def send_reply(self, topic, correlation, payload):
        """An answer to somebody else's call."""
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = correlation
        self._paho.publish(topic, payload, 0, properties=properties)

    def reply(self, correlation):
        found = [message for message in self.got(self._reply) if message.correlation == correlation]
        assert len(found) < 2, "two answers to one call"
        return found[0].json() if found else None

    def ask(self, service, method, payload=b"{}", timeout_s=PATIENCE_S, **more):
        """The whole answer."""
        correlation = self.send_call(service, method, payload, **more)
        return wait_for(f"an answer of {service} to {method}", lambda: self.reply(correlation), timeout_s)

    def call(self, service, method, /, **args):
        answer = self.ask(service, method, args)
        assert "result" in answer, answer
        return answer["result"]

    def error(self, service, method, payload=b"{}", **more):
        answer = self.ask(service, method, payload, **more)
        assert set(answer) == {"error"} and answer["error"]["message"], answer
        return answer["error"]["code"]

    # --- the status of services

    def status(self, name="probe"):
        """The newest one that this client has heard."""
        heard = self.got(f"service/{name}/status")
        return heard[-1].json() if heard else {}

    def statuses(self, name="probe", since=0):
        return [message.json() for message in self.got(f"service/{name}/status", since)]

    def wait_for_status(self, state, name="probe", timeout_s=PATIENCE_S, above=0):
        """Listen to service/NAME/status before."""
        def there():
            status = self.status(name)
            return status if status.get("state") == state and status.get("incarnation", 0) > above else None
        return wait_for(f"{name} {state}", there, timeout_s)


class Cloud(Caller):
    """The far end: sends commands and follows their events, with the topics of a prefix."""

    def __init__(self, port, prefix="cloud"):
        super().__init__(port)
        self.prefix = prefix
        self.listen(f"{prefix}/event/#")

    def command(self, service, command, payload, retain=False):
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        self._paho.publish(f"{self.prefix}/command/{service}/{command}", payload, 1, retain=retain)

    def send_and_wait(self, service, command, identity, timeout_s=PATIENCE_S, expires=None, **args):
        """All events of the command, up to the final one."""
        envelope = {"id": identity, "args": args, **({"expires": expires} if expires else {})}
        self.command(service, command, envelope)
        return self.wait_for_final(service, command, identity, timeout_s)

    def events(self, service, command, identity, since=0):
        return [event for event in (m.json() for m in self.got(f"{self.prefix}/event/{service}/{command}", since))
                if "id" in event and event["id"] == identity]

    def wait_for_final(self, service, command, identity, timeout_s=PATIENCE_S, since=0):
        def final():
            events = self.events(service, command, identity, since)
            return events if any(is_final(event) for event in events) else None
        return wait_for(f"the final event of {command} {identity}", final, timeout_s)


def is_final(event):
    return event["state"] in ("succeeded", "failed", "rejected")


def states(events):
    return [event["state"] for event in events]


class Proxy:
    """A TCP link to @port for the faults of links: it can be cut, and it can go black: then what is on the way is
    swallowed, and neither end is told."""

    def __init__(self, port):
        self.target, self.refusing, self._links = port, False, []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", free_port()))
        self._listener.listen(16)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.refusing:
                    raise ConnectionRefusedError
                far = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                near.close()
                continue
            link = {"ends": (near, far), "black": False}
            self._links.append(link)
            for source, sink in ((near, far), (far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                source.settimeout(None)
                threading.Thread(target=self._pass_on, args=(source, sink, link), daemon=True).start()

    def _pass_on(self, source, sink, link):
        try:
            while data := source.recv(65536):
                if not link["black"]:
                    sink.sendall(data)
        except OSError:
            pass
        if not link["black"]:
            self._cut(link)

    @staticmethod
    def _cut(link):
        for end_point in link["ends"]:
            try:
                end_point.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def go_black(self):
        """The links that there are; new ones work."""
        for link in self._links:
            link["black"] = True

    def cut(self, refuse=False):
        """The links that there are; with @refuse also new ones, until it is called without."""
        self.refusing = refuse
        for link in self._links:
            self._cut(link)
        self._links.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        for link in self._links:
            for end_point in link["ends"]:
                end_point.close()


def memory_kib(pid):
    """smaps_rollup of proc(5): USS is what would be free without the process, PSS its share of all that is used."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        rows = dict(line.split(":", 1) for line in file if ":" in line and not line.startswith("5"))
    size = {name: int(text.split()[0]) for name, text in rows.items() if text.strip().endswith("kB")}
    return {"USS KiB": size["Private_Clean"] + size["Private_Dirty"], "PSS KiB": size["Pss"], "RSS KiB": size["Rss"]}


def compile_shim(folder, name):
    """A shared object of the C file @name beside this one, for LD_PRELOAD; None without a compiler."""
    compiler = os.environ.get("CC", "cc").split()
    if not shutil.which(compiler[0]):
        return None
    target = Path(folder) / f"{name}.so"
    subprocess.run([*compiler, "-shared", "-fPIC", "-O1", "-o", target, Path(__file__).with_name(f"{name}.c"), "-ldl"], check=True,
                   capture_output=True)
    return target
