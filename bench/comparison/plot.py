"""Draws docs/comparison.svg: the good ids that each contender has done over time."""

from html import escape

COLORS = [
    "#0000ff",
    "#00a0ff",
    "#80c0ff",
    "#c000c0",
    "#ff0000",
    "#e08000",
    "#008000",
    "#804000",
    "#808080",
]


def draw(contenders):
    """Good ids done over time, as steps."""
    width, height, left, bottom, top, right = 900, 480, 60, 50, 40, 20
    longest = max(row["seconds"] for row in contenders if row["times"] == 1)
    good = max(row["good"] for row in contenders)

    def x(seconds):
        return left + (width - left - right) * min(seconds, longest) / longest

    def y(ids):
        return height - bottom - (height - bottom - top) * ids / good

    def text(at_x, at_y, content, anchor="middle"):
        return (
            f'<text x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'
        )

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(
            width / 2,
            22,
            f"Good ids done, of {good:,}, over the seconds since the start of the process",
        ),
        f'<path d="M{left} {top}V{height - bottom}H{width - right}" fill="none" stroke="#000000"/>',
    ]
    for seconds in range(0, int(longest) + 1, 50):
        lines.append(text(x(seconds), height - bottom + 18, f"{seconds} s"))
    for ids in range(0, good + 1, 200):
        lines.append(text(left - 8, y(ids) + 4, f"{ids:,}", "end"))
        lines.append(f'<path d="M{left} {y(ids):.1f}H{width - right}" stroke="#dddddd"/>')
    for number, (row, color) in enumerate(zip(contenders, COLORS, strict=True)):
        # The ids of one request are done at the same time: the last of them remains.
        steps = {at: done for done, at in enumerate(row["done_at"], 1)}
        steps = {
            row["times"] * at: row["times"] * done
            for at, done in steps.items()
            if row["times"] * at <= longest
        }
        end = row["times"] * row["seconds"]
        path = f"M{x(0):.1f} {y(0):.1f}" + "".join(
            f"H{x(at):.1f}V{y(done):.1f}" for at, done in steps.items()
        )
        lines.append(
            f'<path d="{path}H{x(end):.1f}" fill="none" stroke="{color}" stroke-width="2"/>'
        )
        if end <= longest:
            lines.append(
                f'<circle cx="{x(end):.1f}" cy="{y(len(row["done_at"])):.1f}" r="4" fill="{color}"/>'
            )
        legend_y = height - bottom - 40 - 20 * (len(contenders) - number)
        lines.append(
            f'<path d="M{width - right - 260} {legend_y - 4}h24" stroke="{color}" stroke-width="2"/>'
        )
        lines.append(text(width - right - 228, legend_y, row["name"], "start"))
    return "\n".join(
        [
            *lines,
            text((width + left) / 2, height - 10, "A dot marks the end of a contender"),
            "</svg>",
            "",
        ]
    )
