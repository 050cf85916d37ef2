"""The words of a page in reading order: the columns that text runs down in, one after the other.

A page is cut at the gutters between columns of running text (a recursive cut in the manner of Nagy and Seth 1984,
"Hierarchical Representation of Optically Scanned Documents"); a gutter between short cells is one of a table, whose rows
stay on one line.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import median

from retrieval.readers.pdf.lines import LEADER, Piece, Word, lines_of, rows_of, split
from retrieval.readers.pdf.paragraphs import JOIN, text_of

MAX_DEPTH = 6
# Of the mean height of text: what may stand across a gutter; the clearest strip is looked for first.
CROSSED = (0.02, 0.05, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5)
SLACK = 2.0  # points: a letter that hangs over the edge of its column
GUTTER = 0.8  # of the letter height: the space between columns
PROSE_WORDS = 3.0  # words in a line, at least, on average, of running text
PROSE_FILL = 0.5  # of the column's width that its lines take, at least, on average

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
    blocks = [text_of(leaf, em) for leaf in _leaves([*pieces, *tables], em, 0)]
    return "\n\n".join(block for block in blocks if block)


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
    parts: list[Piece] = []
    for piece in pieces:
        near = [w for w in piece.words if w.x1 <= gutter[0] + SLACK]
        far = [w for w in piece.words if w.x0 >= gutter[1] - SLACK]
        leads = any(LEADER.search(word.text) for word in piece.words)
        if near and far and len(near) + len(far) == len(piece.words) and not leads:
            parts += split(near, math.inf) + split(far, math.inf)
        else:
            parts.append(piece)
    return parts


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
    return len(lines_of(text)) >= 4 and aligned < 0.5 * len(other)


def _is_prose(side: Sequence[Piece], em: float) -> bool:
    lines = lines_of(side)
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
