# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Calls over a real broker (protocol 5): one outcome each, answers only where they belong, and no waiting for nothing."""
import json
import subprocess
import time

import pytest

from device_kit import SLOWER, Device, Probe, wait_for


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    with Device(tmp_path_factory.mktemp("device")) as device:
        yield device


@pytest.fixture(scope="module")
def services(device):
    """probe and other, online."""
    with Probe(device, "probe") as probe, Probe(device, "other") as other, device.caller() as caller:
        for name in ("probe", "other"):
            caller.listen(f"service/{name}/status")
            caller.wait_for_status("online", name)
        yield probe, other


@pytest.fixture
def caller(device, services):
    with device.caller() as caller:
        yield caller


def stats(caller, name="probe"):
    return caller.call(name, "stats")


# --- the Mosquitto clients are callers ------------------------------------------------------------------------------

def mosquitto_rr(device, method, payload, *options, response="service/cli/reply/1", timeout_s=5):
    command = ["mosquitto_rr", "-V", "5", "-h", "127.0.0.1", "-p", device.caller_port, "-u", "cli", "-P", device.password("cli"),
               "-t", f"service/probe/call/{method}", "-e", response, "-m", payload, "-W", timeout_s, *options]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout_s + 10)


def test_mosquitto_rr_is_a_caller(device, services):
    done = mosquitto_rr(device, "add", '{"a":20,"b":22}', "-D", "publish", "correlation-data", "c1", "-F", "%D %p")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(" ", 1)[0] == "c1" and json.loads(done.stdout.split(" ", 1)[1]) == {"result": {"sum": 42}}


def test_mosquitto_rr_gets_errors_too(device, services):
    answer = json.loads(mosquitto_rr(device, "add", '{"a":1001}').stdout)
    assert answer["error"]["code"] == "invalid-args" and "a" in answer["error"]["message"] and set(answer) == {"error"}


# --- answers --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("value", [
    {}, [], None, True, 0, -1.5, 2 ** 53, "", "text", "ünïcödé \U0001f980 \" \\ / \b\f\n\r\t", [1, [2, [3]]], {"a": {"b": [None]}},
    "x" * 100000,
], ids=lambda value: str(value)[:12].encode("ascii", "replace").decode())
def test_echo_returns_what_was_sent(caller, value):
    assert caller.call("probe", "echo", value=value).get("value") == value


def test_absent_argument_has_its_initial_value_and_unknown_ones_are_ignored(caller):
    assert caller.ask("probe", "add", {"a": 41, "never_heard_of": [1]}) == {"result": {"sum": 42}}


@pytest.mark.parametrize("args", [{}, {"b": 1}, {"a": -1}, {"a": 1001}, {"a": "1"}, {"a": 1.5}, {"a": None}, {"a": True},
                                  {"a": 1, "b": 1e30}], ids=json.dumps)
def test_arguments_that_do_not_fit_are_refused(caller, args):
    assert caller.error("probe", "add", args) == "invalid-args"


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"1", b"null", b'{"a":1}x', b'{"a":1,"a":2}', b'{"a":1e999}', b'{"a":01}',
                                     b'{"a":9007199254740993}', b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\u0000"}',
                                     b'{"a":' + 40 * b"[" + 40 * b"]" + b"}", b"\xef\xbb\xbf{}", b"{'a':1}"])
def test_payload_that_is_no_object_is_malformed(caller, payload):
    # An empty payload is an absent argument object: add has one that is required.
    assert caller.error("probe", "add", payload) == ("malformed" if payload else "invalid-args")


@pytest.mark.parametrize("number, code", [(22, "invalid-args"), (16, "busy"), (2, "not-found"), (13, "refused"), (110, "timeout"),
                                          (28, "no-space"), (5, "io-error"), (12, "internal")])
def test_errno_of_a_handler_becomes_a_code(caller, number, code):
    assert caller.error("probe", "error", {"number": number}) == code


def test_unknown_method(caller):
    assert caller.error("probe", "no-such") == "unknown-command"


def test_method_that_is_not_admitted(caller):
    assert caller.error("probe", "busy") == "busy"


def test_deferred_answers_come_in_their_own_time(caller):
    slow = caller.send_call("probe", "later", {"ms": 300})
    quick = caller.send_call("probe", "later", {"ms": 20})
    assert caller.ask("probe", "echo", {"value": 1}) == {"result": {"value": 1}}
    wait_for("the quick one", lambda: caller.reply(quick))
    assert caller.reply(slow) is None
    assert wait_for("the slow one", lambda: caller.reply(slow)) == {"result": {}}


