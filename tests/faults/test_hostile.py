# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What a cloud must never be able to do with a payload or a topic: stop a service, run something, or make it publish elsewhere."""
import json

import pytest

from fault_kit import device, measured, only_long, record

MALFORMED = [
    b"", b" ", b"{", b"}", b"null", b"[]", b'"x"', b"1", b"{}", b'{"id":1}', b'{"id":""}', b'{"id":"a b"}', b'{"id":"x","id":"y"}',
    b'{"id":"x"}x', b'{"id":"x","args":[]}', b'{"id":"x","args":{"ms":1e999}}', b'{"id":"x","args":{"ms":-1}}',
    b'{"id":"x","args":{"ms":9007199254740993}}', b'{"id":"x","args":{"ms":NaN}}', b'{"id":"\xff\xfe"}', b'{"id":"\xed\xa0\x80"}',
    b'{"id":"x\x00y"}', b"\x00", b"\xff" * 100, b'{"id":"' + b"x" * 65 + b'"}', b'{"a":' * 40 + b"1" + b"}" * 40,
    b'{"id":"deep","args":{"x":' + b"[" * 10000 + b"]" * 10000 + b"}}", b'{"id":"x","expires":"yesterday"}', b'{"id":"x","expires":5}',
    b'{"id":"x","args":{"ms":1},"args":{"ms":2}}', b'{"id":"x" "args":{}}', b"\xef\xbb\xbf{}", b'{"id":"big","pad":"' + b"y" * 120000,
]
SURVIVORS = ("config", "sensor", "firmware", "reboot")


def assert_alive(it):
    for name in ("worker", *SURVIVORS):
        identity = it.send_command(name, "ping")
        it.command_should_end_within(10, name, "ping", identity, "succeeded")
    assert it.is_alive("worker")


def test_malformed_commands_are_refused_and_run_nothing():
    with device() as it:
        it.start_service("worker")
        for payload in MALFORMED:
            for name in ("worker", *SURVIVORS):
                it.send_raw(f"command/{name}/work", payload)
        assert_alive(it)
        answers = [m.event() for m in it.cloud.find(lambda m: m.topic == "cloud/event/worker/work")]
        codes = [answer["error"]["code"] for answer in answers if answer.get("state") == "rejected"]
        record("hostile payloads", "worker", {"sent": len(MALFORMED), "rejected": len(codes), "ran": sum(it.log().ran.values())})
        measured(f"of {len(MALFORMED) * (1 + len(SURVIVORS))} malformed commands over the bridge ran", sum(it.log().ran.values()), 0)
        assert set(codes) <= {"malformed", "invalid-args", "duplicate-id"}, set(codes)
        assert len(codes) == len(MALFORMED), "each one is answered"


def test_command_names_of_all_kinds():
    with device() as it:
        it.start_service("worker")
        for command in ["_", "a" * 64, "a" * 65, "UPPER", "with space", "dollar$", "plus.minus", "\u00fcmlaut", "a/b", "ack/x"]:
            it.send_raw(f"command/worker/{command}", json.dumps({"id": "name"}))
        assert_alive(it)
        assert not it.log().ran
        strange = it.cloud.find(lambda m: not m.topic.startswith(("cloud/event/worker/", "cloud/event/cloud/")) and
                                not m.topic.split("/")[2] in SURVIVORS)
        assert not strange, strange


@pytest.mark.parametrize("size", [
    16 << 20, *(pytest.param(size, marks=only_long) for size in (200 * 1024, 1 << 20, 256_000_000))])
def test_large_payloads_take_nobody_down(size):
    """Over the bridge; the last is about the most that MQTT can carry. Events go on meanwhile."""
    count = 1000
    with device() as it:
        it.publish_events(count, "rate=500")
        it.send_raw("command/worker/work", b'{"id":"large","args":{"x":"' + b"x" * size + b'"}}', timeout_s=60)
        it.bridge_should_work_within(60)
        it.events_should_be_confirmed_within(60)
        balance = it.no_events_should_be_lost()
        assert_alive(it)
        record("large payloads over the bridge", f"{size} bytes", balance.figures())
        measured(f"commands of {size} bytes ran", sum(it.log().ran.values()), 0)
