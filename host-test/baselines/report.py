"""Writes docs/baselines.md and docs/baselines.svg."""

import platform
from datetime import date
from html import escape

OWN = "entra-risk"
COLORS = ["#0000ff", "#00a0ff", "#c000c0", "#ff0000", "#e08000", "#008000", "#808080"]

NOTE = """\
# Against what people use today

![Good ids done over time](baselines.svg)

{users} users, of which {bad} are bad ids, with the model of Microsoft Graph as a server on loopback, in real time. The
service accepts one request per second (a sliding window in which refused requests count), responds after 0.2 to 1 s,
answers 2 % of the requests with 503 (half of them after it applied the action), refuses a request with a bad id with
404, and revokes the token in use 10 s after the first request (401 with a claims challenge). Each contender runs alone,
with a new service, in chunks of 60 ids, written as its own documentation shows: `host-test/baselines/contenders`. Those
written by hand drop their token after a 401, so that only one request is lost to it.

"""

TABLE_NOTE = """
- *Time*: from the start of the process to its end, with the time to load its packages.
- *All good ids done*: the time at which the last of the {good} good ids was applied, since the start of the process. A
  contender that leaves good ids undone has none.
- *Good ids done*, *left undone*: by the record of the service, not by the contender's.
- *Unknown*: ids whose last error leaves open whether they were applied, as the caller sees it.
- *Memory*: the peak of the resident memory of the process. *Installed*: what the packages take on the disk, without
  Python, Node, and what only a build needs.
- One id per request: measured with the first {first} users, of which {first_bad} are bad ids. Time, ids and requests are
  10 times the measured ones.

## The result as the caller sees it

Ids by the status with which their last request ended.

"""


def write(folder, contenders, runs):
    (folder / "baselines.svg").write_text(plot(contenders), encoding="utf-8")
    users = max(row["ids"] for row in contenders)
    good = max(row["good"] for row in contenders)
    part = min(contenders, key=lambda row: row["ids"])
    statuses = sorted({status for row in contenders for status in row["by_status"]})
    parts = [
        NOTE.format(users=users, bad=users - good),
        table(
            ["", "time", "all good ids done", "good ids done", "left undone", "unknown", "requests", "429", "memory", "installed"],
            [summary(row) for row in contenders],
        ),
        TABLE_NOTE.format(good=good, first=part["ids"], first_bad=part["ids"] - part["good"]),
        table(["", *statuses], [[row["name"], *(str(row["times"] * row["by_status"].get(s, 0)) for s in statuses)] for row in contenders]),
        "\n## What entra-risk is not first in\n\n",
        *(f"- {line}\n" for line in not_first(contenders)),
        "\n## At the limit on a real connection\n\n",
        "2 400 users, 40 requests, from Python, with a service without faults that responds in 0.2 s. The floor is 39 s.\n\n",
        table(
            ["run", "first request to last", "whole process", "429", "ids accepted"],
            [
                [str(n), f"{run['span']:.1f} s", f"{run['seconds']:.1f} s", str(run["throttled"]), str(len(run["done_at"]))]
                for n, run in enumerate(runs, 1)
            ],
        ),
        "\n## Versions\n\n",
        table(["", "package"], [[row["name"], f"`{row['package']}`"] for row in contenders]),
        f"\nPython {platform.python_version()}, {platform.system()} {platform.machine()}, 2 cores shared with other work,"
        f" {date.today():%B %Y}. Again: `host-test/baselines/run`, about 15 minutes.\n",
    ]
    (folder / "baselines.md").write_text("".join(parts), encoding="utf-8")


def summary(row):
    times = row["times"]
    done = len(row["done_at"])
    return [
        row["name"],
        f"{times * row['seconds']:.0f} s",
        f"{times * row['done_at'][-1]:.0f} s" if done == row["good"] else "-",
        str(times * done),
        str(times * (row["good"] - done)),
        str(times * row["unknown"]),
        str(times * row["requests"]),
        str(times * row["throttled"]),
        f"{row['memory_kib'] / 1024:.0f} MiB",
        f"{row['installed'] / 2**20:.1f} MiB",
    ]