def test_correlation_data_of_any_form_comes_back(caller):
    for correlation in (b"\x00\xff\x00", b"x" * 512, b""):
        assert caller.ask("probe", "echo", {"value": 1}, correlation=correlation) == {"result": {"value": 1}}


# --- requests that nobody answers -----------------------------------------------------------------------------------

@pytest.mark.parametrize("reply", ["", "service/cli/state/x", "cloud/event/probe/x", "service/cli/reply", "service/probe/status",
                                   "service/a b/reply/x", "service//reply/x"])
def test_call_with_no_or_a_wrong_response_topic_is_refused_and_counted(device, caller, reply):
    before = stats(caller)["calls_refused"]
    with device.caller("tester") as listener:
        listener.listen("service/#")
        listener.listen("cloud/#")
        caller.send_call("probe", "stream", {"item": "must-not-run", "kind": "event"}, reply=reply)
        wait_for("refused", lambda: stats(caller)["calls_refused"] == before + 1)
        heard = [message.topic for message in listener.got() if not message.retain]
        assert reply not in heard and "service/probe/event/must-not-run" not in heard


def test_retained_call_is_not_executed(device, caller):
    before = stats(caller)["calls_refused"]
    with device.caller() as other:
        correlation = other.send_call("probe", "echo", {"value": 1}, retain=True)
        wait_for("refused", lambda: stats(caller)["calls_refused"] == before + 1)
        other.send_call("probe", "echo", b"", retain=True)  # the broker forgets it
        wait_for("refused too", lambda: stats(caller)["calls_refused"] == before + 2)
        assert other.reply(correlation) is None


# --- what every service answers -------------------------------------------------------------------------------------

def test_ping(caller):
    assert caller.ask("probe", "ping") == {"result": {}}


def test_describe_tells_methods_arguments_and_limits(caller):
    described = caller.call("probe", "describe")
    methods = {method["name"]: method for method in described["methods"]}
    assert {"ping", "describe", "stats", "echo", "add"} <= set(methods)
    assert described["service"] == "probe" and described["version"] == "7.8.9"
    assert described["limits"]["payload_bytes"] == 130048 and described["limits"]["depth"] == 32
    add = methods["add"]
    assert add["command"] is True and add["description"] == "Adds two numbers."
    assert add["args"]["properties"]["a"]["maximum"] == 1000 and add["args"]["required"] == ["a"]
    assert methods["call"]["command"] is False


def test_stats_count(caller):
    before = stats(caller)
    caller.call("probe", "echo")
    after = stats(caller)
    assert after["calls_received"] == before["calls_received"] + 2 and after["connects"] >= 1
    assert after["requests_pending"] == 1 and after["uptime_ms"] >= before["uptime_ms"]


# --- between services -----------------------------------------------------------------------------------------------

def test_service_calls_service(caller):
    assert caller.call("probe", "call", service="other", method="add", args={"a": 1, "b": 2}) == {"sum": 3}


def test_error_of_the_called_service_is_the_outcome(caller):
    for method, code in (("busy", "busy"), ("no-such", "unknown-command"), ("add", "invalid-args")):
        assert caller.error("probe", "call", {"service": "other", "method": method}) == code


def test_both_ways_through_each_other(caller):
    inner = {"service": "probe", "method": "add", "args": {"a": 5, "b": 6}}
    assert caller.call("probe", "call", service="other", method="call", args=inner) == {"sum": 11}


@pytest.mark.parametrize("service, why", [("nobody", "no such service"), ("other", "too late"), ("sensor", "denied by the ACL")],
                         ids=["absent", "late", "denied"])
def test_call_that_nobody_answers_is_one_timeout(caller, service, why):
    method, args = ("later", {"ms": 2000}) if service == "other" else ("echo", {})
    began = time.monotonic()
    call = {"service": service, "method": method, "args": args, "timeout_ms": 300}
    assert caller.error("probe", "call", call) == "timeout", why
    assert 0.25 < time.monotonic() - began < 1.5 * SLOWER
    wait_for("nothing pending", lambda: stats(caller)["calls_pending"] == 0)


