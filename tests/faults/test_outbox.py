# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What bounds the outbox and what confirms an event (protocol 6.3, 6.5): limits are kept, what is dropped is counted exactly, and a
batch is all or nothing."""
import os
import subprocess
import time

import pytest

from fault_kit import device, how_many, measured, record, wait_until

SANITIZED = "-fsanitize" in os.environ.get("DEVBUS_CFLAGS", "")
WINDOW = 400 + 100  # events that are sent and not confirmed, and what is read at once


def published(it, count, service="worker", timeout_s=60):
    wait_until(f"{count} numbers", lambda: len(it.log(service).tried) >= count, timeout_s)


def test_beyond_the_limit_the_oldest_are_dropped_and_counted():
    """Nothing has left the device, so the counter, the gap in the stream and what is missing are the same number."""
    count = how_many(3000, 20000)
    with device("--set", "outbox_limit_bytes=200000") as it:
        it.start_service("worker")
        it.stop_service("worker")
        it.kill_broker("local")
        it.publish_events(count, "rate=5000")
        published(it, count)
        it.start_broker("local")
        it.events_should_be_confirmed_within(60)
        told = it.statistics_of("worker")
        balance = it.account_events()
        record("outbox beyond its limit", "local broker away", {**balance.figures(), "counted": told["events_dropped"]})
        assert told["events_dropped"] > 0 and told["events_limit_bytes"] == 200000
        measured(f"difference between {len(balance.lost)} dropped events and those counted", abs(len(balance.lost) - told["events_dropped"]), 0)
        assert balance.lost == set(range(1, len(balance.lost) + 1)), "the oldest"


def test_beyond_the_limit_while_the_cloud_is_away():
    """What is in the broker's queue already may come although it was given up here; nothing is lost uncounted."""
    count = how_many(3000, 20000)
    with device("--set", "outbox_limit_bytes=200000") as it:
        it.close_link()
        it.publish_events(count, "rate=5000")
        published(it, count)
        told = it.statistics_of("worker")
        assert told["events_bytes"] <= 200000
        it.heal_link()
        it.events_should_be_confirmed_within(60)
        balance = it.account_events()
        record("outbox beyond its limit", "cloud away", {**balance.figures(), "counted": told["events_dropped"]})
        assert len(balance.lost) <= told["events_dropped"] <= len(balance.lost) + WINDOW
        assert balance.dropped_told >= len(balance.lost), "all are told"
        assert len(balance.gaps) == len(balance.lost), "what is missing is a gap"


def test_events_tell_how_many_were_dropped_before_them():
    """What was dropped is what is missing, what is counted and what is told: four ways to the same number."""
    count = how_many(2000, 20000)
    with device("--set", "outbox_limit_bytes=65536") as it:
        it.publish_events(100, "rate=1000")
        it.events_should_be_confirmed_within(20)
        it.stop_service("worker")
        it.kill_broker("local")
        it.publish_events(count + 100, "rate=2000", f"rest-at={count}", "rest-ms=6000")
        published(it, count)
        it.start_broker("local")
        it.events_should_be_confirmed_within(60)
        balance = it.account_events()
        counted = it.statistics_of("worker")["events_dropped"]
        record("outbox beyond its limit", "told in events", {**balance.figures(), "counted": counted})
        assert balance.lost == set(range(101, 101 + len(balance.lost))) and balance.lost, "the oldest"
        for what, number in ("counted", counted), ("told in events", balance.dropped_told), ("gaps", len(balance.gaps)):
            measured(f"difference between {len(balance.lost)} dropped and {what}", abs(len(balance.lost) - number), 0)