def table(header, rows):
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells):
        first, *others = (cell.rjust(width) for cell, width in zip(cells, widths))
        return "| " + " | ".join([first.strip().ljust(widths[0]), *others]) + " |\n"

    rule = "|" + "|".join([":" + "-" * (widths[0] + 1), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|\n"
    return line(header) + rule + "".join(map(line, rows))


def not_first(contenders):
    """A line for each measure in which a contender is ahead of the better of the two hosts of this plugin."""
    measures = [
        ("time until the process ends", lambda row: row["times"] * row["seconds"], lambda value: f"{value:.0f} s"),
        ("requests", lambda row: row["times"] * row["requests"], str),
        ("429s", lambda row: row["times"] * row["throttled"], str),
        ("memory", lambda row: row["memory_kib"], lambda value: f"{value / 1024:.0f} MiB"),
        ("installed size", lambda row: row["installed"], lambda value: f"{value / 2**20:.1f} MiB"),
        ("good ids left undone", lambda row: row["times"] * (row["good"] - len(row["done_at"])), str),
        ("ids whose fate is unknown", lambda row: row["times"] * row["unknown"], str),
    ]
    for name, value, form in measures:
        own = [row for row in contenders if row["name"].startswith(OWN)]
        for row in own:
            ahead = [other for other in contenders if other not in own and value(other) < value(row)]
            if ahead:
                best = min(ahead, key=value)
                yield (f"{name}: {row['name']} {form(value(row))}; {best['name']} {form(value(best))}"
                       f" ({best['times'] * len(best['done_at'])} good ids done)")


def plot(contenders):
    """Good ids done over time, as steps."""
    width, height, left, bottom, top, right = 900, 480, 60, 50, 40, 20
    longest = max(row["seconds"] for row in contenders if row["times"] == 1)
    good = max(row["good"] for row in contenders)

    def x(seconds):
        return left + (width - left - right) * min(seconds, longest) / longest

    def y(ids):
        return height - bottom - (height - bottom - top) * ids / good

    def text(at_x, at_y, content, anchor="middle", color="#000000"):
        return f'<text x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(content)}</text>'

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(width / 2, 22, f"Good ids done, of {good}, over the seconds since the start of the process"),
        f'<path d="M{left} {top}V{height - bottom}H{width - right}" fill="none" stroke="#000000"/>',
    ]
    for seconds in range(0, int(longest) + 1, 20):
        lines.append(text(x(seconds), height - bottom + 18, f"{seconds} s"))
    for ids in range(0, good + 1, 200):
        lines.append(text(left - 8, y(ids) + 4, str(ids), "end"))
        lines.append(f'<path d="M{left} {y(ids):.1f}H{width - right}" stroke="#dddddd"/>')
    for number, (row, color) in enumerate(zip(contenders, COLORS)):
        # The ids of one request are done at the same time: the last of them remains.
        steps = {at: done for done, at in enumerate(row["done_at"], 1) if at <= longest}
        path = f"M{x(0):.1f} {y(0):.1f}" + "".join(f"H{x(at):.1f}V{y(done):.1f}" for at, done in steps.items())
        path += f"H{x(row['seconds']):.1f}"
        lines.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        if row["seconds"] < longest:
            done = len(row["done_at"])
            lines.append(f'<circle cx="{x(row["seconds"]):.1f}" cy="{y(done):.1f}" r="4" fill="{color}"/>')
        lines.append(f'<path d="M{left + 15} {top + 16 + 20 * number}h24" stroke="{color}" stroke-width="2"/>')
        lines.append(text(left + 46, top + 20 + 20 * number, row["name"], "start"))
    return "\n".join([*lines, text((width + left) / 2, height - 10, "A dot marks the end of a contender"), "</svg>", ""])
