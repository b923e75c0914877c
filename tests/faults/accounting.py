# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Keeps the books on messages. One side is the publisher's log (the lines of worker.c), the other one what arrived at the
cloud; the balance says what was lost, repeated, out of order or not reported, by the number in the content as well as by
stream and seq, so that neither the publisher nor the library is taken at its word."""
import json
from collections import Counter


class Log:
    """What a publisher says it did. Several logs, one after another, make one book."""

    def __init__(self, *texts):
        self.tried, self.accepted, self.refused = set(), set(), {}
        self.ran, self.resumed, self.confirmations = Counter(), Counter(), 0
        for text in texts:
            for line in text.splitlines():
                self._take(line.split())

    def _take(self, words):
        kind = words[0] if words else ""
        if kind in ("try", "ok", "no") and len(words) >= 3:
            numbers = range(int(words[1]), int(words[2]) + 1)
            if kind == "try":
                self.tried.update(numbers)
            elif kind == "ok":
                self.accepted.update(numbers)
            else:
                self.refused.update(dict.fromkeys(numbers, int(words[3])))
        elif kind == "run" and len(words) == 2:
            self.ran[words[1]] += 1
        elif kind == "resume" and len(words) == 2:
            self.resumed[words[1]] += 1
        elif kind == "confirmed":
            self.confirmations += 1

    @property
    def undecided(self):
        """Cut off between the attempt and its outcome: they may have been accepted or not."""
        return self.tried - self.accepted - set(self.refused)


class Arrival:
    """One event as the cloud got it."""

    def __init__(self, event, topic="", at=0.0):
        if isinstance(event, (bytes, str)):
            event = json.loads(event)
        self.event, self.topic, self.at = event, topic, at
        self.n, self.stream, self.seq = event.get("n"), event.get("stream"), event.get("seq")
        self.dropped = event.get("dropped", 0)

    @property
    def key(self):
        """What it is the same event by; None: of a kind that is not numbered."""
        return (self.stream, self.seq) if self.stream is not None and self.seq is not None else None

    def content(self):
        return self.topic, json.dumps(self.event, sort_keys=True)


class Balance:
    """All sets are of numbers in the content unless said otherwise."""

    def __init__(self, log, arrivals):
        self.log, self.arrivals = log, list(arrivals)
        self.firsts = self._first_arrivals()
        numbers = Counter(arrival.n for arrival in self.firsts if arrival.n is not None)
        self.arrived = set(numbers)
        self.lost = log.accepted - self.arrived
        self.never_sent = self.arrived - log.tried
        self.despite_refusal = self.arrived & set(log.refused)
        self.twice = {n for n, count in numbers.items() if count > 1}  # as different events
        self.dropped_told = sum(arrival.dropped for arrival in self.firsts)
        self.gaps, self.out_of_order = self._walk_streams()

    def _first_arrivals(self):
        """Without repeats; counts them, and the repeats that are not the same: (stream, seq)."""
        seen, firsts = {}, []
        self.repeats, self.contradictions = 0, set()
        for arrival in self.arrivals:
            if arrival.key is None:
                firsts.append(arrival)
            elif arrival.key not in seen:
                seen[arrival.key] = arrival.content()
                firsts.append(arrival)
            else:
                self.repeats += 1
                if seen[arrival.key] != arrival.content():
                    self.contradictions.add(arrival.key)
        return firsts

    def _walk_streams(self):
        """Numbers of each stream that did not come, as (stream, seq); and the events that a later one overtook."""
        last, seqs, overtaken = {}, {}, []
        for arrival in self.firsts:
            if arrival.key is None:
                continue
            if arrival.seq < last.get(arrival.stream, 0):
                overtaken.append(arrival.key)
            last[arrival.stream] = max(arrival.seq, last.get(arrival.stream, 0))
            seqs.setdefault(arrival.stream, set()).add(arrival.seq)
        gaps = {(stream, seq) for stream, there in seqs.items() for seq in range(min(there), max(there)) if seq not in there}
        return gaps, overtaken

    @property
    def out_of_turn(self):
        """What somebody never gets who takes of each stream the next event only: those behind one that has not come yet must come
        once more behind it."""
        numbered, taken = [arrival for arrival in self.arrivals if arrival.key], {}
        for arrival in numbered:  # a stream may begin anywhere
            taken[arrival.stream] = min(arrival.seq - 1, taken.get(arrival.stream, arrival.seq))
        for arrival in numbered:
            if arrival.seq == taken[arrival.stream] + 1:
                taken[arrival.stream] = arrival.seq
        return {arrival.key for arrival in numbered if arrival.seq > taken[arrival.stream]}

    @property
    def unreported(self):
        """How many are lost beyond what was told in `dropped`."""
        return max(0, len(self.lost) - self.dropped_told)

    def faults(self, drops_allowed=False, forgotten_allowed=False):
        """Sentences; empty: the books are in order. @forgotten_allowed: the broker may forget what it has confirmed, so that it is
        sent again behind later ones."""
        found = []

        def blame(what, wrong):
            if wrong:
                some = sorted(wrong)[:5]
                found.append(f"{len(wrong)} {what}, such as {some}")
        if drops_allowed:
            if self.unreported:
                found.append(f"{len(self.lost)} accepted events lost, but {self.dropped_told} told as dropped")
        else:
            blame("accepted events lost", self.lost)
            blame("gaps in the numbers of a stream", self.gaps)
        blame("events came that were never sent", self.never_sent)
        blame("events came that had been refused", self.despite_refusal)
        blame("events came twice with different numbers of the stream", self.twice)
        blame("repeats differ from the first", self.contradictions)
        if forgotten_allowed:
            blame("events came behind later ones, which did not come again", self.out_of_turn)
        else:
            blame("events came behind later ones", self.out_of_order)
        return found

    def figures(self):
        """For a table; the values are counts."""
        return {"accepted": len(self.log.accepted), "refused": len(self.log.refused), "undecided": len(self.log.undecided),
                "arrived": len(self.arrived), "lost": len(self.lost), "dropped": self.dropped_told,
                "unreported": self.unreported, "gaps": len(self.gaps), "repeats": self.repeats,
                "disorder": len(self.out_of_order), "wrong": len(self.never_sent | self.despite_refusal | self.twice) +
                len(self.contradictions)}


FINAL_STATES = ("succeeded", "failed", "rejected")


class Commands:
    """The lives of commands, by id, from the events of one service: for each id the states with their (stream, seq)."""

    def __init__(self, events):
        self.lives = {}
        for event in events:
            if "id" in event and "state" in event:
                self.lives.setdefault(event["id"], []).append(event)

    def finals(self, identity):
        """The different final events of @identity; a repeat of the same one is no other one."""
        return {(event.get("stream"), event.get("seq"), event["state"])
                for event in self.lives.get(identity, []) if event["state"] in FINAL_STATES}

    def faults(self, identities, log=None):
        found = []
        for identity in identities:
            finals = self.finals(identity)
            if len(finals) != 1:
                found.append(f"{identity} has {len(finals)} final states: {sorted(map(str, finals))}")
            elif log and log.ran[identity] > 1:
                found.append(f"{identity} ran {log.ran[identity]} times")
            elif log and not log.ran[identity] + log.resumed[identity] and self.state(identity) == "succeeded":
                found.append(f"{identity} succeeded and never ran")
        return found

    def state(self, identity):
        finals = self.finals(identity)
        return next(iter(finals))[2] if len(finals) == 1 else None


def table(title, rows):
    """Lines of text: one row for each (name, figures)."""
    if not rows:
        return [title, "  (nothing was measured)"]
    columns = list(dict.fromkeys(key for _, figures in rows for key in figures))
    cells = [["", *columns]] + [[name, *(str(figures.get(key, "")) for key in columns)] for name, figures in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns) + 1)]
    return [title] + ["  " + row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))
                      for row in cells]