@pytest.mark.skipif(SANITIZED, reason="a preloaded library and a sanitizer's do not go together")
def test_beyond_the_age_all_are_dropped_counted_and_told():
    """The device was off for longer than events are kept."""
    count = how_many(500, 5000)
    with device("--set", "outbox_hours=1", clock="steps") as it:
        it.close_link()
        it.publish_events(count, "rate=2000")
        published(it, count)
        it.stop_service("worker")
        it.kill_broker("local")
        it.step_clock(2 * 3600)
        it.publish_events(count + 100, "rate=1000")
        published(it, count + 100)
        it.start_broker("local")
        it.heal_link()
        it.events_should_be_confirmed_within(60)
        counted, told = it.statistics_of("worker")["events_dropped"], it.account_events().dropped_told
        balance = it.account_events()
        record("outbox beyond its age", "off for two hours", {**balance.figures(), "counted": counted})
        measured(f"difference between {count} too old events and those counted", abs(count - counted), 0)
        measured(f"difference between {count} too old events and those told", abs(count - told), 0)
        assert balance.arrived >= set(range(count + 1, count + 101)), "the newer ones are there"


def test_flood_of_reliable_events_beside_durable_ones_while_the_cloud_is_away():
    """The reliable ones fill the broker's queue for the bridge: 10 000 messages. The durable ones must not pay for it."""
    flood, durable = how_many(15000, 30000), 1000
    with device() as it:
        it.close_link()
        it.publish_events(flood, "kind=reliable", "rate=10000", service="flood")
        published(it, flood, "flood")
        it.publish_events(durable, "rate=1000")
        published(it, durable)
        time.sleep(2)  # whatever the services may send, they have sent
        it.heal_link()
        it.events_should_be_confirmed_within(120)
        it.events_should_be_confirmed_within(120, "flood")
        counted = it.statistics_of("flood")["messages_dropped"]
        balance, others = it.account_events(), it.account_events("flood")
        record("durable events beside a flood of reliable ones", "durable", balance.figures())
        record("durable events beside a flood of reliable ones", "reliable", {**others.figures(), "counted": counted})
        assert not balance.faults(), balance.faults()
        assert len(others.lost) == counted, "what is lost of the flood is counted"


def test_flood_and_durable_events_of_one_service():
    """Its memory is short, its disk is not."""
    count = how_many(4000, 20000)
    with device("--set", "queue_limit_bytes=65536") as it:
        it.kill_broker("local")
        it.publish_events(count, "kind=mixed", "rate=4000")
        published(it, count)
        it.start_broker("local")
        it.events_should_be_confirmed_within(60)
        stats = it.statistics_of("worker")
        it.stop_service("worker")
        balance = it.account_events()
        lost_durable = {n for n in balance.lost if n % 2}
        record("reliable and durable events of one service", "memory full", {
            **balance.figures(), "counted": stats["messages_dropped"]})
        assert not lost_durable and not balance.gaps
        assert len(balance.lost) <= stats["messages_dropped"], "every loss is counted"
        assert stats["messages_dropped"] > 0


def test_ack_of_the_cloud_confirms():
    with device("--set", "confirm=ack") as it:
        it.publish_events(300, "rate=1000")
        wait_until("all have come", lambda: len(it.account_events().arrived) == 300, 30)
        last = it.account_events().firsts[-1]
        assert it.statistics_of("worker")["events_waiting"] >= 300, "nothing else confirms"
        it.send_raw("command/worker/ack", f'{{"stream":"{last.stream}","seq":{last.seq - 100}}}')
        wait_until("all but a hundred", lambda: it.statistics_of("worker")["events_waiting"] == 100)
        for wrong in ('{"stream":"0000000000000000","seq":999999}', f'{{"stream":"{last.stream}","seq":999999}}', "{}", "x", "",
                      f'{{"stream":"{last.stream}","seq":-1}}', f'{{"stream":"{last.stream}"}}'):
            it.send_raw("command/worker/ack", wrong)
        it.send_command("worker", "ping", identity="behind")
        it.command_should_end_within(10, "worker", "ping", "behind", "succeeded")
        assert it.statistics_of("worker")["events_waiting"] >= 100
        newest = it.cloud.find(lambda m: m.event().get("id") == "behind")[-1].event()
        it.send_raw("command/worker/ack", f'{{"stream":"{last.stream}","seq":{newest["seq"]}}}')
        wait_until("none waits", lambda: it.statistics_of("worker")["events_waiting"] == 0)
        it.no_events_should_be_lost()
        assert not it.cloud.find(lambda m: m.topic == "cloud/event/worker/ack"), "it is no command and has no answer"


