"""Words with their places to text in reading order: columns, rows, and tables with or without rules.

A page is cut at the gutters between columns of running text (a recursive cut in the manner of Nagy and Seth 1984, "Hierarchical
Representation of Optically Scanned Documents"); a gutter between short cells is one of a table, whose rows stay on one line.
All lengths are points from the top left corner.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from retrieval.rows import row

MAX_DEPTH = 6
CROSSED = (0.02, 0.1, 0.25, 0.5)  # of the mean height of text: what may stand across a gutter
SLACK = 2.0  # points: a letter that hangs over the edge of its column
GUTTER = 0.8  # of the letter height: the space between columns
JOIN = 1.3  # of the letter height: words nearer than that are one piece of a line
CELL_GAP = 0.8  # of the letter height: what stays white in all rows of a table parts its cells
SURE_GAP = 2.0  # of the letter height: the same where a table has few rows, and chance could do it
FEW_ROWS = 4
DOTS = frozenset(".·…")
LEADER = re.compile(r"[.·…_]{3,}")  # dots from a title to its page
MARK = re.compile(r"[•·▪■●○–*-]|\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})[.)]")  # what opens an item of a list
PROSE_WORDS = 3.0  # words in a line, at least, on average, of running text
PROSE_FILL = 0.5  # of the column's width that its lines take, at least, on average
PARAGRAPH = 1.0  # of the letter height: white space above a line that opens a paragraph


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
        words = sorted(self.words, key=lambda w: w.x0, reverse=_runs_left(self.words))
        return " ".join(word.text for word in words)


Band = tuple[bool, list[Piece]]  # whether it has columns


def lay_out(words: Sequence[Word], tables: Sequence[Piece] = ()) -> str:
    """Return the text of a page: lines in reading order, an empty line between paragraphs.

    Args:
        tables: tables that were read by their rules; none of `words` is in them.
    """
    if not words and not tables:
        return ""
    heights = [word.bottom - word.top for word in words]
    em = max(3.0, median(heights) if heights else 8.0)
    pieces = [piece for line in rows_of(words) for piece in split(line, JOIN * em)]
    blocks = [_text(leaf, em) for leaf in _leaves([*pieces, *tables], em, 0)]
    return "\n\n".join(block for block in blocks if block)


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


def _leaves(pieces: list[Piece], em: float, depth: int) -> list[list[Piece]]:
    """Return the parts of a region in reading order, none of which has columns."""
    bands = _bands(pieces, em) if depth < MAX_DEPTH else []
    if not any(columns for columns, _ in bands):
        return [pieces]
    leaves: list[list[Piece]] = []
    for columns, band in bands:
        if columns:
            gutter = _gutter(band, em)
            if gutter is None:
                leaves.append(band)
                continue
            for side in _sides(band, gutter):
                leaves += _leaves(side, em, depth + 1)
        else:
            leaves += _leaves(band, em, depth + 1)
    return leaves


def _bands(pieces: list[Piece], em: float) -> list[Band]:
    """Return the region from top to bottom in bands: across the gutter, or in columns beside it."""
    gutter = _gutter(pieces, em)
    if gutter is None:
        return []
    pieces = _cut(pieces, gutter)
    crossing = [p for p in pieces if p.x0 < gutter[1] - SLACK and p.x1 > gutter[0] + SLACK]
    cuts = sorted((p.top, p.bottom) for p in crossing)
    slots: dict[float, list[Piece]] = {}
    for piece in pieces:
        if piece in crossing or any(a <= piece.middle <= b for a, b in cuts):
            slots.setdefault(-1.0, []).append(piece)
        else:
            above = sum(b <= piece.middle for _, b in cuts)
            slots.setdefault(float(above), []).append(piece)
    full = slots.pop(-1.0, [])
    parts = [(_is_columns(part, gutter, em), part) for part in slots.values()]
    parts += [(False, [piece]) for piece in full]
    parts.sort(key=lambda part: min(p.top for p in part[1]))
    merged: list[Band] = []
    for columns, part in parts:
        if merged and not columns and not merged[-1][0]:
            merged[-1][1].extend(part)
        else:
            merged.append((columns, list(part)))
    return merged


def _gutter(pieces: Sequence[Piece], em: float) -> tuple[float, float] | None:
    """Return the widest strip that the fewest lines cross, in the inner four fifths of a region."""
    left, right = min(p.x0 for p in pieces), max(p.x1 for p in pieces)
    size = int(right - left) + 1
    if size < 12 * em or size > 100_000:
        return None
    cover = [0.0] * (size + 1)
    for box in _boxes(pieces):
        height = box.bottom - box.top
        cover[int(box.x0 - left)] += height
        cover[min(size, int(box.x1 - left) + 1)] -= height
    for i in range(1, size + 1):
        cover[i] += cover[i - 1]
    inner = range(size // 10, size - size // 10)
    mean = sum(cover[:size]) / size
    for share in CROSSED:
        start, best = inner.start, range(0)
        for i in inner:
            if cover[i] > share * mean:
                start = i + 1
            elif i + 1 - start > len(best):
                best = range(start, i + 1)
        if len(best) >= GUTTER * em:
            return left + best.start, left + best.stop
    return None


def _boxes(pieces: Sequence[Piece]) -> Iterator[Word | Piece]:
    """Yield what stands there: single words, but a table, or a line with a leader, as a whole."""
    for piece in pieces:
        if piece.words and not any(LEADER.search(word.text) for word in piece.words):
            yield from piece.words
        else:
            yield piece


def _cut(pieces: Sequence[Piece], gutter: tuple[float, float]) -> list[Piece]:
    """Return the pieces, those cut in two that seem one line only since the gutter is narrow."""
    found: list[Piece] = []
    for piece in pieces:
        near = [w for w in piece.words if w.x1 <= gutter[0] + SLACK]
        far = [w for w in piece.words if w.x0 >= gutter[1] - SLACK]
        leads = any(LEADER.search(word.text) for word in piece.words)
        if near and far and len(near) + len(far) == len(piece.words) and not leads:
            found += split(near, math.inf) + split(far, math.inf)
        else:
            found.append(piece)
    return found


def _sides(pieces: Sequence[Piece], gutter: tuple[float, float]) -> tuple[list[Piece], list[Piece]]:
    middle = (gutter[0] + gutter[1]) / 2
    near = [p for p in pieces if (p.x0 + p.x1) / 2 < middle]
    return near, [p for p in pieces if (p.x0 + p.x1) / 2 >= middle]


def _is_columns(part: Sequence[Piece], gutter: tuple[float, float], em: float) -> bool:
    """Say whether text runs down on both sides of the gutter, rather than across it as in a table."""
    left, right = _sides(part, gutter)
    if not left or not right:
        return False
    prose = [_is_prose(side, em) for side in (left, right)]
    if all(prose):
        return True
    if not any(prose):
        return False
    text, other = (left, right) if prose[0] else (right, left)
    level = {round(p.bottom, 1) for p in text}
    aligned = sum(any(abs(p.bottom - y) < 0.25 * em for y in level) for p in other)
    return len(_lines(text)) >= 4 and aligned < 0.5 * len(other)


def _is_prose(side: Sequence[Piece], em: float) -> bool:
    lines = _lines(side)
    words = sum(len(p.words) for p in side) / len(lines)
    width = max(p.x1 for p in side) - min(p.x0 for p in side)
    fill = sum(p.x1 - p.x0 for p in side) / len(lines) / max(width, 1.0)
    many = sum(len(line) > 1 for line in lines) / len(lines)
    if many > 0.34:
        gutter = _gutter(side, em)
        return gutter is not None and any(columns for columns, _ in _bands(list(side), em))
    if len(lines) < 3:
        return words >= 5 and fill >= 0.7
    return words >= PROSE_WORDS and fill >= PROSE_FILL


def _lines(pieces: Sequence[Piece]) -> list[list[Piece]]:
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


def _text(pieces: Sequence[Piece], em: float) -> str:
    """Return the lines of a region without columns; rows whose pieces stand under each other are a table's."""
    parts: list[str] = []
    lines = _lines(pieces)
    bottom: float | None = None
    done = 0
    while done < len(lines):
        run = _table_run(lines, done, em)
        group = lines[done : done + max(1, run)]
        rows = _table(group, em) if run else []
        top = min(p.top for p in group[0])
        if bottom is not None and (top - bottom > PARAGRAPH * em or rows):
            parts.append("")
        if rows:
            parts += [*rows, ""]
        for line in [] if rows else group:
            parts += ["", *line[0].lines, ""] if line[0].lines else [_line(line)]
        bottom = max(p.bottom for p in group[-1])
        done += len(group)
    text = "\n".join(parts).strip()
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


