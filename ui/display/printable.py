r"""Text of others made fit to be shown, on a terminal as on the page: what would act instead of being read is visible.

A file, its name, an answer or a card may hold sequences that a terminal obeys (colours, a moved cursor, the clipboard, a
title), marks that turn a line around, and characters that nobody sees. Each becomes its escape as JSON writes it, `\u001b`.
Letters of every script stay, and so do the joiners that Persian, Hindi and emoji are written with.
Not here: what Markdown and HTML would make of a text (`ui.components.safe`).
"""

import json
import math
import re
from collections.abc import Mapping

# What acts: controls but tab and newline (C0, DEL, C1), halves of pairs that no encoder takes, line and paragraph
# separators, embeddings, overrides and isolates of direction (UAX #9; "Trojan Source", arXiv:2111.00169), the deprecated
# format controls, annotations, and the tags with which text is hidden in text.
ACTS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2061-\u206f\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
# What is not seen, but belongs to how some scripts are written in a running text. In a name it makes two of one.
HIDES = "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2060\u3164\ufeff\uffa0"
ACTING = re.compile(f"[{ACTS}]")
ACTING_OR_HIDDEN = re.compile(f"[{ACTS}{HIDES}\t\n]")
BLANKS = re.compile("[ \t\r\n]+")


def printable(text: str) -> str:
    """Return a text of any number of lines as it can be shown."""
    return ACTING.sub(_escape, text.replace("\r\n", "\n"))


def printable_line(text: str) -> str:
    r"""Return a name or a message as one line that nothing hides in; a newline in it is shown as `\n`."""
    return ACTING_OR_HIDDEN.sub(_escape, text)


def sentence(text: str) -> str:
    """Return a text as one line, with a blank for each run of blanks and line ends."""
    return printable_line(BLANKS.sub(" ", text).strip(" "))


def printable_json(data: Mapping[str, object], *, encoding: str = "utf-8") -> str:
    """Return an object as one line of JSON that a terminal shows and any parser reads back to the letter.

    Numbers that JSON does not know (NaN, infinity) become null; a letter that `encoding` lacks becomes its escape.
    """
    written = json.dumps(_finite(data), ensure_ascii=False, default=str)
    escaped = ACTING_OR_HIDDEN.sub(_escape, written)
    try:
        escaped.encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(json.loads(escaped))
    return escaped


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
