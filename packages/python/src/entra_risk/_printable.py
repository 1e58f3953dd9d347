"""Makes text from outside printable: a terminal executes some characters, others end a line of a
log or change the order in which text is read."""

from __future__ import annotations

import re

_MOST_CHARACTERS = 64
"""How many characters of a value a message shows."""

# Control characters (ESC, line ends, U+0080 to U+009F), the line and paragraph separators,
# characters that reorder the text around them or are invisible, and lone surrogates, which no
# stream can encode.
_NOT_PRINTABLE = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    """Returns the text on one line. A space replaces each white space, and U+FFFD each other
    character that is not shown as itself."""
    return _NOT_PRINTABLE.sub(lambda match: " " if match[0].isspace() else "\ufffd", text)


def shown(value: object) -> str:
    """Returns a value for a message: its `repr`, printable and cut to a readable length."""
    try:
        text = repr(value)
    except Exception:  # A broken `repr` must not replace the message.
        text = f"a {type_of(value)}"
    return printable(text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…")


def type_of(value: object) -> str:
    """Returns the name of a value's type for a message."""
    return printable(type(value).__name__)
