"""Writes docs/baselines.md and docs/baselines.svg."""

import platform
import subprocess
from datetime import date
from html import escape
from math import inf

OWN = "entra-risk"
COLORS = ["#0000ff", "#00a0ff", "#c000c0", "#ff0000", "#e08000", "#008000", "#808080"]

NOTE = """\
# Against what people use today

The packages of this project, and what people use today, dismiss the risk of {users} users in real time. Microsoft Graph is its
model as a server on loopback: it accepts one request per second, by a sliding window in which refused requests count. Each
contender runs alone, with a new service, in chunks of 60 ids, written after its own documentation. The files in
`bench/comparison/contenders` state where they depart from it.

## Without faults

The service responds after 0.2 to 1 s and without faults; every id is good. The limit alone requires 19 s.

"""

CALM_NOTE = """
- *All done*: the time at which the last id was applied, since the start of the process. A contender that leaves ids undone has
  none.
- *Done*: the ids that the service applied, by its record, not by the contender's.
- *Import*: how much longer a process takes that imports the package than one that does not. What is loaded later counts in the
  first call. *First call*: a process that makes one call with one id, from its start to its end, with a service that responds
  after 20 ms. Medians of five.
- *Memory*: the peak of the resident memory of the process, during the {users} users.
- *Installed*: what `pip install` and `npm install` write to the disk. msgraph-sdk contains azure-identity. With the others it is
  optional: azure-identity takes {identity[0]:.1f} MiB more, @azure/identity {identity[1]:.1f} MiB.

## With faults and bad ids

![Good ids done over time](baselines.svg)

In addition, the service answers 2 % of the requests with 503 (half of them after it applied the action), revokes the token in
use 10 s after the first request (401 with a claims challenge), and refuses a request with a bad id with 404; {bad} of the ids
are bad. The programs with microsoft-graph-client and requests drop their token after a 401, so that only one request is
lost to it.

"""

ROUGH_NOTE = """
- *Time*: from the start of the process to its end.
- *Unknown*: ids whose last error leaves open whether they were applied, as the caller sees it.
- One id per request: measured with the first {first} users, {first_bad} of which are bad ids. Time, ids and requests are 10 times
  the measured ones, so that it has {first_good} good ids.

The result as the caller sees it, ids by the status with which their last request ended:

"""


def write(folder, rough, calm, startup, loopback):
    (folder / "baselines.svg").write_text(plot(rough), encoding="utf-8")
    node = subprocess.run(["node", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip().lstrip("v")
    users = max(row["ids"] for row in rough)
    good = max(row["good"] for row in rough)
    part = min(rough, key=lambda row: row["ids"])
    statuses = sorted({status for row in rough for status in row["by_status"]})
    identity = [size / 2**20 for size in startup.pop("identity")]
    for row in calm:
        row |= startup[row["package"]]
    parts = [
        NOTE.format(users=users),
        table(
            ["", "all done", "done", "left undone", "requests", "429", "import", "first call", "memory", "installed"],
            [
                [row["name"], all_done(row), *ids_and_requests(row), f"{row['load']:.2f} s", f"{row['first']:.2f} s", memory(row),
                 f"{row['installed'] / 2**20:.1f} MiB"]
                for row in calm
            ],
        ),
        CALM_NOTE.format(users=users, bad=users - good, identity=identity),
        table(
            ["", "time", "all good ids done", "done", "left undone", "requests", "429", "unknown", "memory"],
            [
                [row["name"], f"{row['times'] * row['seconds']:.0f} s", all_done(row), *ids_and_requests(row),
                 str(row["times"] * row["unknown"]), memory(row)]
                for row in rough
            ],
        ),
        ROUGH_NOTE.format(first=part["ids"], first_bad=part["ids"] - part["good"], first_good=part["times"] * part["good"]),
        table(
            ["", *statuses],
            [[row["name"], *(str(row["times"] * row["by_status"].get(status, 0)) for status in statuses)] for row in rough],
        ),
        "\n## What entra-risk is not first in\n\n",
        *(f"- without faults, {line}\n" for line in not_first(calm, CALM_MEASURES)),
        *(f"- with faults, {line}\n" for line in not_first(rough, ROUGH_MEASURES)),
        "\n## At the limit on a real connection\n\n",
        "2 400 users, 40 requests, from Python, with a service without faults that responds in 0.2 s. The floor is 39 s.\n\n",
        table(
            ["run", "first request to last", "whole process", "429", "ids accepted"],
            [
                [str(n), f"{run['span']:.1f} s", f"{run['seconds']:.1f} s", str(run["throttled"]), str(len(run["done_at"]))]
                for n, run in enumerate(loopback, 1)
            ],
        ),
        f"\nVersions: {', '.join(startup)}; Python {platform.python_version()}, Node {node}.\n{platform.system()}"
        f" {platform.machine()}, 2 cores shared with other work, {date.today():%B %Y}. Again: `bench/comparison/run`, about 25 minutes.\n",
    ]
    (folder / "baselines.md").write_text("".join(parts), encoding="utf-8")


def done(row):
    """Whether no good id is left undone."""
    return len(row["done_at"]) == row["good"]


def all_done(row):
    return f"{row['times'] * row['done_at'][-1]:.0f} s" if done(row) else "-"


def ids_and_requests(row):
    applied = len(row["done_at"])
    return [str(row["times"] * value) for value in (applied, row["good"] - applied, row["requests"], row["throttled"])]


def memory(row):
    return f"{row['memory_kib'] / 1024:.0f} MiB"


def table(header, rows):
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells):
        first, *others = (cell.rjust(width) for cell, width in zip(cells, widths))
        return "| " + " | ".join([first.strip().ljust(widths[0]), *others]) + " |\n"

    rule = "|" + "|".join([":" + "-" * (widths[0] + 1), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|\n"
    return line(header) + rule + "".join(map(line, rows))


ROUGH_MEASURES = [
    ("time until the process ends", lambda row: row["times"] * row["seconds"], lambda value: f"{value:.0f} s"),
    ("requests", lambda row: row["times"] * row["requests"], str),
    ("429s", lambda row: row["times"] * row["throttled"], str),
    ("memory", lambda row: row["memory_kib"], lambda value: f"{value / 1024:.0f} MiB"),
    ("good ids left undone", lambda row: row["times"] * (row["good"] - len(row["done_at"])), str),
    ("ids whose outcome is unknown", lambda row: row["times"] * row["unknown"], str),
]
CALM_MEASURES = [
    ("time until all is done", lambda row: row["done_at"][-1] if done(row) else inf, lambda value: f"{value:.0f} s"),
    *ROUGH_MEASURES[1:5],
    ("import", lambda row: row["load"], lambda value: f"{value:.2f} s"),
    ("first call", lambda row: row["first"], lambda value: f"{value:.2f} s"),
    ("installed size", lambda row: row["installed"], lambda value: f"{value / 2**20:.1f} MiB"),
]


def not_first(contenders, measures):
    """A line for each measure in which another contender is ahead of a package of this project."""
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
