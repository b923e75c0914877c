# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The books themselves: an accountant that finds nothing wrong must have been able to."""
from accounting import Arrival, Balance, Commands, Log, table


def arrive(n, seq=None, stream="s", **more):
    return Arrival({"n": n, "stream": stream, "seq": n if seq is None else seq, **more}, "cloud/event/worker/number")


def log_of(count, *more):
    return Log("".join(f"try {n} {n}\nok {n} {n}\n" for n in range(1, count + 1)), *more)


def test_all_is_well():
    balance = Balance(log_of(3), [arrive(1), arrive(2), arrive(3)])
    assert balance.faults() == []
    assert balance.figures() == {"accepted": 3, "refused": 0, "undecided": 0, "arrived": 3, "lost": 0, "dropped": 0, "unreported": 0,
                                 "gaps": 0, "repeats": 0, "disorder": 0, "wrong": 0}


def test_one_that_never_came_is_lost_by_content_and_by_seq():
    balance = Balance(log_of(3), [arrive(1), arrive(3)])
    assert balance.lost == {2} and balance.gaps == {("s", 2)} and balance.unreported == 1
    assert len(balance.faults()) == 2


def test_the_last_ones_are_lost_although_the_stream_has_no_gap():
    balance = Balance(log_of(3), [arrive(1)])
    assert balance.lost == {2, 3} and not balance.gaps and balance.faults()


def test_a_gap_in_the_stream_is_seen_although_all_content_came():
    balance = Balance(log_of(2), [arrive(1, seq=1), arrive(2, seq=3)])
    assert not balance.lost and balance.gaps == {("s", 2)} and balance.faults()


def test_a_stream_may_begin_anywhere():
    assert Balance(log_of(2), [arrive(1, seq=100), arrive(2, seq=101)]).faults() == []


def test_a_repeat_is_counted_and_is_no_disorder():
    balance = Balance(log_of(3), [arrive(1), arrive(2), arrive(1), arrive(2), arrive(3)])
    assert balance.repeats == 2 and balance.faults() == []


def test_a_repeat_that_differs_is_wrong():
    balance = Balance(log_of(2), [arrive(1), arrive(2), arrive(1, more="x")])
    assert balance.contradictions == {("s", 1)} and balance.faults()


def test_one_content_under_two_numbers_is_wrong():
    balance = Balance(log_of(1), [arrive(1, seq=1), arrive(1, seq=2)])
    assert balance.twice == {1} and balance.faults()


def test_an_event_that_was_overtaken_is_out_of_order():
    balance = Balance(log_of(3), [arrive(1), arrive(3), arrive(2)])
    assert balance.out_of_order == [("s", 2)] and balance.faults()


def test_what_a_broker_forgot_is_in_order_if_all_behind_it_comes_again():
    forgotten = [arrive(1), arrive(3), arrive(4)]
    again = [arrive(2), arrive(3), arrive(4)]
    assert Balance(log_of(4), forgotten + again).faults()
    assert Balance(log_of(4), forgotten + again).faults(forgotten_allowed=True) == []
    for missing in again:
        balance = Balance(log_of(4), forgotten + [arrival for arrival in again if arrival is not missing])
        assert balance.faults(forgotten_allowed=True), f"without {missing.key}"
    assert Balance(log_of(4), forgotten + again[1:] + again[:1]).out_of_turn == {("s", 3), ("s", 4)}


def test_order_is_kept_per_stream():
    assert Balance(log_of(4), [arrive(1, 1, "a"), arrive(3, 1, "b"), arrive(2, 2, "a"), arrive(4, 2, "b")]).faults() == []


def test_what_was_cut_off_may_come_or_not():
    assert Balance(log_of(1, "try 2 2\n"), [arrive(1)]).faults() == []
    assert Balance(log_of(1, "try 2 2\n"), [arrive(1), arrive(2)]).faults() == []
    assert log_of(1, "try 2 2\n").undecided == {2}


def test_what_was_refused_must_not_come():
    log = log_of(1, "try 2 2\nno 2 2 28\n")
    assert log.refused == {2: 28} and not log.undecided
    assert Balance(log, [arrive(1)]).faults() == []
    assert Balance(log, [arrive(1), arrive(2)]).faults()


def test_what_nobody_sent_must_not_come():
    assert Balance(log_of(1), [arrive(1), arrive(7, seq=2)]).never_sent == {7}


def test_drops_are_in_order_only_when_they_are_told():
    arrivals = [arrive(1), arrive(4, dropped=2)]
    assert Balance(log_of(4), arrivals).faults(drops_allowed=True) == []
    assert Balance(log_of(4), arrivals).faults()
    assert Balance(log_of(5), [arrive(1), arrive(5, dropped=2)]).unreported == 1
    assert Balance(log_of(5), [arrive(1), arrive(5, dropped=2)]).faults(drops_allowed=True)


def test_a_repeat_tells_its_drops_once():
    assert Balance(log_of(4), [arrive(1), arrive(4, dropped=2), arrive(4, dropped=2)]).dropped_told == 2


def test_events_without_a_stream_are_counted_by_content():
    balance = Balance(log_of(3), [Arrival({"n": 1}), Arrival({"n": 2}), Arrival({"n": 2})])
    assert balance.lost == {3} and balance.twice == {2}


def test_batches_are_ranges():
    log = Log("try 1 10\nok 1 10\ntry 11 20\nno 11 20 5\ntry 21 30\n")
    assert log.accepted == set(range(1, 11)) and set(log.refused) == set(range(11, 21)) and log.undecided == set(range(21, 31))


def test_confirmations_are_counted():
    assert Log("try 1 1\nok 1 1\nconfirmed\n", "try 2 2\nunconfirmed 110\nconfirmed\n").confirmations == 2


def life(identity, *states, start=1):
    return [{"id": identity, "state": state, "stream": "s", "seq": start + i} for i, state in enumerate(states)]


def test_each_command_has_one_final_state():
    events = life("a", "accepted", "succeeded") + life("b", "accepted", start=5) + life("c", "failed", "succeeded", start=9)
    commands = Commands(events + life("a", "accepted", "succeeded"))
    assert commands.faults(["a"]) == [] and commands.state("a") == "succeeded"
    assert len(commands.faults(["a", "b", "c", "d"])) == 3


def test_a_command_runs_at_most_once_and_not_never():
    commands = Commands(life("a", "accepted", "succeeded") + life("b", "accepted", "failed", start=4))
    assert commands.faults(["a", "b"], Log("run a\nrun b\n")) == []
    assert commands.faults(["a"], Log("run a\nrun a\n"))
    assert commands.faults(["a"], Log(""))
    assert commands.faults(["b"], Log("")) == [], "failed before it began"


def test_table_has_all_columns():
    lines = table("title", [("one", {"a": 1}), ("two", {"a": 22, "b": 3})])
    assert lines[0] == "title" and lines[1].split() == ["a", "b"] and lines[3].split() == ["two", "22", "3"]
