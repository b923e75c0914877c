# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A state folder that is full, read-only or failing: the publisher is told, nothing that was accepted is lost, the status says so, and
it heals by itself."""
import os
import shutil
import subprocess
import time

import pytest

from fault_kit import device, how_many, record, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


class SmallDisk:
    """A tmpfs of a few hundred KiB in place of the state folder of the worker."""

    def __init__(self, it, size="512k"):
        self.folder, self.size = it.state_folder("worker"), size

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", self.folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount: {done.stderr.strip()}")
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.folder], check=False)

    def fill(self):
        """To the last byte."""
        with (self.folder / "ballast").open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    pass

    def empty(self):
        (self.folder / "ballast").unlink()

    def read_only(self, yes):
        subprocess.run(["mount", "-o", f"remount,{'ro' if yes else 'rw'}", self.folder], check=True)


def state_of(it):
    return it.status_of("worker").get("worker", {})


@needs_root
def test_full_disk_is_told_and_heals():
    """Full for a while under traffic that the cloud does not take off it."""
    full_s, rate = how_many(4, 60), 200
    count = rate * (full_s + 8)
    with device() as it, SmallDisk(it) as disk:
        it.publish_events(count, f"rate={rate}")
        wait_until("some events", lambda: len(it.log().accepted) > 100)
        it.close_link()
        disk.fill()
        wait_until("an error at the publisher", lambda: len(it.log().refused) > 10)
        wait_until("a degraded status", lambda: state_of(it).get("state") == "degraded")
        reason = state_of(it)["reason"]
        time.sleep(full_s)
        assert it.is_alive("worker")
        before = len(it.log().accepted)
        disk.empty()
        freed = time.monotonic()
        wait_until("an accepted event", lambda: len(it.log().accepted) > before, 5)
        healed_s = round(time.monotonic() - freed, 2)
        wait_until("an online status", lambda: state_of(it).get("state") == "online", 5)
        it.heal_link()
        it.events_should_be_confirmed_within(60)
        balance = it.no_events_should_be_lost()
        record("disk full for the outbox", f"{full_s} s", {**balance.figures(), "healed_s": healed_s})
        assert set(balance.log.refused.values()) == {28}, "ENOSPC"
        assert "state folder" in reason or "disk" in reason, reason


@needs_root
def test_read_only_state_folder_is_an_error_at_the_start():
    """And nothing worse: what was accepted before comes as soon as it can be written again."""
    with device() as it, SmallDisk(it, "4m") as disk:
        it.close_link()
        it.publish_events(200, "rate=1000")
        wait_until("all events", lambda: len(it.log().accepted) == 200)
        it.kill_service("worker")
        disk.read_only(True)
        it.start_service("worker", wait="no")
        wait_until("it gives up", lambda: not it.is_alive("worker"))
        assert "Read-only file system" in it.errors("worker")
        it.kill_service("worker")
        disk.read_only(False)
        it.heal_link()
        it.publish_events(300, "rate=1000")
        it.events_should_be_confirmed_within(30)
        balance = it.no_events_should_be_lost()
        record("read-only state folder", "", balance.figures())


@needs_root
def test_commands_on_a_full_disk_are_refused_and_work_afterwards():
    with device() as it, SmallDisk(it) as disk:
        it.start_service("worker")
        it.send_command("worker", "work", identity="one")
        it.command_should_end_within(10, "worker", "work", "one", "succeeded")
        disk.fill()
        it.forget_messages()
        sent = [it.send_command("worker", "work", {"ms": 1}) for _ in range(20)]
        wait_until("answers", lambda: len({m.event().get("id") for m in it.cloud.find(lambda m: m.topic == "cloud/event/worker/work")} &
                                          set(sent)) == 20, 20)
        disk.empty()
        wait_until("final states", lambda: all(any(
            m.event().get("state") in ("succeeded", "failed", "rejected") for m in it.cloud.find(lambda m, i=i: m.event().get("id") == i))
            for i in sent), 30)
        ran = it.log().ran
        assert all(ran[identity] <= 1 for identity in sent)
        it.send_command("worker", "work", identity="after")
        it.command_should_end_within(10, "worker", "work", "after", "succeeded")


def test_missing_and_damaged_store_is_begun_anew_and_said():
    """What is damaged is put aside; a new stream says at the cloud that the count begins again."""
    with device() as it:
        it.publish_events(100, "rate=1000")
        it.events_should_be_confirmed_within(20)
        it.stop_service("worker")
        store = next(path for path in it.state_folder("worker").iterdir() if path.read_bytes()[:15] == b"SQLite format 3")
        content = bytearray(store.read_bytes())
        content[0:4096] = os.urandom(4096)
        for path in store.parent.glob(store.name + "-*"):
            path.unlink()
        store.write_bytes(content)
        it.publish_events(200, "rate=1000")
        it.events_should_be_confirmed_within(20)
        balance = it.no_events_should_be_lost()
        assert len({arrival.stream for arrival in balance.firsts}) == 2
        assert list(store.parent.glob(store.name + ".damaged-*"))


def test_one_turned_bit_costs_one_event_and_is_said():
    with device() as it:
        it.close_link()
        it.publish_events(100, "rate=1000")
        wait_until("all events", lambda: len(it.log().accepted) == 100)
        it.stop_service("worker")
        # 5 and 4 differ by one bit. Wherever it is: the log and pages that were split have copies.
        for path in it.state_folder("worker").glob("devbus.db*"):
            path.write_bytes(path.read_bytes().replace(b'"n":50,', b'"n":40,'))
        it.heal_link()
        it.publish_events(200, "rate=1000")
        it.events_should_be_confirmed_within(30)
        status, balance = state_of(it), it.account_events()
        assert status["state"] == "degraded" and "99 events" in status["reason"], status
        assert balance.lost == {50} and len(balance.gaps) == 1 and not balance.never_sent
        assert len({arrival.stream for arrival in balance.firsts}) == 2, "a new stream for what follows"
        record("one bit of the store turned", "100 events in it", balance.figures())


FAILING_CALLS = [("pwrite64", "ENOSPC", 28), ("pwrite64", "EROFS", 30), ("pwrite64", "EIO", 5), ("fdatasync", "EIO", 5)]


@pytest.mark.skipif(not shutil.which("strace") or "-fsanitize" in os.environ.get("DEVBUS_CFLAGS", ""), reason="no strace")
@pytest.mark.parametrize("call, error, number", FAILING_CALLS)
def test_failing_system_calls_are_errors_and_no_losses(call, error, number):
    """Each third call on the files of the store fails for a while: whoever publishes hears of it."""
    with device() as it:
        it.publish_events(how_many(600, 3000), "rate=200")
        wait_until("some events", lambda: len(it.log().accepted) > 50)
        files = [word for path in it.state_folder("worker").iterdir() for word in ("-P", str(path))]
        tracer = subprocess.Popen(["strace", "-qq", "-f", "-p", str(it.process_id("worker")), "-o", "/dev/null", "-e", f"trace={call}",
                                   *files, "-e", f"inject={call}:error={error}:when=2+3"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until("an error", lambda: it.log().refused or tracer.poll() is not None)
            if tracer.poll() is not None:
                pytest.skip("strace may not look at other processes here")
            time.sleep(1)
        finally:
            tracer.terminate()
            tracer.wait(10)
        it.events_should_be_confirmed_within(60)
        balance = it.account_events()
        record("failing system calls", f"{call} {error}", balance.figures())
        assert set(balance.log.refused.values()) <= {number, 28, 5}
        assert not balance.lost and not balance.gaps and not balance.twice, balance.faults()
