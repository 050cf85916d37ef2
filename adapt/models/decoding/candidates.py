"""What an answer restricted to passages may be: their sentences, table rows and list items, and the user's corrections.

A candidate knows what it is read with: the headings above it, the line that leads to its list, the header of its table, the
sentence before. Not here: which of them answers (`adapt.models.choice`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from adapt.language.sentences import is_row, sentence_spans
from adapt.records import Grounding

Kind = Literal["sentence", "row", "item", "correction"]

HEADING_MARK = re.compile(r"#{1,6}\s+")
BULLET = re.compile(r"(?:[-*+•‣▪·\u2013\u2014]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+")
RULE = re.compile(r"[\s|:=_*-]+")  # between a table's header and its rows, or across a page
SAYS = re.compile(
    r"[^\W\d_]{2}|\d{2}"
)  # what has neither two letters nor two digits in a row says nothing
TITLE_LENGTH = 80  # characters; a longer line without an end is text
READ_BEFORE = 200  # characters of the sentence before


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible answer.

    `text` is the words, `reading` what they say when they stand alone (a row with its header's names), `context` the
    headings and the leading line above, `before` the sentence before. `number` is its passage's, None for a correction,
    whose `context` is the question that it was given for.
    """

    text: str
    number: int | None
    kind: Kind = "sentence"
    reading: str = ""
    context: str = ""
    before: str = ""


@dataclass(slots=True)
class _Reader:
    """Where a passage has been read to."""

    headings: list[str]
    number: int
    columns: list[str]
    lead: str = ""
    before: str = ""

    def context(self, *more: str) -> str:
        return "\n".join(part for part in (*self.headings, *more) if part)


def find_candidates(grounding: Grounding) -> list[Candidate]:
    """Return what an answer may be, passages first, in their order; a sentence that stands twice in one passage, once."""
    candidates: list[Candidate] = []
    for place, (number, text) in enumerate(grounding.passages):
        heading = grounding.headings[place] if place < len(grounding.headings) else ""
        candidates += dict.fromkeys(_of_passage(number, text, heading))
    for asked, right in grounding.corrections:
        candidates.append(Candidate(right, None, "correction", right, asked))
    known = {right for _, right in grounding.corrections}
    candidates += [
        Candidate(text, None, "correction", text) for text in grounding.uncited if text not in known
    ]
    return candidates


def _of_passage(number: int, text: str, heading: str) -> Iterator[Candidate]:
    names, _, columns = heading.partition("\n")
    reader = _Reader([names] if names else [], number, _cells(columns) if is_row(columns) else [])
    if is_row(names):  # the header of a table that was cut stands at the end of its heading
        above, _, header = names.rpartition(" > ")
        reader.headings, reader.columns = [above] if above else [], _cells(header)
    spans = sentence_spans(text)
    lines = [(" ".join(text[start:end].split()), text[end:]) for start, end in spans]
    for place, (line, after) in enumerate(lines):
        last = place + 1 == len(lines)
        if RULE.fullmatch(line):
            continue
        if is_row(line):
            yield from _row(reader, line, followed=not last and is_row(lines[place + 1][0]))
            continue
        reader.columns = []
        if not last and _is_heading(line, after):
            _open_section(reader, HEADING_MARK.sub("", line, count=1))
            continue
        yield from _line(reader, line)


def _open_section(reader: _Reader, title: str) -> None:
    """Take a heading within a passage; what the passage's own heading ends with is not read twice."""
    path = reader.headings[0] if reader.headings else ""
    known = path.rstrip().casefold().endswith(title.casefold())
    reader.headings = [path] if known or not title else [part for part in (path, title) if part]
    reader.lead = reader.before = ""


def _row(reader: _Reader, line: str, *, followed: bool) -> Iterator[Candidate]:
    cells = _cells(line)
    if not reader.columns and followed:
        reader.columns = cells  # the first row names the columns
        return
    reading = line
    if len(cells) == len(reader.columns):
        pairs = zip(reader.columns, cells, strict=True)
        reading = "; ".join(f"{name}: {cell}" if name else cell for name, cell in pairs if cell)
    text = " | ".join(cells)
    if SAYS.search(text):
        yield Candidate(text, reader.number, "row", reading, reader.context(reader.lead))


def _line(reader: _Reader, line: str) -> Iterator[Candidate]:
    bullet = BULLET.match(line)
    text = line[bullet.end() :] if bullet else line
    if not SAYS.search(text):
        return
    if line.endswith("?"):  # a question of the document's: the next sentence answers it
        reader.lead = reader.before = text
        return
    if bullet:
        yield Candidate(text, reader.number, "item", text, reader.context(reader.lead))
        return
    asked = reader.lead if reader.lead.endswith("?") else ""
    before = reader.before[-READ_BEFORE:]
    yield Candidate(text, reader.number, "sentence", text, reader.context(asked), before)
    reader.before = text
    reader.lead = asked or text


def _is_heading(line: str, after: str) -> bool:
    """Return whether a line is the title of what comes after it."""
    if HEADING_MARK.match(line):
        return True
    apart = after.startswith("\n\n") or (after.startswith("\n") and line.isupper())
    short = len(line) <= TITLE_LENGTH and line[-1:] not in ".!?:;,…"
    return apart and short and not BULLET.match(line)


def _cells(line: str) -> list[str]:
    return [" ".join(cell.split()) for cell in line.strip().strip("|").split("|")]


def cite(candidate: Candidate) -> str:
    """Return a candidate as it appears in an answer: with its [n] where it is a passage's."""
    return candidate.text if candidate.number is None else f"{candidate.text} [{candidate.number}]"


def split_words(text: str) -> Sequence[str]:
    """Return a text in pieces of a word each, spaces kept, as a stream shows them."""
    return re.findall(r"\s*\S+|\s+$", text)
