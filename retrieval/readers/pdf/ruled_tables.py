"""Tables that are drawn with rules: the lines that meet make a grid, the words are put into its cells."""

from collections.abc import Sequence
from itertools import pairwise

from retrieval.readers.pdf.columns import lay_out
from retrieval.readers.pdf.lines import Piece, Rule, Word, rows_of
from retrieval.readers.table_text import row

NEAR = 3.0  # points: lines nearer than that are one, and meet
MAX_RULES = 3_000
MAX_CELLS = 20_000
MOST_LINES = 5  # in a cell, on average; beyond, the lines are the frames of a page's parts


class _Lines:
    """Level or upright lines, joined where they go on: (place, start, end)."""

    def __init__(self, segments: list[tuple[float, float, float]]) -> None:
        self.lines: list[list[float]] = []
        for place, start, end in sorted(segments):
            for line in reversed(self.lines[-200:]):
                if abs(line[0] - place) > NEAR:
                    continue
                if start <= line[2] + NEAR and end >= line[1] - NEAR:
                    line[1], line[2] = min(line[1], start), max(line[2], end)
                    break
            else:
                self.lines.append([place, start, end])


def ruled_tables(
    words: Sequence[Word], turned: Sequence[Word], rules: Sequence[Rule]
) -> tuple[list[Piece], list[Word], list[Word]]:
    """Return the tables of a page, the words that are in none, and the turned texts that are in none.

    Args:
        turned: texts that run upwards or downwards, as the heads of narrow columns do.
    """
    outside = [*words, *map(_flat, turned)]
    if not 4 <= len(rules) <= MAX_RULES:
        return [], list(words), list(turned)
    level = _Lines([(r.top, r.x0, r.x1) for r in rules if r.x1 - r.x0 >= r.bottom - r.top]).lines
    upright = _Lines(
        [(r.x0, r.top, r.bottom) for r in rules if r.x1 - r.x0 < r.bottom - r.top]
    ).lines
    tables: list[Piece] = []
    for across, down in _grids(level, upright):
        table, left = _Grid(across, down).read(outside)
        if table is not None:
            tables.append(table)
            outside = left
    kept = set(outside)
    return tables, [w for w in words if w in kept], [w for w in turned if _flat(w) in kept]


def _flat(word: Word) -> Word:
    """Return a turned text as if it were level, in its middle."""
    middle, half = (word.top + word.bottom) / 2, (word.x1 - word.x0) / 2
    return Word(word.text, word.x0, middle - half, word.x1, middle + half)


