"""A part of a page without columns as text: lines, paragraphs, and tables that have no rules but white space.

Not here: tables with rules (`retrieval.readers.pdf.ruled_tables`).
"""

import re
from collections.abc import Sequence

from retrieval.readers.pdf.lines import Piece, Word, lines_of, runs_left, split
from retrieval.readers.table_text import row

JOIN = 1.3  # of the letter height: words nearer than that are one piece of a line
CELL_GAP = 0.8  # of the letter height: what stays white in all rows of a table parts its cells
SURE_GAP = 2.0  # of the letter height: the same where a table has few rows, and chance could do it
FEW_ROWS = 4
# What opens an item of a list.
MARK = re.compile(
    r"[\u2022\u00b7\u25aa\u25a0\u25cf\u25cb\u2013*-]|\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})[.)]"
)
PARAGRAPH = 1.0  # of the letter height: white space above a line that opens a paragraph


def text_of(pieces: Sequence[Piece], em: float) -> str:
    """Return the lines of a region without columns; rows whose pieces stand under each other are a table's."""
    parts: list[str] = []
    lines = lines_of(pieces)
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
        elif several != end or line[0].top - lines[end - 1][0].bottom > PARAGRAPH * em:
            break  # a heading, or two lines on end that are not cut, are no rows
        end += 1
    return (
        several - start
        if several - start >= 2 and sum(len(x) > 1 for x in lines[start:several]) >= 2
        else 0
    )


def _line(pieces: Sequence[Piece]) -> str:
    left = runs_left([w for p in pieces for w in p.words])
    return " ".join(p.text for p in (reversed(pieces) if left else pieces))


def _table(lines: Sequence[Sequence[Piece]], em: float) -> list[str]:
    """Return the rows of a table without rules, its cells between the strips that stay white; none where none do."""
    words = [[w for p in line for w in p.words] for line in lines]
    # A line that is one piece, such as a remark below a row, says nothing of where the cells are.
    edges = _white([w for line, w in zip(lines, words, strict=True) if len(line) > 1], em)
    left = runs_left([w for line in words for w in line])
    rows = []
    for line in words:
        cells: list[list[Word]] = [[] for _ in range(len(edges) + 1)]
        for piece in split(line, CELL_GAP * em):
            at = piece.x0 + min(em, piece.x1 - piece.x0) / 2
            cells[sum(at > edge for edge in edges)] += piece.words
        texts = [Piece(0, 0, 0, 0, cell).text for cell in cells]
        rows.append(texts[::-1] if left else texts)
    listed = len(edges) == 1 and all(not f[0] or MARK.fullmatch(f[0]) for f in rows)
    full = sum(sum(map(bool, texts)) > 1 for texts in rows)
    if not edges or listed or full * 2 < len(rows):
        return []
    return [line for line in map(row, rows) if line]


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
