"""Tables as text: a row is a line, its cells stand in order between bars, an empty cell keeps its place."""

from collections.abc import Iterable, Sequence


def row(cells: Sequence[str]) -> str:
    """Return a row as one line, `a | b | c`; empty where no cell holds anything."""
    texts = [" ".join(cell.split()) for cell in cells]
    return " | ".join(texts).strip() if any(texts) else ""


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return the rows that hold something, one a line."""
    return "\n".join(line for line in map(row, rows) if line)