def _grids(
    level: list[list[float]], upright: list[list[float]]
) -> list[tuple[list[list[float]], list[list[float]]]]:
    """Return the sets of lines that meet each other, as (level, upright)."""
    parent = list(range(len(level) + len(upright)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, (y, x0, x1) in enumerate(level):
        for j, (x, top, bottom) in enumerate(upright):
            if x0 - NEAR <= x <= x1 + NEAR and top - NEAR <= y <= bottom + NEAR:
                parent[root(i)] = root(len(level) + j)
    groups: dict[int, tuple[list[list[float]], list[list[float]]]] = {}
    for i, line in enumerate([*level, *upright]):
        group = groups.setdefault(root(i), ([], []))
        group[i >= len(level)].append(line)
    return [g for g in groups.values() if len(g[0]) >= 2 and len(g[1]) >= 2]


def _places(lines: list[list[float]], ends: Sequence[float]) -> list[float]:
    places: list[float] = []
    for place in sorted([*(line[0] for line in lines), *ends]):
        if not places or place - places[-1] > NEAR:
            places.append(place)
    return places


class _Grid:
    """The cells between lines that meet; a table may be open at its sides, where its level lines end."""

    def __init__(self, level: list[list[float]], upright: list[list[float]]) -> None:
        self._level, self._upright = level, upright
        self._xs = _places(upright, (min(x[1] for x in level), max(x[2] for x in level)))
        self._ys = _places(level, (min(x[1] for x in upright), max(x[2] for x in upright)))

    def read(self, words: list[Word]) -> tuple[Piece | None, list[Word]]:
        """Return the table and the words outside of it; None where it is a frame, not a table."""
        columns, rows = len(self._xs) - 1, len(self._ys) - 1
        if columns < 2 or rows < 1 or columns * rows > MAX_CELLS:
            return None, words
        cells, outside = self._place(words)
        written = sum(len(rows_of(cell)) for cell in cells.values())
        if len({column for _, column in cells}) < 2 or written > MOST_LINES * len(cells):
            return None, words
        lines: list[str] = []
        if _has_columns_without_rules(cells, columns):
            lines = lay_out([word for cell in cells.values() for word in cell]).split("\n")
        else:
            for first, last in _groups(cells, self._ys):
                inner = [w for (r, _), cell in cells.items() if first <= r < last for w in cell]
                single = last - first == 1
                row_cells = [cells.get((first, c), []) for c in range(columns)]
                lines += _rows(row_cells) if single else lay_out(inner).split("\n")
        lines = [line for line in lines if line]
        if len(lines) < 2:
            return None, words
        return Piece(self._xs[0], self._ys[0], self._xs[-1], self._ys[-1], lines=lines), outside

    def _place(self, words: list[Word]) -> tuple[dict[tuple[int, int], list[Word]], list[Word]]:
        """Return the words by the (row, column) of their cells, and those outside of the grid."""
        cells: dict[tuple[int, int], list[Word]] = {}
        outside: list[Word] = []
        for word in words:
            x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
            if self._xs[0] <= x <= self._xs[-1] and self._ys[0] <= y <= self._ys[-1]:
                place = self._first(_slot(self._ys, y), _slot(self._xs, x))
                cells.setdefault(place, []).append(word)
            else:
                outside.append(word)
        return cells, outside

    def _first(self, r: int, c: int) -> tuple[int, int]:
        """Return the upper left cell of the merged cell that a cell is part of: no line parts them."""
        while c > 0 and not _parts(self._upright, self._xs[c], (self._ys[r] + self._ys[r + 1]) / 2):
            c -= 1
        while r > 0 and not _parts(self._level, self._ys[r], (self._xs[c] + self._xs[c + 1]) / 2):
            r -= 1
        return r, c


def _has_columns_without_rules(cells: dict[tuple[int, int], list[Word]], columns: int) -> bool:
    """Say whether the rows of a column are cut by wide white space: then the rules are not those of all cells."""
    for column in range(columns):
        own = [rows_of(cell) for (_, c), cell in cells.items() if c == column]
        cut = sum(len(lines) == 1 and _is_cut(lines[0]) for lines in own)
        if cut >= 2 and cut * 2 >= len(own):
            return True
    return False


def _is_cut(line: Sequence[Word]) -> bool:
    wide = 2 * sorted(word.bottom - word.top for word in line)[len(line) // 2]
    return any(b.x0 - a.x1 > wide for a, b in pairwise(line))


def _groups(cells: dict[tuple[int, int], list[Word]], ys: Sequence[float]) -> list[tuple[int, int]]:
    """Return the rows as (first, beyond the last): together where the lines of one merged cell are rows of their own."""
    ends = {r: r + 1 for r in range(len(ys) - 1)}
    for (r, _), cell in cells.items():
        slots = [_slot(ys, (line[0].top + line[0].bottom) / 2) for line in rows_of(cell)]
        if len(slots) > 1 and max(slots) > r:
            ends[r] = max(ends[r], max(slots) + 1)
    groups: list[tuple[int, int]] = []
    for r, end in sorted(ends.items()):
        if groups and r < groups[-1][1]:
            groups[-1] = (groups[-1][0], max(groups[-1][1], end))
        else:
            groups.append((r, end))
    return groups


def _slot(edges: Sequence[float], value: float) -> int:
    return max(0, min(len(edges) - 2, sum(edge <= value for edge in edges) - 1))


def _parts(lines: list[list[float]], place: float, at: float) -> bool:
    return any(abs(x[0] - place) <= NEAR and x[1] - NEAR <= at <= x[2] + NEAR for x in lines)


def _rows(cells: Sequence[list[Word]]) -> list[str]:
    """Return a row's line; several where its cells hold lines that stand level, or a table without rules of their own."""
    split = [rows_of(cell) for cell in cells]
    filled = [lines for lines in split if lines]
    if (len(filled) == 1 and len(filled[0]) > 1) or any(map(_is_table, filled)):
        return lay_out([word for cell in cells for word in cell]).split("\n")
    count = max(map(len, filled), default=1)
    same = [lines for lines in filled if len(lines) == count]
    if count > 1 and len(same) > 1 and _stand_level(same):
        figures = sum(any(c.isdigit() for c in _join([line])) for x in same for line in x)
        many = len(same) * 2 >= len(filled) and figures * 2 >= count * len(same)
        if many or (count > 2 and len(same) == len(filled)):
            at = [(line[0].top + line[0].bottom) / 2 for line in same[0]]
            return _level_rows(split, at)
    line = row([_join(lines) for lines in split])
    return [line] if line else []


def _level_rows(split: Sequence[Sequence[Sequence[Word]]], at: Sequence[float]) -> list[str]:
    """Return one row for each height in `at`; a line of a cell goes to the nearest."""
    rows: list[list[str]] = [[""] * len(split) for _ in at]
    for column, lines in enumerate(split):
        for line in lines:
            middle = (line[0].top + line[0].bottom) / 2
            nearest = min(range(len(at)), key=lambda i: abs(at[i] - middle))
            rows[nearest][column] = f"{rows[nearest][column]} {_join([line])}".strip()
    return [line for line in map(row, rows) if line]


def _stand_level(columns: Sequence[Sequence[Sequence[Word]]]) -> bool:
    """Say whether the lines of several cells stand at the same heights."""
    for lines in zip(*columns, strict=True):
        middles = [(line[0].top + line[0].bottom) / 2 for line in lines]
        if max(middles) - min(middles) > NEAR:
            return False
    return True


def _is_table(lines: Sequence[Sequence[Word]]) -> bool:
    """Say whether a cell holds lines that are cut by wide white space, one under the other."""
    heights = sorted(word.bottom - word.top for line in lines for word in line)
    wide = 2 * heights[len(heights) // 2]
    cut = sum(any(b.x0 - a.x1 > wide for a, b in pairwise(line)) for line in lines)
    return cut >= 2 and cut * 2 >= len(lines)


def _join(lines: Sequence[Sequence[Word]]) -> str:
    """Return the lines of a cell as one; a word that is cut at the end of a line is whole again."""
    text = ""
    for line in lines:
        new = Piece(0, 0, 0, 0, list(line)).text
        cut = text.endswith("-") and text[-2:-1].islower() and new[:1].islower()
        text = text[:-1] + new if cut else f"{text} {new}"
    return text.strip()