def _table_run(lines: Sequence[Sequence[Piece]], start: int, em: float) -> int:
    """Return how many lines from `start` are rows of one table; 0 where none begins there."""
    end, several = start, 0
    while end < len(lines):
        line = lines[end]
        if line[0].lines or (end > start and line[0].top - lines[end - 1][0].bottom > 3 * em):
            break
        if len(line) > 1:
            several = end + 1
        elif end - several >= 1 or several == 0:
            break  # two lines on end that are not cut are no rows
        end += 1
    return several - start if several - start >= 2 and sum(len(x) > 1 for x in lines[start:several]) >= 2 else 0


def _line(pieces: Sequence[Piece]) -> str:
    left = _runs_left([w for p in pieces for w in p.words])
    return " ".join(p.text for p in (reversed(pieces) if left else pieces))


def _table(lines: Sequence[Sequence[Piece]], em: float) -> list[str]:
    """Return the rows of a table without rules: its cells lie between the strips that stay white; empty if there are none."""
    words = [[w for p in line for w in p.words] for line in lines]
    edges = _white(words, em)
    left = _runs_left([w for line in words for w in line])
    found = []
    for line in words:
        cells: list[list[Word]] = [[] for _ in range(len(edges) + 1)]
        for piece in split(line, CELL_GAP * em):
            at = piece.x0 + min(em, piece.x1 - piece.x0) / 2
            cells[sum(at > edge for edge in edges)] += piece.words
        texts = [Piece(0, 0, 0, 0, cell).text for cell in cells]
        found.append(texts[::-1] if left else texts)
    listed = len(edges) == 1 and all(not f[0] or MARK.fullmatch(f[0]) for f in found)
    full = sum(sum(map(bool, texts)) > 1 for texts in found)
    if not edges or listed or full * 2 < len(found):
        return []
    return [line for line in map(row, found) if line]


def _white(words: Sequence[Sequence[Word]], em: float) -> list[float]:
    """Return the middles of the upright strips that at most one row in ten crosses."""
    marks: list[tuple[float, int]] = []
    for line in words:
        for piece in split(line, CELL_GAP * em):
            marks += [(piece.x0, 1), (piece.x1, -1)]
    marks.sort()
    allowed = len(words) // 10
    least = (CELL_GAP if len(words) >= FEW_ROWS else SURE_GAP) * em
    edges: list[float] = []
    depth, opened, begun = 0, None, False
    for x, step in marks:
        depth += step
        if depth > allowed:
            if opened is not None and x - opened >= least:
                edges.append((x + opened) / 2)
            opened, begun = None, True
        elif step < 0 and begun and depth == allowed and opened is None:
            opened = x
    return edges


def _runs_left(words: Sequence[Word]) -> bool:
    """Say whether most letters are of a script that runs from right to left (Hebrew to Arabic's presentation forms)."""
    letters = [c for word in words for c in word.text if c.isalpha()]
    left = sum("\u0590" <= c <= "\u08ff" or "\ufb1d" <= c <= "\ufefc" for c in letters)
    return left * 2 > len(letters)
