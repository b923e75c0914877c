# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Prints the figures of a run of `make check-faults` as tables: one for each scenario, and a last one with what has a limit."""
import json
import sys
from pathlib import Path

from accounting import table


def main(path):
    titles, limits = {}, []
    for line in Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []:
        row = json.loads(line)
        if "measured" in row:
            limits.append((row["measured"], {"figure": row["figure"], "limit": row["limit"]}))
        else:
            titles.setdefault(row.pop("title"), []).append((row.pop("name"), row))
    for title, rows in titles.items():
        print(*table(title, rows), "", sep="\n")
    print(*table("figures that have a limit", limits), sep="\n")


main(sys.argv[1])
