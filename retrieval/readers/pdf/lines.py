"""Words with their places, and the lines and pieces of lines that they stand in.

All lengths are points from the top left corner. Not here: columns (`retrieval.readers.pdf.columns`), tables
(`retrieval.readers.pdf.paragraphs`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

DOTS = frozenset(".·…")
LEADER = re.compile(r"[.·…_]{3,}")  # dots from a title to its page


class Word(NamedTuple):
    """A word and its box."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float


class Rule(NamedTuple):
    """A level or upright line."""

    x0: float
    top: float
    x1: float
    bottom: float


@dataclass(slots=True)
class Piece:
    """Words that stand together on a line, or a whole table that is already read (`lines`)."""

    x0: float
    top: float
    x1: float
    bottom: float
    words: list[Word] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """Return the height of its middle."""
        return (self.top + self.bottom) / 2

    @property
    def text(self) -> str:
        """Return the words as one line; those of a script that runs to the left begin on the right."""
        words = sorted(self.words, key=lambda w: w.x0, reverse=runs_left(self.words))
        return " ".join(word.text for word in words)


def rows_of(words: Sequence[Word]) -> list[list[Word]]:
    """Return the words by lines, top to bottom, each from left to right."""
    rows: list[list[Word]] = []
    bands: list[tuple[float, float]] = []
    for word in sorted(words, key=lambda w: w.top + w.bottom):
        for back in range(1, min(3, len(rows)) + 1):
            top, bottom = bands[-back]
            shared = min(bottom, word.bottom) - max(top, word.top)
            if shared >= 0.5 * min(bottom - top, word.bottom - word.top):
                rows[-back].append(word)
                if word.bottom - word.top > bottom - top and len(rows[-back]) < 3:
                    bands[-back] = (word.top, word.bottom)
                break
        else:
            rows.append([word])
            bands.append((word.top, word.bottom))
    return [_leaders(sorted(line, key=lambda w: w.x0)) for line in rows]


def _leaders(line: list[Word]) -> list[Word]:
    """Return a line whose dots up to a page number are one word."""
    if sum(set(word.text) <= DOTS for word in line) < 2:
        return line
    joined: list[Word] = []
    for word in line:
        last = joined[-1] if joined else None
        if last and set(word.text) <= DOTS and set(last.text) <= DOTS:
            joined[-1] = Word("....", last.x0, last.top, word.x1, max(last.bottom, word.bottom))
        else:
            joined.append(word)
    return joined


def split(line: Sequence[Word], gap: float) -> list[Piece]:
    """Return the pieces of a line, cut where more than `gap` is white."""
    pieces: list[Piece] = []
    for word in line:
        last = pieces[-1] if pieces else None
        near = last is not None and (
            word.x0 - last.x1 <= gap
            or LEADER.search(word.text)
            or LEADER.search(last.words[-1].text)
        )
        if last is not None and near:
            last.words.append(word)
            last.x1 = max(last.x1, word.x1)
            last.top, last.bottom = min(last.top, word.top), max(last.bottom, word.bottom)
        else:
            pieces.append(Piece(word.x0, word.top, word.x1, word.bottom, [word]))
    return pieces


def lines_of(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Return the pieces by the lines that they stand on."""
    lines: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda p: p.top + p.bottom):
        last = lines[-1][0] if lines else None
        if last is not None and not last.lines and not piece.lines:
            shared = min(last.bottom, piece.bottom) - max(last.top, piece.top)
            if shared >= 0.5 * min(last.bottom - last.top, piece.bottom - piece.top):
                lines[-1].append(piece)
                continue
        lines.append([piece])
    return [sorted(line, key=lambda p: p.x0) for line in lines]


def runs_left(words: Sequence[Word]) -> bool:
    """Say whether most letters are of a script that runs from right to left (Hebrew to Arabic's presentation forms)."""
    letters = [c for word in words for c in word.text if c.isalpha()]
    left = sum("\u0590" <= c <= "\u08ff" or "\ufb1d" <= c <= "\ufefc" for c in letters)
    return left * 2 > len(letters)
