# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Prints the figures of a run of `make check-faults` as tables, one for each scenario."""
import json
import sys
from pathlib import Path

from accounting import table


def main(path):
    titles = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []:
        row = json.loads(line)
        titles.setdefault(row.pop("title"), []).append((row.pop("name"), row))
    for title, rows in titles.items():
        print(*table(title, rows), "", sep="\n")
    if not titles:
        print("nothing was measured")


main(sys.argv[1])