def test_what_the_cloud_has_not_acknowledged_comes_again():
    with device("--set", "confirm=ack") as it:
        it.publish_events(200, "rate=1000")
        wait_until("all have come", lambda: len(it.account_events().arrived) == 200, 30)
        it.kill_broker("local")
        it.start_broker("local")
        wait_until("all have come again", lambda: it.account_events().repeats >= 200, 30)
        assert not it.account_events().faults()


def test_more_than_the_window_is_sent_only_as_the_cloud_acknowledges():
    with device("--set", "confirm=ack") as it:
        it.publish_events(2000, "rate=4000")
        published(it, 2000)
        assert it.statistics_of("worker")["events_waiting"] == 2000

        def acknowledge():
            firsts = it.account_events().firsts
            if firsts:
                it.send_raw("command/worker/ack", f'{{"stream":"{firsts[-1].stream}","seq":{firsts[-1].seq}}}')
            return len(firsts) == 2000
        time.sleep(2)
        assert len(it.account_events().arrived) <= WINDOW + 50, "it waits for the cloud"
        wait_until("all are there", acknowledge, 20)
        it.events_should_be_confirmed_within(20)
        it.no_events_should_be_lost()


def test_time_confirms_where_the_cloud_can_do_nothing():
    with device("--set", "confirm=time", "--set", "confirm_after_s=2") as it:
        it.publish_events(1000, "rate=2000")
        published(it, 1000)
        assert it.statistics_of("worker")["events_waiting"] > 0
        it.events_should_be_confirmed_within(30)
        it.no_events_should_be_lost()


def test_batch_is_all_or_nothing_when_the_publisher_is_killed_in_it():
    with device() as it:
        it.publish_events(1000, "batch=50", "rate=2000", "stop-at=425")
        wait_until("it is dead", lambda: not it.is_alive("worker"))
        it.kill_service("worker")
        it.publish_events(1000, "batch=50", "rate=2000")
        it.events_should_be_confirmed_within(30)
        balance = it.account_events()
        assert balance.log.undecided == set(range(401, 451))
        assert not balance.arrived & balance.log.undecided, "none of the batch that was not committed"
        assert not balance.faults(), balance.faults()


def test_batches_killed_at_random_are_whole_or_absent():
    with device() as it:
        for _ in range(how_many(4, 20)):
            it.publish_events(1000000, "batch=20", "rate=20000")
            known = len(it.log().tried)
            wait_until("some batches", lambda: len(it.log().tried) > known + 500)
            it.kill_service("worker")
        it.start_service("worker")
        wait_until("all have come", lambda: it.account_events().arrived >= it.log().accepted, 60)
        wait_until("nothing waits", lambda: it.statistics_of("worker")["events_waiting"] == 0, 30)
        balance = it.account_events()
        for first in range(1, max(balance.log.tried), 20):
            there = len(balance.arrived & set(range(first, first + 20)))
            assert there in (0, 20), f"{there} of the batch that begins at {first}"
        record("batches of 20, publisher killed", "all or nothing", balance.figures())
        assert not balance.faults(), balance.faults()


def test_file_is_readable_with_sqlite_while_the_service_runs():
    with device() as it:
        it.close_link()
        it.publish_events(100, "rate=1000")
        published(it, 100)
        files = [path for path in it.state_folder("worker").iterdir() if path.read_bytes()[:15] == b"SQLite format 3"]
        assert len(files) == 1
        done = subprocess.run(["sqlite3", "-readonly", files[0], "pragma quick_check; select name from sqlite_master;"], capture_output=True,
                              text=True)
        assert done.returncode == 0 and done.stdout.startswith("ok\n"), done.stderr
        it.heal_link()
        it.events_should_be_confirmed_within(30)
        it.no_events_should_be_lost()
