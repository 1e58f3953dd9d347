"""Writes the parts of docs/benchmarks.md that the comparison measures, and docs/comparison.svg."""

import textwrap

import plot


def write(folder, saved):
    """Replaces the parts that were measured. Each stands between two comments with its name."""
    page = (folder / "benchmarks.md").read_text(encoding="utf-8")
    for name, table in tables(saved):
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        before, rest = page.split(begin)
        _, after = rest.split(end)
        page = before + begin + table + end + after
    (folder / "benchmarks.md").write_text(page, encoding="utf-8")
    if "with-faults" in saved:
        (folder / "comparison.svg").write_text(
            plot.draw(saved["with-faults"]["measured"]), encoding="utf-8"
        )


def tables(saved):
    """The parts, each with its name."""
    measured = {part: value["measured"] for part, value in saved.items()}
    calm, rough, startup = (
        measured.get(part) for part in ("without-faults", "with-faults", "startup")
    )
    if calm and startup:
        identity = [f"{size / 2**20:.1f} MiB" for size in startup.pop("identity")]
        runtimes = startup.pop("runtimes")
        for row in calm:
            row |= startup[row["package"]]
        yield (
            "without-faults",
            table(
                [
                    "",
                    "all done",
                    "done",
                    "left undone",
                    "requests",
                    "429s",
                    "import",
                    "first call",
                    "memory",
                    "installed",
                ],
                [
                    [
                        row["name"],
                        all_done(row),
                        *ids_and_requests(row),
                        f"{row['load']:.2f} s",
                        f"{row['first']:.2f} s",
                        memory(row),
                        f"{row['installed'] / 2**20:.1f} MiB",
                    ]
                    for row in calm
                ],
            )
            + "\n"
            + textwrap.fill(
                f"azure-identity takes {identity[0]} more, @azure/identity {identity[1]}."
                f" {saved['startup']['date']}: {', '.join(sorted(startup))}; {runtimes}.",
                100,
                break_on_hyphens=False,
            )
            + "\n",
        )
    if rough:
        yield (
            "with-faults",
            table(
                [
                    "",
                    "time",
                    "all good ids done",
                    "done",
                    "left undone",
                    "requests",
                    "429s",
                    "unknown",
                    "memory",
                ],
                [
                    [
                        row["name"],
                        f"{row['times'] * row['seconds']:,.0f} s",
                        all_done(row),
                        *ids_and_requests(row),
                        count(row["times"] * row["unknown"]),
                        memory(row),
                    ]
                    for row in rough
                ],
            ),
        )
    if first := measured.get("first-requests"):
        groups = {}
        for row in first:
            groups.setdefault((row["name"], row["latency_ms"]), []).append(row)
        yield (
            "first-requests",
            table(
                [
                    "",
                    "responses in",
                    "processes",
                    "requests",
                    "429s",
                    "first request to last, median",
                    "longest",
                ],
                [first_requests(*group, rows) for group, rows in groups.items()],
            )
            + f"\n{saved['first-requests']['date']}.\n",
        )


def first_requests(name, latency_ms, rows):
    spans = sorted(row["arrivals"][-1] - row["arrivals"][0] for row in rows)
    return [
        name,
        f"{latency_ms / 1000} s",
        str(len(rows)),
        *(str(sum(row[key] for row in rows)) for key in ("requests", "throttled")),
        *(f"{span:.2f} s" for span in (spans[len(spans) // 2], spans[-1])),
    ]


def done(row):
    """Whether no good id is left undone."""
    return len(row["done_at"]) == row["good"]


def all_done(row):
    return f"{row['times'] * row['done_at'][-1]:.0f} s" if done(row) else "-"


def ids_and_requests(row):
    applied = len(row["done_at"])
    return [
        count(row["times"] * value)
        for value in (applied, row["good"] - applied, row["requests"], row["throttled"])
    ]


def count(number):
    return f"{number:,}"


def memory(row):
    return f"{row['memory_kib'] / 1024:.0f} MiB"


def table(header, rows):
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells):
        first, *others = (cell.rjust(width) for cell, width in zip(cells, widths))
        return "| " + " | ".join([first.strip().ljust(widths[0]), *others]) + " |\n"

    rule = (
        "|"
        + "|".join(
            [":" + "-" * (widths[0] + 1), *("-" * (width + 1) + ":" for width in widths[1:])]
        )
        + "|\n"
    )
    return line(header) + rule + "".join(map(line, rows))
