# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The service `config` is killed in the middle of changes: its file is one of the revisions, whole, at any time; a change that was told
as succeeded is never lost; and each has one final state (protocol 4.4, 7.2, 7.3)."""
import json
import os
import random
import signal
import threading
import time

from fault_kit import SEED, device, how_many, measured, record, wait_until

from accounting import Commands

SETS, KILLS = how_many(50, 1000), how_many(5, 30)
DELAY_MAX_S = 0.04  # a change takes about this long


class Section:
    """What the device has on disk."""

    def __init__(self, it):
        self.path = it.state_folder("config") / "sections" / "worker.json"

    def read(self):
        """What a start of `config` would find; it is whole, or this fails."""
        section = json.loads(self.path.read_text())
        assert isinstance(section["revision"], int) and isinstance(section["values"], dict), section
        return section


def pid_of_config(it):
    return int((it.folder / "bed" / "run" / "config.pid").read_text())


def wait_for_end(it, identity, args):
    """As the sender of protocol 4.4: it repeats the command until it sees an event. Returns the final one."""
    def events():
        return [m.event() for m in it.cloud.find(lambda m: m.topic == "cloud/event/config/set" and m.event().get("id") == identity)]

    for _ in range(60):
        if not it.cloud.wait_for(lambda m: m.topic == "cloud/event/config/set" and m.event().get("id") == identity, 1):
            it.send_command("config", "set", args, identity)
            continue
        return wait_until(f"the end of {identity}", lambda: [e for e in events() if e["state"] in ("succeeded", "failed", "rejected")], 60)[-1]
    raise AssertionError(f"nothing was heard of {identity}")


def kill_at_random(it, chance, pid, order):
    """Some time while the change goes its way, from before its command is read until after its answer."""
    timer = threading.Timer(chance.uniform(0, DELAY_MAX_S), os.kill, (pid, signal.SIGKILL))
    timer.start()
    order()
    timer.join()


def kill_on_trial(it, section, pid, order, number):
    """While its owner has not answered."""
    it.freeze("worker")
    order()
    wait_until("the trial", lambda: section.path.exists() and section.read().get("values") == {"ms": number})
    os.kill(pid, signal.SIGKILL)
    it.thaw("worker")


def restart_config(it, section, number):
    """Returns whether the change was on trial when it was cut."""
    it.kill_service("config")
    found = section.read() if section.path.exists() else {"revision": 0, "values": {}}
    assert found["values"].get("ms", 0) in (number - 1, number), found
    it.start_service("config", wait="no")
    return "trial" in found


def get_with_report(it):
    """None: `config` has just been started again, and has not heard the owner yet."""
    identity = it.send_command("config", "get", {"section": "worker"})
    found = it.command_should_end_within(10, "config", "get", identity, "succeeded")["result"]
    return found if "reported" in found else None


def test_sets_while_config_is_killed():
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    with device() as it:
        it.start_service("worker")
        section, revision, trials, began = Section(it), 0, 0, time.monotonic()
        moments = set(chance.sample(range(1, SETS + 1), KILLS))
        identities = [f"s{number}" for number in range(1, SETS + 1)]
        for number, identity in enumerate(identities, 1):
            args = {"section": "worker", "values": {"ms": number}}

            def order():
                it.send_command("config", "set", args, identity)

            if number not in moments:
                order()
            elif len(moments) % 3:
                kill_at_random(it, chance, pid_of_config(it), order)
            else:
                kill_on_trial(it, section, pid_of_config(it), order, number)
            if number in moments:
                moments.remove(number)
                trials += restart_config(it, section, number)
            final = wait_for_end(it, identity, args)
            assert final["state"] == "succeeded", final
            assert final["result"]["revision"] > revision and final["result"]["values"] == {"ms": number}, final
            revision = final["result"]["revision"]
            found = section.read()
            assert (found["revision"], found["values"]) == (revision, {"ms": number}), "an acknowledged change is lost"
        seconds = time.monotonic() - began
        events = [m.event() for m in it.cloud.find(lambda m: m.topic == "cloud/event/config/set")]
        assert not Commands(events).faults(identities)
        it.forget_messages()
        last = wait_until("the owner's word", lambda: get_with_report(it))
        assert last["values"] == last["reported"]["values"] == {"ms": SETS}
    record("config/set while config is killed", "1 owner", {
        "sets": SETS, "kills": KILLS, "trials_cut": trials, "seconds": round(seconds, 1), "revision": revision})
    measured("acknowledged changes of the configuration lost", 0, 0)