def test_late_answer_is_dropped_and_counted(caller):
    before = stats(caller)["messages_unmatched"]
    assert caller.error("probe", "call", {"service": "other", "method": "later", "args": {"ms": 200}, "timeout_ms": 50}) == "timeout"
    wait_for("the late answer", lambda: stats(caller)["messages_unmatched"] == before + 1)


def test_call_to_a_service_that_is_killed_is_one_timeout(tmp_path):
    with Device(tmp_path) as device, device.caller() as caller, Probe(device) as probe:
        caller.listen("service/+/status")
        with Probe(device, "other") as other:
            caller.wait_for_status("online", "other")
            caller.wait_for_status("online")
            asked = caller.send_call("probe", "call", {"service": "other", "method": "later", "args": {"ms": 30000},
                                                       "timeout_ms": 1500})
            wait_for("the call to be there", lambda: stats(caller, "other")["requests_pending"] == 2)
            other.kill()
        assert wait_for("the outcome", lambda: caller.reply(asked))["error"]["code"] == "timeout"
        assert probe.alive()


def test_service_in_a_foreign_loop(tmp_path):
    """Its only sources are one fd and devbus_dispatch(): timers, calls and reconnecting must do with that."""
    with Device(tmp_path) as device, Probe(device, mode="foreign") as probe, Probe(device, "other"):
        for turn in range(2):
            with device.caller() as caller:
                for name in ("probe", "other"):
                    caller.listen(f"service/{name}/status")
                    caller.wait_for_status("online", name)
                assert caller.call("probe", "add", a=1, b=2) == {"sum": 3}
                assert caller.call("probe", "later", ms=50) == {}
                assert caller.call("probe", "call", service="other", method="add", args={"a": 2}) == {"sum": 3}
                assert caller.error("probe", "call", {"service": "nobody", "method": "x", "timeout_ms": 100}) == "timeout"
                assert caller.call("probe", "latency", rounds=50)["median_us"] < 20000 * SLOWER
                born = caller.status()["incarnation"]
            if turn == 0:
                device.kill()
                wait_for("the loss", lambda: "trying again" in probe.log())
                device.start()
                with device.caller() as again:
                    again.listen("service/probe/status")
                    again.wait_for_status("online", above=born)
        assert probe.stop() == 0


# --- many -----------------------------------------------------------------------------------------------------------

def test_thousand_calls_at_once_are_all_answered(caller):
    asked = [caller.send_call("probe", "echo", {"value": number}) for number in range(1000)]
    wait_for("1000 answers", lambda: len(caller.got(caller._reply)) == 1000, 30)
    answers = {message.correlation: message.json() for message in caller.got(caller._reply)}
    assert [answers[correlation]["result"]["value"] for correlation in asked] == list(range(1000))


def test_requests_beyond_the_limit_are_told_busy(tmp_path):
    with Device(tmp_path, settings=["pending_calls_max=8"]) as device, device.caller() as caller, Probe(device):
        caller.listen("service/probe/status")
        caller.wait_for_status("online")
        asked = [caller.send_call("probe", "later", {"ms": 1000}) for _ in range(20)]
        wait_for("20 answers", lambda: all(caller.reply(correlation) for correlation in asked))
        codes = [caller.reply(correlation).get("error", {}).get("code") for correlation in asked]
        assert codes == 8 * [None] + 12 * ["busy"]


def test_answer_that_is_too_large_is_an_error(tmp_path):
    with Device(tmp_path, settings=["keepalive_s=5"]) as device, device.caller() as caller, \
            Probe(device, DEVBUS_PAYLOAD_LIMIT_BYTES="2048"):
        caller.listen("service/probe/status")
        caller.wait_for_status("online")
        assert caller.error("probe", "describe") == "internal"
        assert caller.error("probe", "echo", {"value": "x" * 3000}) == "malformed"
        assert caller.ask("probe", "ping") == {"result": {}}


def test_small_messages_are_not_held_back(caller):
    """With Nagle's algorithm each round would wait for a delayed acknowledgement, 40 ms: our PUBACK of one event is still
    unacknowledged when the next one is published. The median tells that for sure; the far tail belongs to the
    scheduler of a busy machine, so it only gets a generous limit."""
    times = caller.call("probe", "latency", rounds=200)
    assert times["median_us"] < 20000 * SLOWER, times
    assert times["p99_us"] < 200000 * SLOWER, times
