# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The words in which a test engineer says what a device does: start it, send it commands as the cloud, break what can break,
and say what must arrive, and what must not. A plain class without any test framework: pytest calls its methods, and Robot
Framework takes the same class as a library (`Library  DevbusLibrary.py`), in which should_receive_within is written
`Should Receive Within`. Each device is a devbus-testbed in a folder of its own, whose bridge goes through a link that can
be broken. Times are in seconds."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "faults"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from accounting import Arrival, Balance, Commands, Log  # noqa: E402
from cloud import PATIENCE_S, Cloud  # noqa: E402
from link import Link  # noqa: E402

SOURCE = HERE.parents[1]
BUILD = Path(os.environ.get("DEVBUS_BUILD") or os.environ.get("builddir") or SOURCE)
WORKER = BUILD / "tests" / "faults" / "worker"
WORKERS = ("worker", "flood")  # services of the tests, beside those of the device
BROKERS = ("local-broker", "cloud-broker")


def wait_until(what, condition, timeout_s=PATIENCE_S):
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end, f"after {timeout_s:g} s still not: {what}"
        time.sleep(0.01)
    return value


class DevbusLibrary:
    ROBOT_LIBRARY_SCOPE = "SUITE"

    def __init__(self):
        self.folder = self.cloud = self.link = None
        self._own_folder = False
        self._processes, self._environment, self._confirmations, self._mark = {}, {}, {}, 0

    # --- the device

    def start_device(self, *options, folder=None, clock="real"):
        """Builds a device up and connects the cloud. @options are those of `devbus-testbed up`. With clock=steps the time of the
        device's services can be changed with Step Clock."""
        self._own_folder = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix="devbus-system."))
        self.folder.mkdir(exist_ok=True, parents=True)
        manifests = self.folder / "services"
        manifests.mkdir()
        for name in WORKERS:
            (manifests / f"{name}.acl").write_text("call config ping\n")
        self._environment = {} if clock == "real" else self._clock_environment()
        self._testbed("up", "--services-dir", manifests, "--keepalive", "5", *options)
        env = self.read_env()
        self.link = Link(int(env["CLOUD_PORT"]))
        for name in ("mosquitto.d/bridge.conf", "cloud.conf"):
            path = self.folder / "bed" / "etc" / name
            path.write_text(path.read_text().replace(f"address 127.0.0.1:{env['CLOUD_PORT']}", f"address 127.0.0.1:{self.link.port}"))
        self.restart_local_broker()
        self.cloud = Cloud(int(env["CLOUD_PORT"]), env["CLOUD_PREFIX"])
        self.cloud.connect()
        self._mark = 0
        self.bridge_should_work_within(20)

    def stop_device(self):
        """Takes everything down. Fine at any time."""
        for name in list(self._processes):
            self.kill_service(name)
        if self.cloud:
            self.cloud.disconnect()
        if self.folder and (self.folder / "bed" / "run").exists():
            self._testbed("down", check=False)
        if self.link:
            self.link.end()
        if self.folder and self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = self.cloud = self.link = None

    def connect_cloud(self):
        self.cloud.connect()

    def disconnect_cloud(self):
        self.cloud.disconnect()

    def bridge_should_work_within(self, seconds):
        """A command that any service answers goes there and back."""
        end = time.monotonic() + float(seconds)
        while True:
            identity = self.send_command("config", "ping")
            if self._find_within(1, "event/config/ping", {"id": identity}, since=0):
                return
            assert time.monotonic() < end, f"after {seconds} s no answer came over the bridge"

    # --- commands and what comes back

    def send_command(self, service, command, args="{}", identity=None, expires=None):
        """Sends a command as the cloud does. Returns its id. @args: an object, or its JSON text."""
        identity = identity or f"test-{uuid.uuid4().hex[:12]}"
        envelope = {"id": identity, "args": json.loads(args) if isinstance(args, str) else args}
        if expires:
            envelope["expires"] = expires
        self.cloud.publish(f"command/{service}/{command}", envelope)
        return identity

    def send_raw(self, topic, payload, retain=False, timeout_s=PATIENCE_S):
        """@payload as it is, on a topic such as command/sensor/read."""
        self.cloud.publish(topic, payload, retain in (True, "True", "yes", "retained"), float(timeout_s))

    def should_receive_within(self, seconds, topic, /, **members):
        """An event on @topic (event/sensor/read) with these members comes within @seconds, or has come since Forget Messages. Members of
        members are written a__b. Returns the event."""
        found = self._find_within(float(seconds), topic, members)
        assert found, f"nothing on {topic} with {members} within {seconds} s; {self._came(topic)}"
        return found.event()

    def should_not_receive_within(self, seconds, topic, /, **members):
        """No such event comes within @seconds, or has come since Forget Messages."""
        found = self._find_within(float(seconds), topic, members)
        assert not found, f"this came on {topic}: {found.payload!r}"

    def command_should_end_within(self, seconds, service, command, identity, state, error=None):
        """Its first final event comes within @seconds and says @state (and the code @error). Returns the event."""
        final = self.cloud.wait_for(
            lambda m: m.topic == f"cloud/event/{service}/{command}" and m.event().get("id") == identity and
            m.event().get("state") in ("succeeded", "failed", "rejected"), float(seconds))
        assert final, f"{identity} has no final state after {seconds} s; {self._came(f'event/{service}/{command}')}"
        event = final.event()
        assert event["state"] == state, event
        assert error is None or event["error"]["code"] == error, event
        return event

    def command_should_have_one_final_state(self, identity):
        found = Commands(message.event() for message in self.cloud.find(lambda m: True)).faults([identity])
        assert not found, found

    def forget_messages(self):
        """What came before is not looked at by Should (Not) Receive Within."""
        self._mark = self.cloud.mark()

    def _find_within(self, seconds, topic, members, since=None):
        def fits(message):
            if message.topic != f"cloud/{topic}":
                return False
            event = message.event()
            return all(_text(_member(event, name)) == _text(value) for name, value in members.items())
        return self.cloud.wait_for(fits, seconds, self._mark if since is None else since)

    def _came(self, topic):
        came = self.cloud.find(lambda m: m.topic == f"cloud/{topic}", self._mark)
        return f"what came there: {[m.payload.decode(errors='replace')[:200] for m in came[-5:]]}"

    # --- what breaks

    def kill_broker(self, which="local"):
        """kill -9. With the cloud's broker the link goes too."""
        self._end_broker(which, "kill")

    def stop_broker(self, which="local"):
        """SIGTERM."""
        self._end_broker(which, "stop")

    def _end_broker(self, which, how):
        if which == "cloud":
            self.link.close_for_now()
        self._testbed(how, f"{which}-broker")
        if which == "cloud":
            self.cloud.end()  # after its broker: nothing may come in of which it does not hear

    def start_broker(self, which="local"):
        """The cloud listens before the bridge is let through: else it could not know what it missed."""
        self._testbed("start", f"{which}-broker")
        if which == "cloud":
            self.cloud.connect()
            self.link.open_again()

    def kill_service(self, name):
        """kill -9."""
        if name in self._processes:
            process = self._processes.pop(name)
            process.kill()
            process.wait(10)
        else:
            self._testbed("kill", name)

    def stop_service(self, name):
        """SIGTERM."""
        if name in self._processes:
            process = self._processes.pop(name)
            process.terminate()
            process.send_signal(signal.SIGCONT)
            process.wait(20)
        else:
            self._testbed("stop", name)

    def start_service(self, name, *options, wait="yes"):
        """Returns when it is online, or at once with wait=no. @options are for the worker."""
        if name not in WORKERS:
            self._testbed("start", name, *(["--no-wait"] if wait == "no" else []))
            return
        self._start_worker(name, *options)
        if wait == "no":
            return
        done = self._devbusctl("status", "--wait", "--pid", self._processes[name].pid, "--timeout-s", "20", name)
        assert done.returncode == 0, f"{name} is not online: {done.stderr} {self.errors(name)}"

    def _start_worker(self, name, *options):
        assert WORKER.exists(), f"{WORKER} is not built"
        with (self.folder / f"{name}.err").open("a") as errors:
            self._processes[name] = subprocess.Popen([WORKER, name, self.log_file(name), *options], stdin=subprocess.DEVNULL,
                                                     stdout=errors, stderr=errors, env=self._service_environment())

    def freeze(self, name):
        """SIGSTOP for a service, or for local-broker and cloud-broker."""
        if name in self._processes:
            self._processes[name].send_signal(signal.SIGSTOP)
        else:
            self._testbed("freeze", name)

    def thaw(self, name):
        if name in self._processes:
            self._processes[name].send_signal(signal.SIGCONT)
        else:
            self._testbed("thaw", name)

    def cut_link(self):
        """The connection of the bridge to the cloud breaks; it may be made again at once."""
        self.link.cut()

    def close_link(self):
        """It breaks, and cannot be made again until Heal Link."""
        self.link.close_for_now()

    def black_hole_link(self):
        """Nothing goes through and nobody is told."""
        self.link.swallow()

    def heal_link(self):
        self.link.open_again()

    def step_clock(self, seconds):
        """The device's wall clock differs from ours by this much from now on."""
        assert self._environment, "start the device with clock=steps"
        (self.folder / "step").write_text(str(int(seconds)))

    def _clock_environment(self):
        shim = self.folder / "wall-clock.so"
        compiler = (os.environ.get("CC") or "cc").split()
        subprocess.run([*compiler, "-shared", "-fPIC", "-o", shim, HERE.parent / "integration" / "wall-clock.c", "-ldl"], check=True)
        (self.folder / "step").write_text("0")
        return {"LD_PRELOAD": str(shim), "WALL_CLOCK_STEP": str(self.folder / "step")}

    # --- events and their accounts

    def publish_events(self, count, *options, service="worker"):
        """Starts the worker in the background: it publishes the numbers up to @count (from where it stopped), options such as
        rate=500 kind=durable batch=10 size=100."""
        self._confirmations[service] = self.log(service).confirmations
        self._start_worker(service, f"count={count}", *options)

    def events_should_be_confirmed_within(self, seconds, service="worker"):
        """All numbers are published, and nothing waits for a confirmation."""
        def confirmed():
            assert self.is_alive(service), self.errors(service)
            return self.log(service).confirmations > self._confirmations[service]
        wait_until("all events are confirmed", confirmed, float(seconds))

    def account_events(self, service="worker"):
        """The balance of what was published and what has arrived. For what is under way: first Events Should Be Confirmed Within."""
        self.cloud.catch_up()
        arrivals = [Arrival(m.event(), m.topic, m.at) for m in self.cloud.find(lambda m: m.topic.startswith(f"cloud/event/{service}/"))]
        return Balance(self.log(service), arrivals)

    def no_events_should_be_lost(self, service="worker"):
        balance = self.account_events(service)
        assert not balance.faults(), balance.faults()
        return balance

    def commands_should_be_in_order(self, identities, service="worker"):
        """Each has one final state and ran once at most."""
        events = [m.event() for m in self.cloud.find(lambda m: m.topic.startswith(f"cloud/event/{service}/"))]
        found = Commands(events).faults(identities, self.log(service))
        assert not found, found

    def statistics_of(self, service):
        """The method `stats`, asked for on the device."""
        return self.call_method(service, "stats")

    def call_method(self, service, method):
        """From the device."""
        done = self._devbusctl("call", service, method)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def status_of(self, service):
        """What it says of itself on the device: the retained status."""
        done = self._devbusctl("status", "--json", service)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    # --- for tests in Python

    def log(self, service="worker"):
        path = self.log_file(service)
        return Log(path.read_text() if path.exists() else "")

    def log_file(self, service):
        return self.folder / f"{service}.log"

    def errors(self, service):
        path = self.folder / f"{service}.err"
        return path.read_text(errors="replace") if path.exists() else ""

    def is_alive(self, service):
        return service in self._processes and self._processes[service].poll() is None

    def process_id(self, name):
        """Of a service or a broker, at its last start."""
        if name in self._processes:
            return self._processes[name].pid
        return int((self.folder / "bed" / "run" / f"{name}.pid").read_text())

    def restart_local_broker(self):
        """So that it reads its configuration again."""
        self._testbed("restart", "local-broker")

    def add_cloud_listener(self, *options):
        """A further door of the cloud's broker, with these options of mosquitto.conf(5). Returns its port."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with (self.folder / "bed" / "cloud" / "mosquitto.conf").open("a") as conf:
            conf.write("\n".join([f"listener {port} 127.0.0.1", *options, ""]))
        self.stop_broker("cloud")
        self.start_broker("cloud")
        return port

    def state_folder(self, service):
        return self.folder / "bed" / "state" / service

    def _service_environment(self):
        env = {key: value for key, value in os.environ.items() if not key.startswith("DEVBUS_")}
        bed = self.folder / "bed"
        return {**env, "DEVBUS_CONFIG_DIR": str(bed / "etc"), "DEVBUS_STATE_DIR": str(bed / "state"), **self._environment}

    def service_port(self):
        """Of the local broker, for services."""
        return int(self.read_env()["SERVICE_PORT"])

    def read_env(self):
        lines = (self.folder / "bed" / "testbed.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _devbusctl(self, *words):
        return subprocess.run([BUILD / "tools" / "devbusctl", "--dir", self.folder / "bed", *map(str, words)], capture_output=True,
                              text=True, timeout=60)

    def _testbed(self, *words, check=True):
        env = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", **self._environment}
        with tempfile.TemporaryFile("w+") as output:  # no pipe: what it starts would keep it open
            done = subprocess.run([BUILD / "tools" / "devbus-testbed", *map(str, words), "--dir", self.folder / "bed"],
                                  stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=120, env=env)
            output.seek(0)
            assert done.returncode == 0 or not check, f"devbus-testbed {words[0]}: {output.read()}"


def _member(event, name):
    for part in name.split("__"):
        event = event.get(part) if isinstance(event, dict) else None
    return event


def _text(value):
    """As Robot would write it: all its arguments are text."""
    return value if isinstance(value, str) else json.dumps(value)
