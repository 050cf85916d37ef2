"""Delimited tables (CSV, TSV): which sign parts the cells, and the rows as lines; ragged rows stay as long as they are."""

import csv
import re
from collections.abc import Iterator

from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.table_text import row

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_LINES = 200
SEPARATOR = re.compile(r"\Asep=(.)\r?\n", re.IGNORECASE)  # how Excel names it in the file
LONGEST_CELL = 10_000_000  # characters


def read_delimited(raw: RawFile, text: str) -> Reading:
    """Return a delimited table as one page of rows."""
    text = clean(text)
    declared = SEPARATOR.match(text)
    delimiter = declared.group(1) if declared else sniff(text, suffix=raw.suffix)
    body = text[declared.end() :] if declared else text
    rows = _rows(body, delimiter)
    return Reading([Page("\n".join(line for line in map(row, rows) if line))])


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
    """Yield the rows; a quote that is never closed is a sign like others, so that it does not eat the rest."""
    csv.field_size_limit(LONGEST_CELL)
    quote = '"' if text.count('"') % 2 == 0 else None
    lines = text.splitlines(keepends=True)
    try:
        yield from csv.reader(
            lines, delimiter=delimiter, skipinitialspace=True, quotechar=quote,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        )  # fmt: skip

    except csv.Error:
        yield from (line.rstrip("\n").split(delimiter) for line in lines)
