# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Free ports for the brokers of tests. A port that was looked at and left again can be had twice, by a broker that needs four
or by two tests at a time: one run in three met that. So a process keeps a block of ports to itself for as long as it lives, and
gives each out once. The claim is a name that the kernel frees with the process.
Not of the range from which the kernel takes ports for connections: a client that tries to reach a stopped broker would sooner or
later be given the broker's port, and keep it."""
import random
import socket

FIRST, LAST, BLOCK = 10000, 30000, 50

_claims = []


def _claimed():
    starts = list(range(FIRST, LAST, BLOCK))
    random.shuffle(starts)
    for start in starts:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0devbus-test-ports-{start}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        yield from range(start, start + BLOCK)
    raise RuntimeError(f"all ports from {FIRST} to {LAST} are taken by tests")


def _is_free(port):
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_ports = filter(_is_free, _claimed())


def free_port():
    return next(_ports)
