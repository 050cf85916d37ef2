"""Tables as text: a row is a line, its cells stand in order between bars, an empty cell keeps its place."""

import re
from collections.abc import Iterable, Sequence

CELL = "\ue000"  # stands before a cell until its row is whole; no letter of any script
NOTHING = re.compile(r"[#|\s]*|-")  # a heading, a row or an item without a text


def row(cells: Sequence[str]) -> str:
    """Return a row as one line, `a | b | c`; empty where no cell holds anything."""
    texts = [" ".join(cell.split()) for cell in cells]
    return " | ".join(texts).strip() if any(texts) else ""


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return the rows that hold something, one a line."""
    return "\n".join(line for line in map(row, rows) if line)


def tidy(text: str) -> str:
    """Return text whose cells are marked (`CELL`) with its rows in order, without lines that say nothing."""
    lines = []
    for line in text.split("\n"):
        bare = line.strip(" \t")
        if CELL in line:
            before, *cells = line.split(CELL)
            bare = row([before, *cells] if before.strip() else cells)
        lines.append("" if NOTHING.fullmatch(bare) else bare)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
