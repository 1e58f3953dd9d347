"""An SVG of a terminal whose lines come and go, animated with CSS."""

from html import escape

CHARACTER, LINE, MARGIN, BAR = 8, 18, 16, 30
END_S = 8
"""How long the last screen stays before the recording begins again."""


def render(screens, columns, rows):
    """The SVG of these screens, each of which is the second at which it appeared, and its lines."""
    first, last = screens[0][0], screens[-1][0]
    total = last - first + END_S
    width, height = columns * CHARACTER + 2 * MARGIN, rows * LINE + MARGIN + BAR
    texts, rules = [], []
    for number, (row, line, from_s, until_s) in enumerate(spans(screens)):
        begin, end = ((at - first) / total * 100 for at in (from_s, until_s or last))
        rule = f"0%{{visibility:hidden}}{begin:.2f}%{{visibility:visible}}"
        if until_s:
            rule += f"{end:.2f}%{{visibility:hidden}}"
        final = "" if until_s else ' class="end"'
        rules.append(
            f"@keyframes k{number}{{{rule}100%{{visibility:{'hidden' if until_s else 'visible'}}}}}"
            f"#t{number}{{animation-name:k{number}}}"
        )
        texts.append(
            f'<text id="t{number}"{final} y="{BAR + (row + 1) * LINE}" '
            f'textLength="{len(line) * CHARACTER}">{escape(line, quote=False)}</text>'
        )
    dots = "".join(f'<circle cx="{MARGIN + 4 + 18 * n}" cy="16" r="5"/>' for n in range(3))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<style>
text{{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
fill:#e6edf3;white-space:pre;visibility:hidden;animation:{total:.2f}s step-end infinite}}
.end{{visibility:visible}}
circle{{fill:#484f58}}
@media (prefers-reduced-motion:reduce){{text{{animation:none!important}}}}
{chr(10).join(rules)}
</style>
<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" fill="#0d1117" stroke="#484f58"/>
{dots}
<g transform="translate({MARGIN})" xml:space="preserve">
{chr(10).join(texts)}
</g>
</svg>
"""


def spans(screens):
    """Each line that is not empty: its row, its text, when it appears, and when it goes, which is
    `None` if it stays."""
    shown = {}
    for at, lines in screens:
        for row, line in enumerate(lines):
            old = shown.get(row)
            if old and old[0] != line:
                yield row, *old, at
                del shown[row]
            if line and row not in shown:
                shown[row] = (line, at)
    for row, old in shown.items():
        yield row, *old, None
