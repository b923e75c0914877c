# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What one can do with the password of the sensor, from where it is and in the production profile: nothing that is not the sensor's. Mosquitto grants
every SUBSCRIBE and leaves out what may not be read, so messages are counted, never acknowledgements. Each try is made twice: by the intruder,
of whom nothing may get through, and by somebody who may, of whom it must; else a try that is made wrongly would pass for ever."""
import ctypes
import getpass
import os
import signal
import socket
import subprocess
import threading
from itertools import count

import pytest

from device_kit import Device, cloud_broker, wait_for
from ports import free_port
from provision_kit import PLUGIN, SOURCE, run_provision
from raw_mqtt import V31, V311, V5, WITH_WILL, RawClient

DENIED = 0x87
DOORS = ["port", "caller_port"]
VICTIMS = ["reboot", "firmware", "config"]
marks = (f"mark-{n}" for n in count())

needs_plugin = pytest.mark.skipif(not PLUGIN.exists(), reason="the broker's plugin was not built")


class Bus:
    """A device of the real services in production; further users may do all: one tries what the intruder tries, one speaks, one hears."""

    def __init__(self, folder, *options, plugin=True, profile="production"):
        self.folder, more = folder, folder / "more"
        more.mkdir(parents=True)
        for user in ("rightful", "speaker", "observer"):
            (more / f"{user}.acl").write_text("".join(f"{verb} {tree}/#\n" for verb in ("read", "write") for tree in ("service", "cloud")))
        self.device = Device(folder / "d", "--services-dir", SOURCE / "services", "--services-dir", more, "--profile", profile,
                             "--device-id", "x", *options)
        if not plugin:  # as where it is not installed
            conf = self.device.conf
            conf.write_text("".join(line for line in conf.read_text().splitlines(True) if not line.startswith("plugin")))
        with (self.device.output / "acl").open("a") as acl:  # as no manifest can have it
            acl.write("\nuser rightful\ntopic read $SYS/#\ntopic readwrite $CONTROL/#\n")
        (self.device.output / "mosquitto.d" / "sys.conf").write_text("sys_interval 1\n")

    def client(self, user, door="port", client_id=None, **options):
        client = RawClient(getattr(self.device, door))
        return client.connect(user, self.device.password(user), client_id or f"id-of-{user}", **options)

    def listen(self):
        self.ears = {}
        for user in ("observer", *VICTIMS):
            self.ears[user] = ear = self.client(user)
            for topic_filter in ("service/#", "cloud/#"):
                ear.subscribe(topic_filter)
            assert ear.ping()
        self.speaker = self.client("speaker")

    def heard(self, mark):
        """By whom, on which topic."""
        return [(user, topic) for user, ear in self.ears.items() for topic in ear.topics_with(mark)]

    def say(self, topics, mark, **options):
        for topic in topics:
            self.speaker.publish(topic, mark, **options)
        assert self.speaker.ping()

    def hush(self):
        for client in (*self.ears.values(), self.speaker):
            client.close()


@pytest.fixture(scope="module")
def bus(tmp_path_factory):
    bus = Bus(tmp_path_factory.mktemp("bus"))
    with bus.device:
        bus.listen()
        bus.say(RETAINED, "old", retain=True)
        yield bus
        bus.hush()


# --- what it says to others -----------------------------------------------------------------------------------------

def publish(topic, **how):
    connecting = {key: how.pop(key) for key in ("level",) if key in how}

    def attempt(client_of, mark):
        with client_of(**connecting) as client:
            client.publish(topic, mark, **how)
            client.ping()
    return attempt


def alias_of_another_topic(client_of, mark):
    with client_of() as client:
        client.publish("service/sensor/event/a", "harmless", alias=1)
        client.publish("service/reboot/call/start", "harmless", alias=1)
        client.publish("", mark, alias=1)
        client.ping()


def alias_of_what_was_refused(client_of, mark):
    with client_of() as client:
        client.publish("cloud/command/reboot/start", "harmless", qos=1, alias=2)
        client.publish("", mark, qos=1, alias=2)


def will(topic, level, retain=False):
    def attempt(client_of, mark):
        with client_of(will=(topic, mark), will_retain=retain, level=level) as client:
            if level == V5:
                client.leave(WITH_WILL)
            else:
                client.subscribe("not/#/a filter").leave()  # for which the broker hangs up, and the will is sent
    return attempt


WRITES = {
    "reboot": publish("service/reboot/call/start"),
    "reboot at QoS 1": publish("service/reboot/call/start", qos=1),
    "reboot by MQTT 3.1": publish("service/reboot/call/start", level=V31),
    "reboot by MQTT 3.1.1": publish("service/reboot/call/start", level=V311, qos=1),
    "reboot, answered to itself": publish("service/reboot/call/start", response="service/sensor/reply/1", correlation="1"),
    "reboot, answered to another": publish("service/reboot/call/start", response="service/firmware/reply/1", correlation="1"),
    "reboot, retained": publish("service/reboot/call/start", retain=True),
    "veto of a reboot": publish("service/reboot/call/cancel"),
    "update": publish("service/firmware/call/update", qos=1),
    "change of the configuration": publish("service/config/call/set"),
    "reboot as the cloud": publish("cloud/command/reboot/start", qos=1),
    "update as the cloud, retained": publish("cloud/command/firmware/update", qos=1, retain=True),
    "command to itself as the cloud": publish("cloud/command/sensor/read", qos=1),
    "acknowledgement as the cloud": publish("cloud/command/reboot/ack", qos=1),
    "status of another": publish("service/firmware/status", qos=1, retain=True),
    "status of the bridge": publish("service/bridge/status", qos=1, retain=True),
    "state of another": publish("service/reboot/state/last", qos=1, retain=True),
    "schema of another": publish("service/firmware/state/schema", qos=1, retain=True),
    "configuration of another": publish("service/config/state/firmware", qos=1, retain=True),
    "its own configuration": publish("service/config/state/sensor", qos=1, retain=True),
    "event of another": publish("service/firmware/event/progress", qos=1),
    "event of another to the cloud": publish("cloud/event/reboot/boot", qos=1),
    "command's life of another to the cloud": publish("cloud/event/firmware/update", qos=1),
    "token of another": publish("service/bridge/echo/reboot", qos=1),
    "confirmation of another": publish("service/bridge/echoed/reboot", qos=1),
    "its own confirmation": publish("service/bridge/echoed/sensor", qos=1),
    "what the broker says of the bridge": publish("service/bridge/raw", qos=1, retain=True),
    "alias that changes its topic": alias_of_another_topic,
    "alias that was refused": alias_of_what_was_refused,
    "will that reboots": will("service/reboot/call/start", V5),
    "will that reboots by MQTT 3.1.1": will("service/reboot/call/start", V311),
    "will with a foreign status": will("service/firmware/status", V5, retain=True),
    "will as the cloud": will("cloud/command/firmware/update", V311, retain=True),
}


def attempt_as(bus, user, door, attempt):
    mark = next(marks)
    attempt(lambda **options: bus.client(user, door, **options), mark)
    return bus.heard(mark)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", WRITES)
def test_nothing_that_it_says_to_others_gets_through(bus, name, door):
    assert attempt_as(bus, "sensor", door, WRITES[name]) == []
    heard = attempt_as(bus, "rightful", door, WRITES[name])
    assert heard
    bus.say({topic for _, topic in heard}, "", retain=True)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("topic", ["$CONTROL/dynamic-security/v1", "$CONTROL/broker/v1"])
def test_the_broker_takes_no_orders(bus, topic, door):
    """Nobody can hear these, so this is the reason of the acknowledgement."""
    with bus.client("sensor", door) as sensor, bus.client("rightful", door) as rightful:
        assert sensor.publish(topic, "{}", qos=1) == DENIED
        assert rightful.publish(topic, "{}", qos=1) != DENIED


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("topic", ["service/firmware/status", "service/config/state/reboot"])
def test_what_others_have_retained_stays(bus, topic, door):
    def there():
        with bus.client("observer", "caller_port") as late:
            return late.subscribe(topic).topics_with("old") == [topic]
    bus.say([topic], "old", retain=True)
    for user, kept in (("sensor", True), ("rightful", False)):
        with bus.client(user, door) as client:
            client.publish(topic, "", qos=1, retain=True)
        assert there() == kept
    bus.say([topic], "old", retain=True)


# --- what it hears of others ----------------------------------------------------------------------------------------

RETAINED = ["service/reboot/status", "service/firmware/status", "service/bridge/status", "service/reboot/state/last", "service/firmware/state/schema",
            "service/config/state/firmware", "service/config/state/reboot", "service/bridge/raw"]
PASSING = ["service/reboot/call/start", "service/config/call/set", "service/config/call/secrets", "service/firmware/reply/secrets",
           "service/cli/reply/1", "service/reboot/event/boot", "service/bridge/echo/reboot", "service/bridge/echo/sensor", "service/bridge/echoed/reboot",
           "cloud/command/reboot/start", "cloud/command/config/set", "cloud/event/reboot/boot", "cloud/event/sensor/a", "service/sensor/event/a"]
READS = ["#", "+/#", "+/+/#", "+/+/+", "+/+/+/+", "service/#", "cloud/#", "service/+/status", "service/+/state/#", "service/+/event/#", "service/+/call/+",
         "service/reboot/call/+", "service/config/#", "service/config/state/+", "service/config/state/firmware", "service/config/call/#",
         "service/+/reply/#", "service/+/reply/secrets", "service/firmware/reply/secrets", "service/cli/reply/+", "service/bridge/#",
         "service/bridge/raw", "service/bridge/echo/#", "service/bridge/echoed/+", "cloud/command/#", "cloud/command/reboot/+", "cloud/+/config/set",
         "cloud/event/#", "$SYS/#", "$SYS/broker/clients/+", "$share/x/#", "$share/x/service/reboot/call/+", "$share/x/cloud/command/#",
         "$share/x/service/+/reply/secrets"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("topic_filter", READS)
def test_it_hears_nothing_of_others(bus, topic_filter, door):
    def overheard(user):
        mark = next(marks)
        with bus.client(user, door) as client:
            client.subscribe(topic_filter, 1).ping()
            bus.say(PASSING, mark)
            bus.say(RETAINED, "old", retain=True)
            assert client.ping()
            return client.received
    assert overheard("sensor") == []
    wait_for("what may be heard", lambda: overheard("rightful"))  # $SYS comes once a second


@pytest.mark.parametrize("door", DOORS)
def test_a_session_that_stays_collects_nothing_of_others(bus, door):
    for user, some in (("sensor", False), ("rightful", True)):
        for number in range(2):
            with bus.client(user, door, clean=False) as client:
                client.subscribe("cloud/command/#", 1).ping()
                assert bool(client.received) == (some and number == 1)
            bus.say(["cloud/command/reboot/start"], next(marks), qos=1)
        bus.client(user, door).close()  # ends the session


# --- who it says it is ----------------------------------------------------------------------------------------------

def own(device):
    return device.password("sensor")


CREDENTIALS = {
    "nobody": lambda device: {},
    "no password": lambda device: {"user": "sensor"},
    "empty password": lambda device: {"user": "sensor", "password": ""},
    "wrong password": lambda device: {"user": "sensor", "password": own(device)[::-1]},
    "its password without a name": lambda device: {"password": own(device)},
    "empty name": lambda device: {"user": "", "password": own(device)},
    "another with its password": lambda device: {"user": "reboot", "password": own(device)},
    "the caller with its password": lambda device: {"user": "cli", "password": own(device)},
    "the monitor, which is not here": lambda device: {"user": "monitor", "password": own(device)},
    "the bridge's id as a name": lambda device: {"user": "devbus-bridge", "password": own(device)},
    "its name in another case": lambda device: {"user": "Sensor", "password": own(device)},
    "the line of the password file as a name": lambda device: {"user": (device.output / "passwd").read_text().split("\n")[0], "password": ""},
    "the hash as a password": lambda device: {"user": "sensor", "password": next(
        line for line in (device.output / "passwd").read_text().splitlines() if line.startswith("sensor:")).partition(":")[2]},
}


@pytest.mark.parametrize("level", [V31, V311, V5])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", CREDENTIALS)
def test_nobody_comes_in_without_a_name_and_its_password(bus, name, door, level):
    port = getattr(bus.device, door)
    with RawClient(port) as client:
        assert client.connect(client_id="guess", level=level, **CREDENTIALS[name](bus.device)).reason != 0
    with RawClient(port) as client:
        assert client.connect("sensor", own(bus.device), "guess", level=level).reason == 0


@pytest.mark.parametrize("door", DOORS)
def test_no_other_method_stands_in_for_the_password(bus, door):
    with RawClient(getattr(bus.device, door)) as client:
        assert client.connect("sensor", client_id="guess", method="PLAIN").reason not in (0, DENIED)
        assert not client.ping()


@pytest.mark.parametrize("door", DOORS)
def test_nobody_becomes_another_on_the_way(bus, door):
    with bus.client("sensor", door) as client:
        client.connect("rightful", bus.device.password("rightful"), "second")
        mark = next(marks)
        client.publish("service/reboot/call/start", mark)
        assert not client.ping() and bus.heard(mark) == []


# --- the client ids of others ---------------------------------------------------------------------------------------

class Victim:
    """The service `reboot` with a session, and two commands that came while it was away."""

    def __init__(self, bus):
        self.bus = bus
        self.come_back()
        self.client.subscribe("cloud/command/reboot/#", 1).ping()

    def come_back(self):
        self.client = self.bus.client("reboot", clean=False)
        assert self.client.ping()

    def leave_and_miss_two(self):
        self.client.leave()
        with self.bus.client("speaker") as speaker:
            for number in ("1", "2"):
                speaker.publish("cloud/command/reboot/start", number, qos=1)

    def waiting(self):
        """What it finds when it is back."""
        self.come_back()
        return [payload for _, payload in self.client.received]


def knock(bus, door, client_id, level, clean=True):
    """As the sensor, with the id of another. Returns whether it came in."""
    with RawClient(getattr(bus.device, door)) as client:
        client.connect("sensor", bus.device.password("sensor"), client_id, level=level, clean=clean)
        client.ping()
        client.leave()
        return client.reason == 0


@pytest.fixture(scope="module", params=[pytest.param(True, marks=needs_plugin), False], ids=["guarded", "unguarded"])
def place(request, tmp_path_factory):
    """A bus and whether its broker has the plugin. Without it the same tries succeed: that shows that they are good ones."""
    folder = tmp_path_factory.mktemp("place")
    with cloud_broker(folder / "cloud") as cloud:
        bus = Bus(folder / "bus", "--cloud", f"127.0.0.1:{cloud.port}", plugin=request.param)
        with bus.device:
            yield bus, request.param


@pytest.mark.parametrize("level", [V31, V311, V5])
def test_id_of_a_service_at_the_callers_door_is_its_own(place, level):
    bus, guarded = place
    victim = Victim(bus)
    assert knock(bus, "caller_port", "reboot", level) != guarded
    assert victim.client.ping() == guarded
    victim = Victim(bus)
    victim.leave_and_miss_two()
    assert knock(bus, "caller_port", "reboot", level, clean=level == V31) != guarded
    assert victim.waiting() == (["1", "2"] if guarded else [])
    victim.client.close()


def test_id_of_a_service_at_the_services_door_is_never_taken(place):
    bus, _ = place
    victim = Victim(bus)
    assert knock(bus, "port", "reboot", V5) and victim.client.ping()
    victim.leave_and_miss_two()
    assert knock(bus, "port", "reboot", V5, clean=False)
    assert victim.waiting() == ["1", "2"]
    victim.client.close()


def test_id_of_the_bridge_is_nobodys(place):
    bus, guarded = place
    with bus.client("observer") as observer:
        observer.subscribe("service/bridge/raw")

        def bridge():
            observer.ping()
            return [payload for topic, payload in observer.received]
        wait_for("the bridge", lambda: bridge()[-1:] == ["1"])
        before = len(bridge())
        assert knock(bus, "caller_port", "devbus-bridge", V5) != guarded
        assert bool(bridge()[before:]) != guarded, bridge()


@needs_plugin
@pytest.mark.parametrize("client_id", ["devbus-bridge", "devbus-bridge-presence"])
def test_no_caller_has_the_id_of_a_bridge(bus, client_id):
    """Also of one that this device does not have, or not yet."""
    assert not knock(bus, "caller_port", client_id, V5)


@needs_plugin
@pytest.mark.parametrize("place", [True], indirect=True)
def test_service_that_was_added_by_a_signal_has_its_id_for_itself(place):
    bus, _ = place
    assert knock(bus, "caller_port", "fan", V5)
    (bus.folder / "more" / "fan.acl").write_text("")
    assert run_provision(*bus.device.options).returncode == 0
    bus.device.process.send_signal(signal.SIGHUP)
    with bus.client("fan", "caller_port", client_id="fan") as own_id:
        assert own_id.reason == 0
        assert not knock(bus, "caller_port", "fan", V5) and own_id.ping()
    assert not knock(bus, "caller_port", "reboot", V5)  # and those of before


@needs_plugin
@pytest.mark.parametrize("client_id", ["", "reboot-1", "Reboot", "reboot ", "mqtt-explorer-1a2b", "sensor", "# a:b"])
def test_callers_choose_any_other_id(bus, client_id):
    assert knock(bus, "caller_port", client_id, V5)


@needs_plugin
@pytest.mark.parametrize("line", ["plugin_opt_nonsense 1", "plugin_opt_reserved_id again"])
def test_plugin_with_wrong_options_keeps_the_broker_from_starting(tmp_path, line):
    conf = tmp_path / "mosquitto.conf"
    begin = f"user {getpass.getuser()}\nlistener 0 {tmp_path}/socket\nplugin {PLUGIN}\nplugin_opt_password_file /x\n"
    conf.write_text(f"{begin}plugin_opt_reserved_id y\n{line}\n")
    done = subprocess.run(["mosquitto", "-c", conf], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and f"admission: {line.split()[0]} is unknown or given twice" in done.stderr
    conf.write_text(begin)
    done = subprocess.run(["mosquitto", "-c", conf], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "admission: plugin_opt_reserved_id is missing" in done.stderr


@needs_plugin
def test_without_a_readable_password_file_no_foreign_id_comes_in(tmp_path):
    bus = Bus(tmp_path / "bus")
    with bus.device:
        (bus.device.output / "passwd").unlink()
        assert not knock(bus, "caller_port", "anything", V5) and knock(bus, "port", "anything", V5)


# --- from another machine -------------------------------------------------------------------------------------------

NEAR, FAR = "10.214.77.1", "10.214.77.2"


@pytest.fixture
def elsewhere():
    """A function that connects to NEAR from another machine: another network namespace, joined to this one by a cable."""
    if os.getuid() != 0:
        pytest.skip("only root can make another machine")
    space = f"devbus-{os.getpid()}"
    near, far = f"dbn{os.getpid()}", f"dbf{os.getpid()}"

    def ip(*words):
        return subprocess.run(["ip", *words], capture_output=True, text=True)
    if ip("netns", "add", space).returncode != 0:
        pytest.skip("no network namespaces here")
    try:
        if ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", space).returncode != 0:
            pytest.skip("no veth here")
        for words in (("addr", "add", f"{NEAR}/30", "dev", near), ("link", "set", near, "up"),
                      ("-n", space, "addr", "add", f"{FAR}/30", "dev", far), ("-n", space, "link", "set", far, "up")):
            done = ip(*words)
            if done.returncode != 0:  # in a chroot, for one
                pytest.skip(f"ip {' '.join(words)}: {done.stderr.strip()}")
        yield lambda address, timeout: connect_in(space, address, timeout)
    finally:
        ip("link", "del", near)
        ip("netns", "del", space)


def connect_in(space, address, timeout):
    """A socket stays in the namespace in which it was made, whoever uses it."""
    made = []

    def run():
        with open(f"/run/netns/{space}", "rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        try:
            made.append(socket.create_connection(address, timeout))
        except OSError as error:
            made.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def test_production_and_development_answer_no_other_machine(elsewhere, tmp_path):
    for profile in ("production", "development"):
        bus = Bus(tmp_path / profile, profile=profile)
        with bus.device:
            for door in DOORS:
                bus.client("sensor", door).close()
                with pytest.raises(OSError):
                    elsewhere((NEAR, getattr(bus.device, door)), 3)
    with socket.create_server((NEAR, 0)) as answering:  # one that does is reached
        elsewhere(answering.getsockname(), 3).close()


def from_elsewhere(bus, elsewhere, user, port, **options):
    return RawClient(port, NEAR, elsewhere).connect(user, bus.device.password(user), f"far-{user}", **options)


@needs_plugin
def test_monitor_on_another_machine_reads_and_does_nothing_else(elsewhere, tmp_path):
    port = free_port()
    bus = Bus(tmp_path, "--monitor-listen", f"{NEAR}:{port}", profile="development")
    with bus.device:
        bus.listen()
        for door in DOORS:
            with pytest.raises(OSError):
                elsewhere((NEAR, getattr(bus.device, door)), 3)
        with from_elsewhere(bus, elsewhere, "monitor", port) as monitor:
            mark = next(marks)
            monitor.subscribe("#").ping()
            bus.say([*PASSING, *RETAINED], mark)
            assert set(monitor.topics_with(mark)) == {*PASSING, *RETAINED} - {"service/firmware/reply/secrets"}
        for name, attempt in WRITES.items():
            mark = next(marks)
            attempt(lambda **options: from_elsewhere(bus, elsewhere, "monitor", port, **options), mark)
            assert bus.heard(mark) == [], name
        for user in ("sensor", "cli", "rightful"):
            for level in (V31, V311, V5):
                with from_elsewhere(bus, elsewhere, user, port, level=level) as client:
                    assert client.reason != 0, user
            with bus.client(user, "caller_port") as client:
                assert client.reason == 0
        bus.hush()


@pytest.mark.parametrize("client_id, comes_in", [("anything", True), ("cli", True), ("sensor", False), ("devbus-bridge", False)])
def test_unix_socket_is_of_this_machine(tmp_path, client_id, comes_in):
    """That a product adds; the same rules hold there."""
    if not PLUGIN.exists():
        pytest.skip("the broker's plugin was not built")
    bus = Bus(tmp_path, profile="development")
    with bus.device.conf.open("a") as conf:
        conf.write(f"listener 0 {tmp_path}/broker\n")
    with bus.device:
        wait_for("the socket", (tmp_path / "broker").exists)
        done = subprocess.run(["mosquitto_pub", "--unix", tmp_path / "broker", "-V", "5", "-i", client_id, "-u", "cli", "-P", bus.device.password("cli"),
                               "-t", "service/sensor/call/ping", "-m", "{}"], capture_output=True, text=True)
        assert (done.returncode == 0) == comes_in and ("not authori" in done.stderr.lower()) != comes_in, done.stderr
