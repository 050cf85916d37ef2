"""Tables and code that do not fit into one chunk: cut at row ends, and along what is indented.

Sizes of lines are summed, so a piece may be a little longer than its limit; who uses them looks at the whole in the end.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.chunks.sections import Block, Line, is_delimiter
from retrieval.chunks.token_counts import TokenCounts

NAME_LENGTH = 80  # characters of what names a definition
HEADER_LENGTH = 120  # characters of a table's header that are repeated
DEEPEST = 12  # levels of indentation that are distinguished
# what ends or goes on with what stands above it, though it is indented as that is
GOES_ON = re.compile(
    r"""[})\]]|(?:else|elif|except|finally|catch|end|then|do|done|fi)\b|`{3}|~{3}|\"{3}|'{3}"""
)
DECORATION = re.compile(r"@|#|//|/\*|\*|--|`{3}|~{3}")  # of a definition, or a fence


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of a page; `heading` is what has to stand above it: a table's header, the definition that it is part of."""

    start: int
    end: int
    heading: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line with its size and how deep it is indented; None where it is blank."""

    start: int
    end: int
    text: str
    size: int
    indent: int | None


def cut_table(block: Block, counts: TokenCounts, *, tokens: int) -> list[Piece]:
    """Return pieces of whole rows, all but the first below the header; a row that is too long stays alone."""
    lines = block.lines
    head = 2 if len(lines) > 1 and is_delimiter(lines[1]) else 1
    header = _cells(lines[0].text)
    rows = _rows(lines, counts)
    groups = list(_packed([rows[:head], *([row] for row in rows[head:])], tokens))
    return [
        Piece(group[0].start, group[-1].end, header if place else "")
        for place, group in enumerate(groups)
    ]


def cut_code(block: Block, counts: TokenCounts, *, tokens: int) -> list[Piece]:
    """Return pieces in which functions are whole where they fit; the parts of those that do not are named by them."""
    return list(_outlined(_rows(block.lines, counts), tokens, ()))


def _rows(lines: Sequence[Line], counts: TokenCounts) -> list[_Row]:
    rows = []
    for line in lines:
        bare = line.text.lstrip()
        size, indent = (counts.size(line.text), len(line.text) - len(bare)) if bare else (0, None)
        rows.append(_Row(line.start, line.end, line.text, size, indent))
    return rows


def _cells(row: str) -> str:
    """Return a header row as cells joined by a bar, as many as there is room for."""
    kept = ""
    for cell in filter(None, map(str.strip, row.strip().strip("|").split("|"))):
        more = f"{kept} | {cell}" if kept else cell
        if len(more) > HEADER_LENGTH:
            return kept or cell[:HEADER_LENGTH]
        kept = more
    return kept


def _packed(groups: Sequence[Sequence[_Row]], tokens: int) -> Iterator[list[_Row]]:
    """Yield groups of lines joined to as many as fit; one that is too long is yielded alone."""
    pack: list[_Row] = []
    used = 0
    for group in groups:
        needed = _total(group)
        if pack and used + needed > tokens:
            yield pack
            pack, used = [], 0
        pack = [*pack, *group] if pack else list(group)
        used += needed
    if pack:
        yield pack


def _total(rows: Sequence[_Row]) -> int:
    return sum(row.size for row in rows)


def _outlined(rows: Sequence[_Row], tokens: int, above: tuple[str, ...]) -> Iterator[Piece]:
    for group in _packed(_items(rows), tokens):
        if _total(group) <= tokens:
            yield _piece(group, above)
        else:
            yield from _opened(group, tokens, above)


def _opened(item: Sequence[_Row], tokens: int, above: tuple[str, ...]) -> Iterator[Piece]:
    """Yield the pieces of what is too long to be whole: its head with the first of its body, the rest below its name."""
    outer = _outer(item)
    first = next((i for i, row in enumerate(item) if (row.indent or 0) > outer), None)
    if first is None or len(above) >= DEEPEST:
        yield from (_piece(group, above) for group in _packed([[row] for row in item], tokens))
        return
    if first == 0:  # it begins deeper than it goes on
        turn = next(i for i, row in enumerate(item) if row.indent == outer)
        yield from _outlined(item[:turn], tokens, (*above, ""))
        yield from _outlined(item[turn:], tokens, (*above, ""))
        return
    body = list(_outlined(item[first:], tokens, (*above, _name(item[:first]))))
    heads = list(_packed([[row] for row in item[:first]], tokens))
    last = heads.pop()
    yield from (_piece(group, above) for group in heads)
    opening = [row for row in item[first:] if row.start < body[0].end]
    if _total(last) + _total(opening) <= tokens:
        yield _piece([*last, *opening], above)
        yield from body[1:]
    else:
        yield _piece(last, above)
        yield from body


def _piece(rows: Sequence[_Row], above: tuple[str, ...]) -> Piece:
    return Piece(rows[0].start, rows[-1].end, " > ".join(filter(None, above)))


def _items(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Return what stands at the outermost indentation, each with what is indented below it."""
    outer = _outer(rows)
    items: list[list[_Row]] = []
    apart = True  # whether what stands before is blank or indented deeper
    for row in rows:
        opens = apart and row.indent == outer and not GOES_ON.match(row.text.lstrip())
        if opens or not items:
            items.append([])
        items[-1].append(row)
        apart = row.indent is None or row.indent > outer
    return items


def _outer(rows: Sequence[_Row]) -> int:
    return min((row.indent for row in rows if row.indent is not None), default=0)


def _name(head: Sequence[_Row]) -> str:
    """Return the line that says what is defined, without what opens its body."""
    for row in head:
        bare = row.text.strip()
        if bare and not DECORATION.match(bare):
            return bare.rstrip(" {:(")[:NAME_LENGTH]
    return ""
