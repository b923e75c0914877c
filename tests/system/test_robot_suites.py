# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The suites for Robot Framework stay in step with the library whether Robot is installed or not."""
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from DevbusLibrary import DevbusLibrary
from robot_words import by_name, by_place, cases, own_keywords, steps, uses, why_not

ROBOT = importlib.util.find_spec("robot")
HAVE_ROBOT = bool(ROBOT and ROBOT.origin)  # the folder beside this file has the name too, and is no package
SUITES = sorted((Path(__file__).resolve().parent / "robot").glob("*.robot"))


def test_there_are_suites():
    assert len(SUITES) >= 5 and sum(len(cases(path.read_text())) for path in SUITES) >= 10


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_keywords_exist_and_take_these_arguments(path):
    text = path.read_text()
    found = list(uses(text))
    assert found
    wrong = [why for keyword, arguments in found if keyword.lower() not in own_keywords(text)
             for why in [why_not(DevbusLibrary(), keyword, arguments)] if why]
    assert not wrong, wrong


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_suites_speak_the_words_of_the_cloud_only(path):
    text = path.read_text()
    assert "service/" not in text and "$SYS" not in text and path.read_text().startswith("# SPDX-License-Identifier")


@pytest.mark.parametrize("line, good", [
    ("    Start Device", True),
    ("    ${id} =    Send Command    sensor    ping", True),
    ("    ${id}    Send Command    sensor    ping    expires=x", True),
    ("    Should Receive Within    5    event/a/b    id=x    error__code=y", True),
    ("    Should Receive Within    5", False),
    ("    Send Comand    sensor    ping", False),
    ("    Kill Broker    local    cloud", False),
    ("    Heal Link    now", False),
    ("    Should Receive Within\n    ...    5\n    ...    event/a/b", True),
    ("    [Teardown]    Heal Link", True),
    ("    _testbed    up", False),
])
def test_tokenizer(line, good):
    found = list(uses("*** Test Cases ***\nA\n" + line))
    assert len(found) == 1
    assert (why_not(DevbusLibrary(), *found[0]) is None) == good


@pytest.mark.skipif(not HAVE_ROBOT, reason=f"Robot Framework is not installed; {len(SUITES)} suites are not run")
def test_run_with_robot(tmp_path):
    done = subprocess.run([sys.executable, "-m", "robot", "--outputdir", tmp_path, "--pythonpath", SUITES[0].parents[1], *SUITES],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout


LONG = os.environ.get("DEVBUS_LONG") == "1"


@pytest.mark.skipif(not LONG or HAVE_ROBOT, reason="long: make check-faults")
@pytest.mark.parametrize("path", SUITES if LONG else SUITES[:1], ids=lambda path: path.stem)
def test_run_without_robot(path):
    """The keywords one after another, as Robot would call them: as text."""
    library, variables = DevbusLibrary(), {}
    text = path.read_text()
    assert not own_keywords(text)
    todo = list(steps(text))
    fixed = {case: keyword for case, _, keyword, _ in todo if case.startswith(("suite", "test"))}

    def call(keyword, arguments):
        for name, value in variables.items():
            arguments = [argument.replace(name, str(value)) for argument in arguments]
        method = getattr(library, keyword.lower().replace(" ", "_"))
        return method(*by_place(method, arguments), **by_name(method, arguments))
    try:
        call(fixed["suite setup"], [])
        last = None
        for case, names, keyword, arguments in todo:
            if case in fixed:
                continue
            if case != last:
                call(fixed["test setup"], [])
                last = case
            result = call(keyword, arguments)
            variables.update(dict.fromkeys(names, result))
    finally:
        call(fixed["suite teardown"], [])
