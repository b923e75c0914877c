# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""As much of the syntax of Robot Framework as is needed to say which keywords a suite uses, and with which arguments. Robot
itself need not be there."""
import inspect
import re

BUILT_IN = {"set variable": (1, None), "log": (1, None), "sleep": (1, 2), "should be equal": (2, None)}
_ASSIGNMENT = re.compile(r"^[$@&]\{[^}]+\} ?=?$")
_SETTINGS_WITH_KEYWORDS = {"suite setup", "suite teardown", "test setup", "test teardown", "[setup]", "[teardown]"}


def rows(text):
    """The cells of each line, with the name of its section; continuation lines (...) are joined."""
    section, found = "", []
    for line in text.splitlines():
        if line.startswith("***"):
            section = line.strip("* \t").lower()
            continue
        cells = [cell for cell in re.split(r"  +|\t+", line.rstrip()) if not cell.startswith("#")]
        if not any(cells):
            continue
        if len(cells) > 1 and "..." in cells[:2]:
            found[-1][1].extend(cells[cells.index("...") + 1:])
        else:
            found.append((section, cells))
    return found


def _bare(words):
    """The variables that the row sets, and the rest of it, without [Setup] and the like."""
    count = 0
    while count < len(words) and _ASSIGNMENT.match(words[count]):
        count += 1
    rest = words[count:]
    return [word.rstrip("= ") for word in words[:count]], rest[1:] if rest and rest[0].lower() in _SETTINGS_WITH_KEYWORDS else rest


def steps(text):
    """(case or setting, variables, keyword, arguments) of each use, in order."""
    case = ""
    for section, cells in rows(text):
        if section == "settings" and cells[0].lower() in _SETTINGS_WITH_KEYWORDS:
            yield cells[0].lower(), [], cells[1], cells[2:]
        elif section in ("test cases", "keywords"):
            case = cells[0] or case
            variables, words = _bare(cells[1:])
            if words and not words[0].startswith("["):
                yield case, variables, words[0], words[1:]


def uses(text):
    """(keyword, arguments) of each use."""
    return [(keyword, arguments) for _, _, keyword, arguments in steps(text)]


def cases(text):
    return [cells[0] for section, cells in rows(text) if section == "test cases" and cells[0]]


def own_keywords(text):
    return {cells[0].lower() for section, cells in rows(text) if section == "keywords" and cells[0]}


def why_not(library, keyword, arguments):
    """What is wrong with this use, or None."""
    if keyword.lower() in BUILT_IN:
        least, most = BUILT_IN[keyword.lower()]
        good = least <= len(arguments) and (most is None or len(arguments) <= most)
        return None if good else f"{keyword} takes {least} to {most} arguments"
    method = getattr(library, keyword.lower().replace(" ", "_"), None)
    if not callable(method) or keyword.startswith("_"):
        return f"{keyword} is no keyword"
    try:
        inspect.signature(method).bind(*by_place(method, arguments), **by_name(method, arguments))
    except TypeError as error:
        return f"{keyword} {arguments}: {error}"
    return None


def _is_named(method, argument):
    parameters = inspect.signature(method).parameters.values()
    name, equals, _ = argument.partition("=")
    return equals and (name in {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)} or
                       (name.isidentifier() and any(p.kind is p.VAR_KEYWORD for p in parameters)))


def by_place(method, arguments):
    return [argument for argument in arguments if not _is_named(method, argument)]


def by_name(method, arguments):
    return dict(argument.split("=", 1) for argument in arguments if _is_named(method, argument))
