"""Pages to sections, and sections to blocks: prose, tables, code. A scan of lines, without a parser's tree.

A section is what stands below one heading, or below several that follow each other without text; a block is a run of lines
of one kind. Blocks cover their section except for its opening headings. Not here: how blocks become chunks
(`retrieval.chunks.cut`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from adapt.records import Page

Kind = Literal["prose", "table", "code"]

HEADING = re.compile(r"(#+)[ \t]+(.*)")
FENCE = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})(.*)")
# the line below a Markdown table's header
DELIMITER = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page with its end of line; `start` and `end` are offsets in the page."""

    start: int
    end: int
    text: str

    @property
    def blank(self) -> bool:
        """Return whether there is nothing to see in it."""
        return not self.text or self.text.isspace()


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one kind that follow each other."""

    kind: Kind
    lines: tuple[Line, ...]

    @property
    def start(self) -> int:
        """Return its offset in the page."""
        return self.lines[0].start

    @property
    def end(self) -> int:
        """Return the offset behind it."""
        return self.lines[-1].end


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page below its headings, which end at `body`; `heading` is their path."""

    start: int
    body: int
    end: int
    heading: str
    blocks: tuple[Block, ...]


def sections(page: Page) -> list[Section]:
    """Return the sections of a page, in order; together they cover all of it but white space."""
    lines = list(lines_of(page.text, 0))
    if page.form == "code":
        return [_section([], [(line, True) for line in lines], "", code=True)] if lines else []
    if page.form == "plain":
        return [_section([], [(line, False) for line in lines], "")] if lines else []
    return list(_marked(lines))


def lines_of(text: str, start: int) -> Iterator[Line]:
    """Yield the lines of a text that begins at an offset of its page."""
    last = start + len(text)
    for line in text.split("\n"):
        end = min(start + len(line) + 1, last)
        yield Line(start, end, line)
        start = end


def _marked(lines: list[Line]) -> Iterator[Section]:
    """Yield the sections of Markdown; a heading without text goes with the next part."""
    above: list[tuple[int, str]] = []  # level and text of the headings that stand above
    opening: list[Line] = []
    body: list[tuple[Line, bool]] = []  # with whether it is code
    for line, fenced in _fenced(lines):
        heading = None if fenced else HEADING.fullmatch(line.text)
        if heading is None:
            if body or not line.blank or not opening:
                body.append((line, fenced))
            continue
        if any(not body_line.blank for body_line, _ in body):
            yield _section(opening, body, _path(above))
            opening = []
        body = []
        level = len(heading.group(1))
        while above and above[-1][0] >= level:
            above.pop()
        above.append((level, heading.group(2).strip()))
        opening.append(line)
    if opening or any(not body_line.blank for body_line, _ in body):
        yield _section(opening, body, _path(above))


def _path(above: list[tuple[int, str]]) -> str:
    return " > ".join(text for _, text in above if text)


def _section(
    opening: list[Line], body: list[tuple[Line, bool]], heading: str, *, code: bool = False
) -> Section:
    lines = [*opening, *(line for line, _ in body)]
    blocks = [Block("code", tuple(lines))] if code else list(_blocks(body))
    start = body[0][0].start if body else lines[-1].end
    return Section(lines[0].start, start, lines[-1].end, heading, tuple(blocks))


def _fenced(lines: list[Line]) -> Iterator[tuple[Line, bool]]:
    """Yield each line with whether it belongs to a fenced block, whose fences do."""
    fence = ""
    for line in lines:
        match = FENCE.fullmatch(line.text)
        if fence:
            yield line, True
            if match and match.group(1).startswith(fence) and not match.group(2).strip():
                fence = ""
        else:
            fence = match.group(1) if match else ""
            yield line, bool(match)


def _blocks(lines: list[tuple[Line, bool]]) -> Iterator[Block]:
    """Yield blocks; blank lines go with what stands before them."""
    kinds = _kinds(lines)
    start = 0
    for place in range(1, len(lines) + 1):
        if place == len(lines) or kinds[place] != kinds[start]:
            yield Block(kinds[start], tuple(line for line, _ in lines[start:place]))
            start = place


def _kinds(lines: list[tuple[Line, bool]]) -> list[Kind]:
    kinds: list[Kind] = ["code" if fenced else "prose" for _, fenced in lines]
    texts = ["" if fenced else line.text for line, fenced in lines]
    place = 0
    while place < len(texts):
        rows = 0 if kinds[place] == "code" else _table(texts, place)
        kinds[place : place + rows] = ["table"] * rows
        place += max(rows, 1)
    for place in range(1, len(lines)):
        if kinds[place] == "prose" and lines[place][0].blank:
            kinds[place] = kinds[place - 1]
    return kinds


def _table(texts: list[str], first: int) -> int:
    """Return how many lines from this one on are a table; 0 where none begins."""
    below = texts[first + 1] if first + 1 < len(texts) else ""
    marked = "|" in texts[first] and "-" in below and bool(DELIMITER.fullmatch(below))
    if not marked and not (_is_row(texts[first]) and _is_row(below)):
        return 0
    last = first + 1
    while last + 1 < len(texts) and texts[last + 1].strip():
        after = texts[last + 2] if last + 2 < len(texts) else ""
        row = "|" in texts[last + 1] if marked else _is_row(texts[last + 1])
        if not row and not _is_row(after):  # a line of one cell may stand between rows
            break
        last += 1
    return last + 1 - first


def _is_row(text: str) -> bool:
    bare = text.strip()
    return " | " in bare or (bare.startswith("|") and bare.count("|") > 1)


def is_delimiter(line: Line) -> bool:
    """Return whether a line is the one below a Markdown table's header."""
    return "-" in line.text and bool(DELIMITER.fullmatch(line.text))
