# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Whatever the local broker may deliver to a service, on each topic that it hears: nothing that is wrong runs, each wrong command has its
documented answer (protocol 4.5), each wrong call none (5.5), and the service is none the worse. Under sanitizers where they were built."""
import random
import time

import pytest

from fault_kit import SEED, how_many, measured, record  # first: it says where the others are

from accounting import Log
from device_kit import BUILD, Device, Probe, cloud_broker, wait_for

SANITIZED = BUILD / "tests" / "faults" / "worker-sanitized"
EVENTS = "cloud/event/probe"
LONG_AGO, SOME_DAY = "2001-01-01T00:00:00Z", "2999-12-31T23:59:59Z"


class Target(Probe):
    """The worker in place of the probe."""

    def __init__(self, device):
        super().__init__(device, ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1")
        self.sanitized = SANITIZED.exists()
        self.book = device.folder / "worker.log"
        self.command = [SANITIZED if self.sanitized else BUILD / "tests" / "faults" / "worker", "probe", self.book, "calls=10"]

    def ran(self):
        return Log(self.book.read_text()).ran

    def findings(self):
        return [line for line in self.log().splitlines() if "runtime error" in line or "Sanitizer" in line]

    def end(self):
        """A clean end, at which leaks are looked for."""
        assert self.stop(60) == 0, self.log()
        assert not self.findings(), self.log()


@pytest.fixture
def hostage(tmp_path):
    with cloud_broker(tmp_path / "cloud") as cloud, Device(tmp_path / "d", settings=["keepalive_s=5"], cloud=cloud) as device, \
            Target(device) as target:
        tester = device.caller("tester")
        try:
            tester.listen("service/probe/status")
            tester.wait_for_status("online", timeout_s=30)
            tester.listen(EVENTS + "/#")
            yield device, target, tester
        finally:
            tester.close()


# --- commands: (command, payload, id in the answer, code)

def nested(depth, kind=b"[]"):
    return b'{"id":"deep%d","args":{"x":' % depth + kind[:1] * depth + kind[1:] * depth + b"}}"


NO_ID = [
    b"", b" ", b"\n\t ", b"{", b"}", b"null", b"true", b"[]", b"[{}]", b'"x"', b"1", b"-", b"{}", b'{"id":null}', b'{"id":1}', b'{"id":""}',
    b'{"id":[]}', b'{"id":{}}', b'{"id":"a b"}', b'{"id":"a/b"}', b'{"id":"+"}', b'{"id":"#"}', b'{"id":"$SYS"}', b'{"id":"\xc3\xbc"}',
    b'{"id":"' + b"x" * 65 + b'"}', b'{"ID":"x"}', b'{"id":"x\\u0000y"}', b'{"id":"x\x00y"}', b'{"id":"x","args":{}}\x00', b"\x00", b"\xff" * 100,
    b'{"id":"x"}x', b'{"id":"x"}{"id":"y"}', b'{"id":"x","id":"y"}', b'{"id":"x" "args":{}}', b'{"id":"x",}', b"{'id':'x'}", b'{id:"x"}',
    b'{"id":"x","args":{"ms":1e999}}', b'{"id":"x","args":{"ms":-1e999}}', b'{"id":"x","args":{"ms":NaN}}', b'{"id":"x","args":{"ms":Infinity}}',
    b'{"id":"x","args":{"ms":9007199254740993}}', b'{"id":"x","args":{"ms":' + b"9" * 400 + b"}}", b'{"id":"x","args":{"ms":01}}',
    b'{"id":"x","args":{"ms":0x10}}', b'{"id":"x","args":{"ms":1.}}', b'{"id":"x","args":{"ms":+1}}', b'{"id":"x","args":{"ms":1},"args":{"ms":2}}',
    b'{"id":"x","args":{"ms":1,"ms":2}}', b'{"id":"\xff\xfe"}', b'{"id":"\xed\xa0\x80"}', b'{"id":"\xc0\xaf"}', b'{"id":"\xf5\x80\x80\x80"}',
    b'{"id":"\\ud800"}', b'{"id":"\\u12"}', b'{"id":"\\x41"}', b'{"id":"a\nb"}', b"\xef\xbb\xbf{}", b"\xfe\xff\x00{",
    b'{"a":' * 40 + b"1" + b"}" * 40, b"[" * 60000, b"{" * 60000, b'{"a":' * 20000, nested(33), nested(10000), nested(1000, b"{}"),
    b'{"id":"big","pad":"' + b"y" * 120000, b" " * 129000, b'{"pad":"' + b"y" * 129000 + b'"}',
]
CASES = [("work", payload, None, "malformed") for payload in NO_ID] + [(command, payload.encode(), identity, code) for (
    command, payload, identity, code) in [
        ("work", '{"id":"m1","args":[]}', "m1", "malformed"),
        ("work", '{"id":"m2","args":null}', "m2", "malformed"),
        ("work", '{"id":"m3","args":"x"}', "m3", "malformed"),
        ("work", '{"id":"m4","expires":"yesterday"}', "m4", "malformed"),
        ("work", '{"id":"m5","expires":5}', "m5", "malformed"),
        ("work", '{"id":"m6","expires":null}', "m6", "malformed"),
        ("work", '{"id":"m7","expires":"2026-02-30T00:00:00Z"}', "m7", "malformed"),
        ("work", '{"id":"m8","expires":"99999-01-01T00:00:00Z"}', "m8", "malformed"),
        ("work", '{"id":"a1","args":{"ms":-1}}', "a1", "invalid-args"),
        ("work", '{"id":"a2","args":{"ms":60001}}', "a2", "invalid-args"),
        ("work", '{"id":"a3","args":{"ms":0.5}}', "a3", "invalid-args"),
        ("work", '{"id":"a4","args":{"ms":"1"}}', "a4", "invalid-args"),
        ("work", '{"id":"a5","args":{"ms":null}}', "a5", "invalid-args"),
        ("work", '{"id":"a6","args":{"ms":true}}', "a6", "invalid-args"),
        ("work", '{"id":"a7","args":{"ms":[1]}}', "a7", "invalid-args"),
        ("work", '{"id":"a8","args":{"ms":{"ms":1}}}', "a8", "invalid-args"),
        ("work", '{"id":"a9","args":{"ms":1e15}}', "a9", "invalid-args"),
        ("work", f'{{"id":"e1","expires":"{LONG_AGO}"}}', "e1", "expired"),
        ("careful", f'{{"id":"e2","expires":"{LONG_AGO}","args":{{"ms":1}}}}', "e2", "expired"),
        ("nothing", f'{{"id":"u1","expires":"{SOME_DAY}"}}', "u1", "unknown-command"),
        ("_", '{"id":"u2"}', "u2", "unknown-command"),
        ("a" * 64, '{"id":"u3"}', "u3", "unknown-command"),
        ("timing", '{"id":"u4"}', "u4", "unknown-command"),  # for local callers only
        ("work", '{"id":"u1","args":{"ms":1}}', "u1", "duplicate-id"),
        ("work", '{"id":"e2","args":{"ms":1}}', "e2", "duplicate-id"),
        ("nothing", f'{{"id":"u1","expires":"{SOME_DAY}"}}', "u1", "unknown-command"),  # a repeat has the same answer
    ]]
RETAINED = [("work", '{"id":"r1"}', "r1", "retained"), ("careful", '{"id":"r2","args":{"ms":1}}', "r2", "retained"),
            ("work", f'{{"id":"r3","expires":"{LONG_AGO}"}}', "r3", "retained"), ("nothing", '{"id":"r4"}', "r4", "retained")]
SILENT = ["a" * 65, "UPPER", "with space", "dollar$", "plus.minus", "ümlaut", "a/b", "ack/x", ""]  # no level, no answer (1.3)


def answers(tester, since=0):
    return [(message.topic.split("/", 3)[3], message.json()) for message in tester.got(EVENTS + "/#", since)]


def check_answer(tester, case, retain=False):
    command, payload, identity, code = case
    since = len(tester.messages)
    tester._paho.publish(f"cloud/command/probe/{command}", payload, 1, retain)
    topic, event = wait_for(f"an answer to {payload[:60]}", lambda: answers(tester, since))[0]
    assert (topic, event["state"], event["id"], event["error"]["code"]) == (command, "rejected", identity, code), (payload[:60], event)
    if retain:
        tester._paho.publish(f"cloud/command/probe/{command}", b"", 1, True)


def test_wrong_commands_have_their_documented_answers(hostage):
    _, target, tester = hostage
    for case in CASES:
        check_answer(tester, case)
    for case in RETAINED:
        check_answer(tester, case, retain=True)
    for command in SILENT:
        tester._paho.publish(f"cloud/command/probe/{command}", '{"id":"s"}', 1)
    since = len(tester.messages)
    tester._paho.publish("cloud/command/probe/work", '{"id":"right"}', 1)
    wait_for("the one that is right", lambda: any(e["state"] == "succeeded" for _, e in answers(tester, since)))
    assert all(event["id"] == "right" for _, event in answers(tester, since)), "the others have no answer"
    ran = target.ran()
    target.end()
    record("hostile commands, on the device", "by hand", {
        "inputs": len(CASES) + len(RETAINED) + len(SILENT), "sanitized": target.sanitized, "ran": sum(ran.values()) - ran["right"]})
    measured(f"of {len(CASES) + len(RETAINED) + len(SILENT)} wrong commands ran", len(set(ran) - {"right"}), 0)


# --- calls: every one of these asks for an answer where none may go, or in a form that is none

FOREIGN = ["cloud/event/probe/work", "cloud/command/config/set", "service/config/state/probe", "service/probe/status",
           "service/x/call/work", "service/x/reply", "service//reply/a", "service/X/reply/a", "x", "/", "//", "$SYS/broker",
           "$CONTROL/dynamic-security/v1", "$share/g/service/x/reply/a", "service/x/reply/" + "a" * 300, "devices/1/event/x",
           "service/x/replys/a", " service/x/reply/a"]
WILD = ["#", "+", "service/+/reply/a", "service/x/reply/#", "service/#", "service/x/reply/+"]


def test_wrong_calls_are_executed_by_no_one(hostage):
    device, target, tester = hostage
    cli, sent = device.caller(), 0
    before = cli.call("probe", "stats")
    for topic in FOREIGN:
        for method in ("work", "timing"):
            tester.send_call("probe", method, reply=topic)
            sent += 1
    tester.send_call("probe", "work", reply="")
    for size in (513, 1000, 65535):
        tester.send_call("probe", "work", correlation=b"\xa5" * size)
    sent += 4
    tester._paho.publish("service/probe/call/work", "{}", 0, retain=True)
    tester._paho.publish("service/probe/call/work", "", 0, retain=True)
    assert tester.ask("probe", "ping") == {"result": {}}, "behind all that it has sent; the next connection by its name ends this one"
    for topic in WILD:  # the broker may end the connection for it
        wild = device.caller("tester")
        wild.send_call("probe", "work", reply=topic)
        wait_for("the broker to have it", lambda c=wild: c.lost or not c._paho.want_write())
        wild.close()
        sent += 1
    for size in (1, 2, 255, 511, 512):
        assert cli.ask("probe", "ping", correlation=bytes(number % 256 for number in range(size))) == {"result": {}}
    for payload in NO_ID[1:]:
        if payload not in ACCEPTABLE:
            assert cli.error("probe", "work", payload) == "malformed", payload[:60]
            sent += 1
    after = cli.call("probe", "stats")
    cli.close()
    assert after["calls_refused"] - before["calls_refused"] >= 2 * len(FOREIGN) + 3
    ran = target.ran()
    target.end()
    record("hostile calls", "by hand", {"inputs": sent, "sanitized": target.sanitized, "ran": sum(ran.values())})
    measured(f"of {sent} wrong calls ran", sum(ran.values()), 0)


# Objects that are no envelope of a command, but fine as arguments: unknown members are ignored (2.1).
ACCEPTABLE = [payload for payload in NO_ID if payload[:1] == b"{" and b"args" not in payload and b'"a"' not in payload]


# --- mutations, on every topic that a service hears

SEEDS = [b'{"id":"x","args":{"ms":1},"expires":"2999-01-01T00:00:00.000Z"}', b'{"stream":"0123456789abcdef","seq":12345}', b"0123456789abcdef:17",
         b"0123456789abcdef:r3", b"0123456789abcdef:p1", b'{"section":"probe","revision":3,"values":{"level":3,"name":"\xc3\xa4\\u00e4"}}',
         b'{"state":"online","time":"2026-01-01T00:00:00.000Z","pid":1,"incarnation":9007199254740991,"boot_id":"a-b"}',
         b'{"state":"lost","incarnation":1}', b'{"result":{"a":[1,2.5e-3,true,null,{"b":"c"}]}}', b'{"error":{"code":"busy","message":"no"}}', *NO_ID]
# None of these can run anything: the commands are unknown or for local callers, the calls have no place for an answer.
TOPICS = ["cloud/command/probe/nothing", "cloud/command/probe/timing", "cloud/command/probe/ack", "service/bridge/echoed/probe",
          "service/config/state/probe", "service/probe/status", "service/probe/call/work", "service/probe/call/describe",
          "cloud/command/probe/NOTHING"]
WORDS = [b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u", b"\\ud83d", b"\x00", b"\xff", b"\xc3", b"1e308", b"-0", b"9007199254740992",
         b'"id":', b'"args":{', b"null", b"\xf0\x9f\x98\x80", b"\r\n", b" " * 50, b"[" * 31]


def mutate(chance, payload):
    payload = bytearray(payload[:chance.choice([200, 2000, 20000])])
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(payload) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            payload[at:at] = chance.choice(WORDS)
        elif kind == 1:
            del payload[at:at + chance.randrange(1, 12)]
        elif kind == 2 and payload:
            payload[at % len(payload)] ^= 1 << chance.randrange(8)
        elif kind == 3:
            payload[at:at] = payload[:at][-chance.randrange(1, 40):]
        else:
            payload[at:] = chance.choice(SEEDS)[:500]
    return bytes(payload)


def test_mutations_on_every_topic_that_a_service_hears(hostage):
    device, target, tester = hostage
    tester.listen("service/config/call/ping")
    call = wait_for("a call of the worker", lambda: tester.got("service/config/call/ping"))[0]
    topics = [*TOPICS, call.reply_topic]
    chance, count, cli = random.Random(SEED), how_many(3000, 60000), device.caller()
    print(f"seed {SEED}")
    for number in range(count):
        topic, payload = chance.choice(topics), mutate(chance, chance.choice(SEEDS))
        if "/call/" in topic:
            tester.send_call("probe", topic.rsplit("/", 1)[1], payload, reply=chance.choice(["", *FOREIGN[:8]]),
                             correlation=chance.randbytes(chance.choice([1, 8, 16, 512, 513, 4000])))
        elif "/reply/" in topic:
            tester.send_reply(topic, chance.choice([call.correlation, chance.randbytes(chance.randrange(1, 40))]), payload)
        else:
            tester._paho.publish(topic, payload, chance.randrange(2))
        if number % 200 == 0:  # neither may run away from the other
            assert cli.ask("probe", "ping", timeout_s=60) == {"result": {}}
            assert target.alive(), target.log()[-4000:]
            tester.messages.clear()
    stats = cli.call("probe", "stats")
    cli.close()
    ran = target.ran()
    target.end()
    record("hostile messages, mutated", f"seed {SEED}", {
        "inputs": count, "sanitized": target.sanitized, "ran": sum(ran.values()), "received": stats["messages_received"],
        "malformed": stats["messages_malformed"]})
    measured(f"of {count} mutated messages ran a method", sum(ran.values()), 0)


# --- size

@pytest.mark.parametrize("size", [16 << 20, 256_000_000], ids=["16 MB", "256 MB"])
def test_large_payloads_take_neither_down(hostage, size):
    """The last is about the most that MQTT can carry."""
    device, target, tester = hostage
    if size > 16 << 20 and not how_many(0, 1):
        pytest.skip("long: make check-faults")
    broker = device.process.pid
    for topic in ("cloud/command/probe/work", "service/probe/call/work", "service/bridge/echoed/probe"):
        bully, cli = device.caller("tester"), device.caller()
        bully._paho.publish(topic, b'{"id":"large","args":{"x":"' + b"x" * (size - 30) + b'"}}')
        began, slowest = time.monotonic(), 0
        while time.monotonic() < began + how_many(0.5, 3):  # others go on meanwhile
            asked = time.monotonic()
            assert cli.ask("probe", "ping", timeout_s=60) == {"result": {}}
            slowest = max(slowest, time.monotonic() - asked)
        wait_for("it to be sent or refused", lambda b=bully: b.lost or not b._paho.want_write(), 120)
        bully.close()
        cli.close()
        record("large payloads, on the device", f"{size} bytes on {topic}", {"slowest_ping_ms": round(1000 * slowest)})
    assert device.process.pid == broker and device.process.poll() is None and target.alive()
    ran = target.ran()
    target.end()
    measured(f"of 3 messages of {size} bytes ran", sum(ran.values()), 0)
