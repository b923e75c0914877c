# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Tables and pictures of a run: figures.md in Markdown, and SVG that needs no program to be made. A picture shows medians, and a thin line from
the least to the most of all rounds."""
import statistics
from html import escape

from bench_kit import machine

# case, figure, unit, title; bars by contender or by parameter, on a scale from nought
PICTURES = [
    ("echo", "p50_us", "us", "A call of 100 bytes and its answer, median"),
    ("events", "per_s", "events/s", "Events of 100 bytes from one publisher"),
    ("durable", "per_s", "events/s", "Events on disk"),
    ("chatter", "p50_us", "us", "The call while others talk, median"),
    ("fan-out", "us_each", "us", "One event to many: time for each subscriber"),
    ("subscriptions", "cpu_us", "us", "Processor time of an event for one of many subscriptions"),
    ("reconnect", "ms", "ms", "A broker back: until all services are"),
]

# what, figure, one, other, goal
RATIOS = [
    ("devbus_call / MQTTClient", "p50_us", ("echo", "devbus_call", ""), ("echo", "MQTTClient", ""), "<= 1.25"),
    ("devbus_call / sd-bus", "p50_us", ("echo", "devbus_call", ""), ("echo", "sd-bus, dbus-daemon", ""), "<= 1.6"),
    ("devbus_call / libmosquitto", "p50_us", ("echo", "devbus_call", ""), ("echo", "libmosquitto, TCP", ""), ""),
    ("events/s, QoS 0: devbus / MQTTClient", "per_s", ("events", "devbus", "QoS 0"), ("events", "MQTTClient", "QoS 0"), ">= 0.95"),
    ("events/s, QoS 1: devbus / MQTTClient", "per_s", ("events", "devbus", "QoS 1"), ("events", "MQTTClient", "QoS 1"), ">= 0.95"),
    ("processor per event, QoS 0: devbus / MQTTClient", "cpu_us", ("events", "devbus", "QoS 0"), ("events", "MQTTClient", "QoS 0"), "<= 1.1"),
    ("processor per event, QoS 1: devbus / MQTTClient", "cpu_us", ("events", "devbus", "QoS 1"), ("events", "MQTTClient", "QoS 1"), "<= 1.1"),
    ("durable, one at a time / write and fdatasync", "per_s", ("durable", "devbus", "one at a time"),
     ("durable", "disk", "write and fdatasync"), ">= 0.8"),
    ("processor per event, 10 000 subscriptions / 1", "cpu_us", ("subscriptions", "devbus", "10000"), ("subscriptions", "devbus", "1"), "<= 1.5"),
    ("call beside 198 services / alone", "p50_us", ("crowd", "devbus_call", "198"), ("crowd", "devbus_call", "0"), "<= 1.5"),
    ("exec to online: devbus / MQTTClient", "ms", ("start", "devbus", "exec to online"), ("start", "MQTTClient", "exec to online"), ""),
]

HIDDEN = {"count", "began_s", "ended_s", "took_s", "delivered"}
WIDTH, LEFT, BAR, GAP = 760, 260, 18, 8


def write(bench, folder):
    folder.mkdir(parents=True, exist_ok=True)
    bench.table.write(folder / "figures.csv")
    pictures = [draw(bench.table, folder, *picture) for picture in PICTURES if any(row[0] == picture[0] for row in bench.table.rows)]
    lines = ["# Figures of one run of `make bench`", "", f"Machine: {machine()}.", "", *ratios(bench.table), *(line for name in cases(bench.table) for line in one_case(bench.table, name))]
    lines += [f"![{title}]({name})" for name, title in pictures]
    (folder / "figures.md").write_text("\n".join(lines) + "\n")
    return lines


def cases(table):
    return dict.fromkeys(row[0] for row in table.rows)


def rows_of(table, case):
    return list(dict.fromkeys(row[1:3] for row in table.rows if row[0] == case))


def short(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratios(table):
    lines = []
    for what, figure, one, other, goal in RATIOS:
        found = table.ratios(figure, one, other)
        if found:
            lines.append(f"| {what} | {statistics.median(found):.2f} | {min(found):.2f} .. {max(found):.2f} | {goal} |")
    return ["| ratio within a round | median | least .. most | goal |", "| --- | --- | --- | --- |", *lines, ""] if lines else []


def one_case(table, case):
    figures = [name for name in dict.fromkeys(row[4] for row in table.rows if row[0] == case) if name not in HIDDEN]
    lines = [f"### {case}", "", f"| contender | | {' | '.join(figures)} |", "| --- | --- |" + " --- |" * len(figures)]
    for contender, parameter in rows_of(table, case):
        cells = [table.median(case, contender, parameter, figure) for figure in figures]
        lines.append(f"| {contender} | {parameter} | {' | '.join('' if cell is None else short(cell) for cell in cells)} |")
    return [*lines, ""]


def draw(table, folder, case, figure, unit, title):
    rows = rows_of(table, case)
    values = [list(table.values(case, *row, figure).values()) for row in rows]
    scale = (WIDTH - LEFT - 90) / max(max(one) for one in values)
    height = 40 + len(rows) * (BAR + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/><text x="8" y="20" font-weight="bold">{escape(title)} ({unit})</text>']
    for number, (row, rounds) in enumerate(zip(rows, values)):
        y, middle = 34 + number * (BAR + GAP), statistics.median(rounds)
        ours = "devbus" in row[0]
        parts.append(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(label(row))}</text>'
                     f'<rect x="{LEFT}" y="{y}" width="{middle * scale:.1f}" height="{BAR}" fill="{"#2a6fb0" if ours else "#b8c4ce"}"/>'
                     f'<line x1="{LEFT + min(rounds) * scale:.1f}" x2="{LEFT + max(rounds) * scale:.1f}" y1="{y + BAR / 2}" y2="{y + BAR / 2}" stroke="black"/>'
                     f'<text x="{LEFT + max(*rounds, middle) * scale + 6:.1f}" y="{y + 14}">{short(middle)}</text>')
    name = f"{case}.svg"
    (folder / name).write_text("\n".join([*parts, "</svg>"]) + "\n")
    return name, title


def label(row):
    return ", ".join(part for part in row if part)
