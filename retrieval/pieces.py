"""Tables and code that do not fit into one chunk: cut at row ends, and along what is indented.

Sizes of lines are summed, so a piece may be a little longer than its limit; who uses them looks at the whole in the end.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from retrieval.counting import TokenCounts
from retrieval.structure import Block, Line, is_delimiter

NAME_LENGTH = 80  # characters of what names a definition
HEADER_LENGTH = 120  # characters of a table's header that are repeated
DEEPEST = 12  # levels of indentation that are told apart
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


Size = Callable[[Line], int]


def cut_table(block: Block, counts: TokenCounts, *, tokens: int) -> list[Piece]:
    """Return pieces of whole rows, all but the first below the header; a row that is too long stays alone."""
    lines = block.lines
    head = 2 if len(lines) > 1 and is_delimiter(lines[1]) else 1
    header = _cells(lines[0].text)
    groups = list(
        _packed([lines[:head], *((line,) for line in lines[head:])], _size(counts), tokens)
    )
    return [
        Piece(group[0].start, group[-1].end, header if place else "")
        for place, group in enumerate(groups)
    ]


def cut_code(block: Block, counts: TokenCounts, *, tokens: int) -> list[Piece]:
    """Return pieces in which functions are whole where they fit; the parts of those that do not are named by them."""
    return list(_outlined(block.lines, _size(counts), tokens, ()))


def _size(counts: TokenCounts) -> Size:
    return lambda line: counts.size(line.text) if not line.blank else 0


def _cells(row: str) -> str:
    """Return a header row as cells joined by a bar, as many as there is room for."""
    kept = ""
    for cell in filter(None, map(str.strip, row.strip().strip("|").split("|"))):
        more = f"{kept} | {cell}" if kept else cell
        if len(more) > HEADER_LENGTH:
            return kept or cell[:HEADER_LENGTH]
        kept = more
    return kept


def _packed(groups: Sequence[Sequence[Line]], size: Size, tokens: int) -> Iterator[list[Line]]:
    """Yield groups of lines joined to as many as fit; one that is too long is yielded alone."""
    held: list[Line] = []
    used = 0
    for group in groups:
        needed = sum(map(size, group))
        if held and used + needed > tokens:
            yield held
            held, used = [], 0
        held = [*held, *group] if held else list(group)
        used += needed
    if held:
        yield held


def _outlined(
    lines: Sequence[Line], size: Size, tokens: int, above: tuple[str, ...]
) -> Iterator[Piece]:
    heading = " > ".join(filter(None, above))
    for group in _packed(_items(lines), size, tokens):
        if sum(map(size, group)) <= tokens:
            yield Piece(group[0].start, group[-1].end, heading)
        else:
            yield from _opened(group, size, tokens, above)


def _opened(
    item: Sequence[Line], size: Size, tokens: int, above: tuple[str, ...]
) -> Iterator[Piece]:
    """Yield the pieces of what is too long to be whole: its head with the first of its body, the rest below its name."""
    outer = min(map(_indent, (line for line in item if not line.blank)))
    first = next((i for i, one in enumerate(item) if not one.blank and _indent(one) > outer), None)
    if first is None or len(above) >= DEEPEST:
        for group in _packed([[line] for line in item], size, tokens):
            yield Piece(group[0].start, group[-1].end, " > ".join(filter(None, above)))
        return
    if first == 0:  # it begins deeper than it goes on
        turn = next(i for i, one in enumerate(item) if not one.blank and _indent(one) == outer)
        yield from _outlined(item[:turn], size, tokens, (*above, ""))
        yield from _outlined(item[turn:], size, tokens, (*above, ""))
        return
    name = _name(item[:first])
    body = list(_outlined(item[first:], size, tokens, (*above, name)))
    heads = list(_packed([[line] for line in item[:first]], size, tokens))
    last = heads.pop()
    for group in heads:
        yield Piece(group[0].start, group[-1].end, " > ".join(filter(None, above)))
    held = sum(map(size, last))
    opening = sum(size(line) for line in item[first:] if line.start < body[0].end)
    if held + opening <= tokens:
        yield Piece(last[0].start, body[0].end, " > ".join(filter(None, above)))
        yield from body[1:]
    else:
        yield Piece(last[0].start, last[-1].end, " > ".join(filter(None, above)))
        yield from body


def _items(lines: Sequence[Line]) -> list[list[Line]]:
    """Return what stands at the outermost indentation, each with what is indented below it."""
    outer = min(map(_indent, (line for line in lines if not line.blank)), default=0)
    items: list[list[Line]] = []
    before: Line | None = None
    for line in lines:
        opens = (
            not line.blank
            and _indent(line) == outer
            and not GOES_ON.match(line.text.lstrip())
            and (before is None or before.blank or _indent(before) > outer)
        )
        if opens or not items:
            items.append([])
        items[-1].append(line)
        before = line
    return items


def _indent(line: Line) -> int:
    return len(line.text) - len(line.text.lstrip())


def _name(head: Sequence[Line]) -> str:
    """Return the line that says what is defined, without what opens its body."""
    for line in head:
        bare = line.text.strip()
        if bare and not DECORATION.match(bare):
            return bare.rstrip(" {:(")[:NAME_LENGTH]
    return ""
