# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Prints each test of a pytest run as a line of TAP, which automake's driver counts. What failed says why in its line, which is all
that the console shows, and in full as comments, which are in the log."""

import sys
from pathlib import Path

REASON_CHARACTERS = 300

count = 0
out = sys.stdout


def say(text):
    out.write(text + "\n")
    out.flush()


def why(report):
    """The exception in one line, where it was raised, and during what if not in the test itself."""
    crash = getattr(report.longrepr, "reprcrash", None)
    where = f" ({Path(crash.path).name}:{crash.lineno})" if crash else ""
    words = (crash.message if crash else str(report.longrepr)).replace("#", "").split("\nassert ")[0]
    during = "" if report.when == "call" else f"{report.when}: "
    return during + " ".join(words.split())[:REASON_CHARACTERS] + where


def pytest_addoption(parser):
    # The terminal reporter, which is switched off, owns this one, and assertions ask for it.
    parser.addoption("--tap-verbose", dest="verbose", type=int, default=0)


def pytest_runtest_logreport(report):
    global count
    if report.when != "call" and report.passed:
        return
    if report.when == "teardown" and not report.failed:
        return
    count += 1
    name = report.nodeid.split("::", 1)[-1].replace("#", "")
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        say(f"ok {count} - {name} # SKIP {reason}")
    elif report.passed:
        say(f"ok {count} - {name}")
    else:
        for line in report.longreprtext.splitlines():
            say("# " + line)
        for title, text in report.sections:
            for line in text.splitlines():
                say(f"# {title}: {line}")
        say(f"not ok {count} - {name}: {why(report)}")


def pytest_collectreport(report):
    global count
    if report.failed:
        count += 1
        for line in str(report.longrepr).splitlines():
            say("# " + line)
        say(f"not ok {count} - collecting {report.nodeid}")


def pytest_sessionfinish(session):
    say(f"1..{count}" if count else "1..0 # SKIP nothing could be run")
