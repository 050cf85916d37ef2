"""Delimited tables (CSV, TSV): which sign parts the cells, and the rows as lines; ragged rows stay as long as they are."""

import csv
import re
import statistics
from collections.abc import Iterator

from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.table_text import row

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_LINES = 200
SEPARATOR = re.compile(r"\Asep=(.)\r?\n", re.IGNORECASE)  # how Excel names it in the file
LOOKED_AT, MOST_TITLES = 60, 8  # rows; the lines that may stand above a header
LONGEST_CELL = 10_000_000  # characters


def read_delimited(raw: RawFile, text: str) -> Reading:
    """Return a delimited table as one page of rows; lines above its header stand before it, apart."""
    text = clean(text)
    declared = SEPARATOR.match(text)
    delimiter = declared.group(1) if declared else sniff(text, suffix=raw.suffix)
    body = text[declared.end() :] if declared else text
    rows = list(_rows(body, delimiter))
    head = _header_at(rows)
    titles = [" ".join(cell.strip() for cell in cells if cell.strip()) for cells in rows[:head]]
    above = "\n".join(title for title in titles if title)
    table = "\n".join(line for line in map(row, rows[head:]) if line)
    return Reading([Page(f"{above}\n\n{table}" if above else table)])


def _header_at(rows: list[list[str]]) -> int:
    """Return where the table begins: at the first row with a name for nearly each column, if those above have one cell."""
    filled = [sum(bool(cell.strip()) for cell in cells) for cells in rows[:LOOKED_AT]]
    usual = statistics.median(filled[MOST_TITLES:] or filled) if filled else 0
    for place, count in enumerate(filled[:MOST_TITLES]):
        if count >= max(2, 0.7 * usual):
            return place
        if count > 1:
            return 0  # a row of several cells that is no header: nothing is sure
    return 0


def sniff(text: str, *, suffix: str = "") -> str:
    """Return the delimiter: the one that cuts most lines into one same number of cells, more than one."""
    lines = text[:200_000].split("\n")[:SAMPLE_LINES]
    scores = {delimiter: _score(lines, delimiter) for delimiter in DELIMITERS}
    best = max(scores, key=lambda d: scores[d])
    if scores[best] > 0:
        return best
    return "\t" if suffix in (".tsv", ".tab") else ","


def is_table(text: str) -> bool:
    """Say whether a text without a telling name is a table: nearly all of its lines have the same several cells."""
    lines = [line for line in text[:200_000].split("\n")[:SAMPLE_LINES] if line.strip()]
    return len(lines) > 1 and max(_score(lines, "\t"), _score(lines, ";")) > 1.8


def _score(lines: list[str], delimiter: str) -> float:
    """Return the share of lines that have the most usual number of cells, raised a little for more cells."""
    counts: dict[int, int] = {}
    for cells in _rows("\n".join(lines), delimiter):
        if any(cells):
            counts[len(cells)] = counts.get(len(cells), 0) + 1
    total = sum(counts.values())
    usual = max((n for n in counts if n > 1), key=lambda n: (counts[n], n), default=0)
    if not usual:
        return 0.0
    cut = sum(count for n, count in counts.items() if n > 1)
    return (counts[usual] + cut) / total + min(usual, 20) / 100


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows; a quote counts only where it begins a cell that another one ends, else it is a sign like others."""
    csv.field_size_limit(LONGEST_CELL)
    lines = text.splitlines(keepends=True)
    if '"' in text and not _is_well_quoted(text, delimiter):
        yield from _split(text, delimiter)
        return
    try:
        yield from csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    except csv.Error:
        yield from (line.rstrip("\n").split(delimiter) for line in lines)


def _is_well_quoted(text: str, delimiter: str) -> bool:
    """Return whether the library's reader takes every quote as what it is: none within a bare cell, each one closed."""
    try:
        for _ in csv.reader(
            text.splitlines(keepends=True), delimiter=delimiter, skipinitialspace=True, strict=True
        ):
            pass
    except csv.Error:
        return False
    return True


def _split(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows of a table some of whose quotes are inches: each line by itself, unless a quoted cell goes on."""
    sign = re.escape(delimiter)
    cell = re.compile(rf' *"((?:[^"]|"")*)" *(?={sign}|\n|\Z)|([^{sign}\n]*)')
    cells: list[str] = []
    place = 0
    while place < len(text):
        match = cell.match(text, place)
        if match is None:  # the second form takes anything
            raise AssertionError(text[place : place + 20])
        quoted = match[1]
        cells.append(match[2].strip() if quoted is None else quoted.replace('""', '"'))
        place = match.end()
        if place < len(text) and text[place] == delimiter:
            place += 1
            if place < len(text):
                continue
            cells.append("")
        yield cells
        cells = []
        place += 1
    if cells:
        yield cells
