# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Commands from a cloud broker through the generated bridge to a service, and their events back (protocol 4). The cloud sees
nothing else, so neither do these tests, but where a retained flag or a store is the matter."""
import datetime
import itertools
import json
import re

import pytest

from device_kit import Cloud, Device, Probe, cloud_broker, is_final, states, wait_for

_numbers = itertools.count(1)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def fresh_id():
    return f"id-{next(_numbers)}"


def instant(seconds_from_now):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Line:
    """Cloud broker, bridge, device, service."""

    def __init__(self, folder, *options, prefix="cloud", settings=()):
        self.broker = cloud_broker(folder / "cloud")
        self.prefix = prefix
        self.options = (folder / "device", "--device-id", "Unit-7", *options)
        self.settings = settings
        self.opened = []

    def __enter__(self):
        try:
            self.opened.append(self.broker.__enter__())
            self.device = Device(*self.options, cloud=self.broker, settings=self.settings)
            self.opened.append(self.device.__enter__())
            self.device.wait_for_bridge()
            self.probe = Probe(self.device)
            self.opened.append(self.probe.__enter__())
            self.caller = self.device.caller()
            self.opened.append(self.caller)
            self.caller.listen("service/probe/status")
            self.caller.wait_for_status("online")
            self.cloud = Cloud(self.broker.port, self.prefix)
            self.opened.append(self.cloud)
        except BaseException as failure:
            self.__exit__(type(failure), failure, None)
            raise
        return self

    def __exit__(self, *failure):
        for thing in reversed(self.opened):
            thing.__exit__(*failure)

    def restart_service(self, stop=True):
        incarnation = self.caller.status()["incarnation"]
        if stop:
            assert self.probe.stop() == 0
        self.probe.start()
        self.caller.wait_for_status("online", above=incarnation)

    def run(self, command, /, timeout_s=10, expires=None, identity=None, **args):
        return self.cloud.send_and_wait("probe", command, identity or fresh_id(), timeout_s, expires, **args)


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    with Line(tmp_path_factory.mktemp("line")) as line:
        yield line


def error_of(events):
    assert events[-1]["error"]["message"]
    return states(events), events[-1]["error"]["code"]


def told(events):
    """Without what came twice: after a lost connection that is allowed, with the same seq."""
    return [json.loads(text) for text in dict.fromkeys(json.dumps(event) for event in events)]


def finals(events):
    return [event for event in told(events) if is_final(event)]


def ledger(events):
    """Every event has id, state, time and seq, and what its state adds; seq grows; there is one final one, at the end."""
    added = {"accepted": set(), "running": {"progress", "step", "message"}, "succeeded": {"result"}, "failed": {"error"},
             "rejected": {"error"}}
    events = told(events)
    for event in events:
        assert TIME.fullmatch(event["time"])
        assert set(event) - {"id", "state", "time", "seq", "stream", "dropped"} <= added[event["state"]]
    numbers = [event["seq"] for event in events]
    assert numbers == sorted(set(numbers))
    assert [is_final(event) for event in events].count(True) == 1 and is_final(events[-1])
    return states(events)


# --- the life of a command ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("prefix, at_the_cloud", [("devices/%d", "devices/Unit-7"), ("a/b.c", "a/b.c")])
def test_command_crosses_under_a_prefix(tmp_path, prefix, at_the_cloud):
    with Line(tmp_path, "--cloud-prefix", prefix, prefix=at_the_cloud) as line:
        events = line.run("add", a=40, b=2)
        assert ledger(events) == ["accepted", "succeeded"] and events[-1]["result"] == {"sum": 42}
        assert {message.topic for message in line.cloud.got()} == {f"{at_the_cloud}/event/probe/add"}


def test_accepted_then_succeeded(line):
    events = line.run("add", a=20, b=22)
    assert ledger(events) == ["accepted", "succeeded"] and events[-1]["result"] == {"sum": 42}


def test_progress_is_told_on_the_way(line):
    events = line.run("progress", steps=4)
    assert ledger(events) == ["accepted"] + 4 * ["running"] + ["succeeded"]
    assert [event["progress"] for event in events[1:5]] == [25, 50, 75, 100]
    assert events[1]["step"] == "work" and events[1]["message"] == "step 1" and events[-1]["result"] == {}


def test_failed_with_a_code_of_the_service(line):
    events = line.run("progress", steps=1, fail=True)
    assert ledger(events) == ["accepted", "running", "failed"] and events[-1]["error"]["code"] == "too-bad"


def test_errno_of_the_handler_is_a_failure(line):
    assert error_of(line.run("error", number=28)) == (["accepted", "failed"], "no-space")


def test_answer_may_come_later(line):
    assert ledger(line.run("later", ms=100)) == ["accepted", "succeeded"]


@pytest.mark.parametrize("command, key", [("ping", None), ("describe", "methods"), ("stats", "connects")])
def test_what_every_service_answers(line, command, key):
    events = line.run(command)
    assert ledger(events) == ["accepted", "succeeded"] and (key is None or key in events[-1]["result"])


def test_two_at_once_do_not_mix(line):
    slow, quick = fresh_id(), fresh_id()
    line.cloud.command("probe", "progress", {"id": slow, "args": {"steps": 20, "interval_ms": 20}})
    assert ledger(line.run("add", identity=quick, a=1)) == ["accepted", "succeeded"]
    assert ledger(line.cloud.wait_for_final("probe", "progress", slow)) == ["accepted"] + 20 * ["running"] + ["succeeded"]


def test_many_in_a_row(line):
    identities = [fresh_id() for _ in range(200)]
    for identity in identities:
        line.cloud.command("probe", "add", {"id": identity, "args": {"a": 1}})
    for identity in identities:
        assert ledger(line.cloud.wait_for_final("probe", "add", identity, 30)) == ["accepted", "succeeded"]


@pytest.mark.parametrize("identity", ["a", "x" * 64, "A-Z.09_:-"])
def test_ids_of_every_allowed_form(line, identity):
    assert ledger(line.run("ping", identity=identity)) == ["accepted", "succeeded"]


# --- rejected -------------------------------------------------------------------------------------------------------

def rejection(line, command, payload, identity, since=None):
    """The code of the one event that answers @payload."""
    since = len(line.cloud.messages) if since is None else since
    line.cloud.command("probe", command, payload)
    events = wait_for("a rejection", lambda: line.cloud.events("probe", command, identity, since))
    assert states(events) == ["rejected"] and TIME.fullmatch(events[0]["time"]) and events[0]["error"]["message"]
    return events[0]["error"]["code"]


@pytest.mark.parametrize("payload", [
    b"", b" ", b"{", b"null", b"[]", b'"x"', b'{"id":"m"}x', b'{"id":"m","id":"m"}', b'{"id":"m","args":{"a":1,"a":2}}',
    b'{"id":"\xff"}', b'{"id":"m","args":{"a":1e999}}', b'{"id":"m","args":{"a":12345678901234567890}}',
    b'{"id":"m","args":{"a":' + 40 * b"[" + 40 * b"]" + b"}}", b"{}", b'{"id":null}', b'{"id":1}', b'{"id":""}', b'{"id":"a b"}',
    b'{"id":"a/b"}', b'{"id":"' + 65 * b"x" + b'"}', b'{"args":{}}', b'{"ID":"m"}',
])
def test_malformed_with_an_id_that_cannot_be_read(line, payload):
    assert rejection(line, "add", payload, None) == "malformed"


@pytest.mark.parametrize("member", ['"args":[]', '"args":"x"', '"args":null', '"expires":1', '"expires":"tomorrow"', '"expires":null',
                                    '"expires":"2026-02-30T00:00:00Z"'])
def test_malformed_with_its_id(line, member):
    identity = fresh_id()
    assert rejection(line, "add", f'{{"id":"{identity}",{member}}}', identity) == "malformed"


@pytest.mark.parametrize("args", [{}, {"a": 1001}, {"a": "1"}])
def test_arguments_that_do_not_fit_are_never_started(line, args):
    assert error_of(line.run("add", **args)) == (["rejected"], "invalid-args")


def test_unknown_command(line):
    assert error_of(line.run("no-such")) == (["rejected"], "unknown-command")


def test_method_that_is_not_for_the_cloud_is_unknown(line):
    assert error_of(line.run("quit")) == (["rejected"], "unknown-command")


def test_one_that_cannot_run_now(line):
    assert error_of(line.run("busy")) == (["rejected"], "busy")


@pytest.mark.parametrize("size", [130049, 131073, 500000])
def test_larger_than_the_limit(line, size):
    head, tail = '{"id":"large","args":{"value":"', '"}}'
    assert rejection(line, "echo", head + (size - len(head) - len(tail)) * "x" + tail, None) == "malformed"
    assert ledger(line.run("ping")) == ["accepted", "succeeded"]


def test_larger_than_the_brokers_limit_does_no_harm(line):
    line.cloud.command("probe", "echo", json.dumps({"id": "huge", "args": {"value": 1000000 * "x"}}))
    assert ledger(line.run("ping")) == ["accepted", "succeeded"]


def test_larger_than_the_limit_of_the_service(tmp_path):
    with Line(tmp_path) as line:
        line.probe.environment["DEVBUS_PAYLOAD_LIMIT_BYTES"] = "2048"
        line.restart_service()
        assert rejection(line, "echo", json.dumps({"id": "large", "args": {"value": 3000 * "x"}}), None) == "malformed"
        assert ledger(line.run("ping")) == ["accepted", "succeeded"]


def test_command_name_that_is_no_level_is_not_mirrored(line):
    since = len(line.cloud.messages)
    for command in ("NAME", "a b", "x" * 65, "ä"):
        line.cloud.command("probe", command, {"id": fresh_id()})
    assert ledger(line.run("ping")) == ["accepted", "succeeded"]
    assert {message.topic for message in line.cloud.got(since=since)} == {"cloud/event/probe/ping"}


# --- expires --------------------------------------------------------------------------------------------------------

def test_expired_is_rejected(line):
    assert error_of(line.run("add", expires=instant(-1), a=1)) == (["rejected"], "expired")


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.5+00:00", "%Y-%m-%dt%H:%M:%S.123456z"])
def test_not_expired_runs(line, form):
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
    assert ledger(line.run("add", expires=later.strftime(form), a=1)) == ["accepted", "succeeded"]


def test_expires_is_not_judged_by_a_clock_that_nobody_set(tmp_path):
    with Line(tmp_path) as line:
        line.probe.environment["DEVBUS_CLOCK_SYNC"] = "never"
        line.restart_service()
        events = line.run("add", expires=instant(-3600), a=1)
        assert states(events) == ["accepted", "succeeded"] and {event["clock"] for event in events} == {"unsynced"}


# --- ids that are known ---------------------------------------------------------------------------------------------

def test_known_id_is_not_run_again(line):
    identity = fresh_id()
    first = line.run("add", identity=identity, a=1)
    since = len(line.cloud.messages)
    assert line.cloud.wait_for_final("probe", "add", identity) == first
    line.cloud.command("probe", "add", {"args": {"a": 1}, "id": identity, "expires": instant(-1)})
    again = line.cloud.wait_for_final("probe", "add", identity, since=since)
    assert again == first[-1:], "the last event again, with its own seq"


def test_known_id_of_a_running_command_tells_how_far_it_is(line):
    identity = fresh_id()
    line.cloud.command("probe", "progress", {"id": identity, "args": {"steps": 1, "interval_ms": 500}})
    wait_for("running", lambda: line.cloud.events("probe", "progress", identity)[1:])
    line.cloud.command("probe", "progress", {"id": identity, "args": {"interval_ms": 500, "steps": 1.0}})
    events = line.cloud.wait_for_final("probe", "progress", identity)
    assert states(events) == ["accepted", "running", "running", "succeeded"] and events[1] == events[2]


def test_known_id_of_a_rejected_command_stays_rejected(line):
    identity = fresh_id()
    first = line.run("busy", identity=identity)
    since = len(line.cloud.messages)
    line.cloud.command("probe", "busy", {"id": identity, "args": {}})
    assert line.cloud.wait_for_final("probe", "busy", identity, since=since) == first


@pytest.mark.parametrize("command, args", [("add", {"a": 2}), ("echo", {"a": 1})])
def test_same_id_for_something_else(line, command, args):
    identity = fresh_id()
    line.run("add", identity=identity, a=1)
    since = len(line.cloud.messages)
    line.cloud.command("probe", command, {"id": identity, "args": args})
    events = line.cloud.wait_for_final("probe", command, identity, since=since)
    assert error_of(events) == (["rejected"], "duplicate-id")
    since = len(line.cloud.messages)
    line.cloud.command("probe", "add", {"id": identity, "args": {"a": 1}})
    assert states(line.cloud.wait_for_final("probe", "add", identity, since=since)) == ["succeeded"], "the first is untouched"


def test_known_ids_survive_a_restart(line):
    identity = fresh_id()
    first = line.run("add", identity=identity, a=7)
    line.restart_service()
    since = len(line.cloud.messages)
    line.cloud.command("probe", "add", {"id": identity, "args": {"a": 7}})
    assert finals(line.cloud.wait_for_final("probe", "add", identity, since=since)) == first[-1:]
    assert line.run("add", a=1)[0]["seq"] > first[-1]["seq"]


def test_journal_full_of_unfinished_commands_is_busy(tmp_path):
    with Line(tmp_path, settings=["journal_max=4"]) as line:
        running = [fresh_id() for _ in range(4)]
        for identity in running:
            line.cloud.command("probe", "later", {"id": identity, "args": {"ms": 1500}})
        assert error_of(line.run("ping")) == (["rejected"], "busy")
        for identity in running:
            assert ledger(line.cloud.wait_for_final("probe", "later", identity)) == ["accepted", "succeeded"]
        for _ in range(10):
            assert ledger(line.run("ping")) == ["accepted", "succeeded"], "finished ones make room"


# --- retained -------------------------------------------------------------------------------------------------------

def test_retained_at_the_device_is_rejected(line):
    identity = fresh_id()
    with line.device.caller("tester") as tester:
        tester._paho.publish("cloud/command/probe/add", json.dumps({"id": identity, "args": {"a": 1}}), 1, retain=True)
        events = line.cloud.wait_for_final("probe", "add", identity)
        tester.send("cloud/command/probe/add", "")  # an ordinary message does not clear it
        tester._paho.publish("cloud/command/probe/add", "", 1, retain=True)
    assert error_of(events) == (["rejected"], "retained")


def test_retained_at_the_cloud_runs_at_most_once(tmp_path):
    """The bridge hides the flag of live traffic; what it finds when it connects is marked."""
    with Line(tmp_path) as line:
        live, old = fresh_id(), fresh_id()
        line.cloud.command("probe", "add", {"id": live, "args": {"a": 1}}, retain=True)
        assert states(line.cloud.wait_for_final("probe", "add", live)) in (["accepted", "succeeded"], ["rejected"])
        line.device.stop()
        line.cloud.command("probe", "echo", {"id": old}, retain=True)
        line.device.start()
        line.device.wait_for_bridge()
        line.cloud.wait_for_final("probe", "echo", old, 20)
        line.run("ping", timeout_s=20)
        for command, identity in (("add", live), ("echo", old)):
            assert len(finals(line.cloud.events("probe", command, identity))) == 1, "one final state, told again with its own seq"


# --- a service that is away -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_commands_for_a_service_that_is_away_arrive_when_it_is_back(line, how):
    incarnation = line.caller.status()["incarnation"]
    line.probe.stop() if how == "stopped" else line.probe.kill()
    line.caller.wait_for_status("offline" if how == "stopped" else "lost")
    identities = [fresh_id() for _ in range(20)]
    for identity in identities[:-1]:
        line.cloud.command("probe", "add", {"id": identity, "args": {"a": 1}})
    line.cloud.command("probe", "add", {"id": identities[-1], "args": {"a": 1}, "expires": instant(-1)})
    with line.device.caller("monitor") as monitor:
        monitor.listen("cloud/command/#")
        line.cloud.command("probe", "later", {"id": "mark"})
        wait_for("the last command to be at the device", lambda: monitor.got("cloud/command/probe/later"))
    line.probe.start()
    line.caller.wait_for_status("online", above=incarnation)
    for identity in identities[:-1]:
        assert ledger(line.cloud.wait_for_final("probe", "add", identity)) == ["accepted", "succeeded"]
    assert error_of(told(line.cloud.wait_for_final("probe", "add", identities[-1]))) == (["rejected"], "expired")


def test_commands_survive_a_restart_of_the_broker_while_the_service_is_away(tmp_path):
    with Line(tmp_path) as line:
        line.probe.stop()
        line.cloud.command("probe", "add", {"id": "early", "args": {"a": 1}})
        with line.device.caller("monitor") as monitor:
            monitor.listen("cloud/command/#")
            line.cloud.command("probe", "add", {"id": "mark", "args": {"a": 1}})
            wait_for("the last command to be at the device", lambda: monitor.got("cloud/command/probe/add"))
        line.device.stop()
        line.cloud.command("probe", "add", {"id": "late", "args": {"a": 1}})
        line.device.start()
        line.probe.start()
        for identity in ("early", "mark", "late"):
            assert ledger(line.cloud.wait_for_final("probe", "add", identity, 20)) == ["accepted", "succeeded"]


@pytest.mark.parametrize("command, outcome", [("progress", ("failed", "interrupted")), ("resumable", ("succeeded", None))])
def test_command_that_was_running_when_the_service_was_killed(line, command, outcome):
    identity = fresh_id()
    arguments = {"steps": 100, "interval_ms": 100}
    line.cloud.command("probe", command, {"id": identity, "args": arguments})
    wait_for("running", lambda: "running" in states(line.cloud.events("probe", command, identity)))
    line.probe.kill()
    line.restart_service(stop=False)
    events = line.cloud.wait_for_final("probe", command, identity)
    state, code = outcome
    assert events[-1]["state"] == state and events[-1].get("error", {}).get("code") == code
    assert len(finals(events)) == 1 and events[-1].get("result", {"resumed": True}) == {"resumed": True}
    since = len(line.cloud.messages)
    line.cloud.command("probe", command, {"id": identity, "args": arguments})
    assert finals(line.cloud.wait_for_final("probe", command, identity, since=since)) == events[-1:]


def test_stop_in_the_middle_of_a_command_is_told_after_the_next_start(line):
    identity = fresh_id()
    line.cloud.command("probe", "later", {"id": identity, "args": {"ms": 60000}})
    wait_for("accepted", lambda: line.cloud.events("probe", "later", identity))
    line.restart_service()
    assert error_of(told(line.cloud.wait_for_final("probe", "later", identity))) == (["accepted", "failed"], "interrupted")


def test_events_told_while_the_local_broker_is_away_arrive(tmp_path):
    with Line(tmp_path) as line:
        line.cloud.command("probe", "progress", {"id": "through", "args": {"steps": 10, "interval_ms": 100}})
        wait_for("running", lambda: "running" in states(line.cloud.events("probe", "progress", "through")))
        line.device.kill()
        wait_for("the loss", lambda: "trying again" in line.probe.log())
        line.device.start()
        events = line.cloud.wait_for_final("probe", "progress", "through", 30)
        assert ledger(events) == ["accepted"] + 10 * ["running"] + ["succeeded"]
