"""Markdown: front matter as lines of its own, comments gone where they stand outside code, headings in one form.

Code is what CommonMark 0.31 calls so (sections 4.4, 4.5, 6.1): between fences, indented by four, or between backticks.
"""

import bisect
import html
import itertools
import json
import re
from collections.abc import Iterator

import yaml

from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
LONGEST_FRONT = 20_000  # characters
HEADING = re.compile(r"^(#{1,6})[ \t]+(\S.*)$", re.MULTILINE)
# `## Title {#anchor}`
HEADING_ID = re.compile(r"(?<![ \t])[ \t]*+\{[ \t]*+#[^{}\n]*+\}[ \t]*+$", re.MULTILINE)
COMMENTS = {"<!--": "-->", "{/*": "*/}"}  # of HTML and of MDX: not shown, so not read
FENCE = re.compile(r" {0,3}(`{3,}(?=[^`\n]*$)|~{3,})", re.MULTILINE)
INDENTED = re.compile(r"(?: {4}| {0,3}\t)[ \t]*\S")
LIST_ITEM = re.compile(r"[ \t]*(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)")
TICKS = re.compile(r"`+")
MARKS = re.compile(r"`+|<!--|\{/\*|\n")  # what a walk through a line stops at
BLANK_LINE = re.compile(r"\n[ \t]*\n")
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def read_markdown(raw: RawFile, text: str) -> Reading:
    """Return Markdown without comments, what its front matter says before it, and its title."""
    text = clean(text)
    title, front = "", ""
    if match := FRONT_MATTER.match(text):
        fields = _front_fields(match[1])
        if fields is not None:
            title = str(fields.pop("title", None) or "").strip()
            front = "".join(f"{name}: {_flat(value)}\n" for name, value in fields.items())
            text = text[match.end() :]
    text = plain_marks(text).strip("\n")
    if not title and (heading := re.search(r"^# (.+)$", text, re.MULTILINE)):
        title = heading[1]
    return Reading([Page(f"{front}\n{text}" if front else text, form="markdown")], title)


def _front_fields(block: str) -> dict[str, object] | None:
    """Return the fields of front matter; None where the block between two rules is text."""
    if len(block) > LONGEST_FRONT:
        return None
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(block)):
            return None  # a few lines of aliases can stand for gigabytes
        fields = yaml.load(block, yaml.BaseLoader)  # noqa: S506  values as they are written; it makes no objects
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    named = isinstance(fields, dict) and all(isinstance(name, str) for name in fields)
    # a sentence with a colon is a field to YAML; names of fields have no blanks
    return fields if named and not any(" " in name.strip() for name in fields) else None


def _flat(value: object) -> str:
    if isinstance(value, list) and not any(isinstance(entry, dict | list) for entry in value):
        return ", ".join(map(str, value))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(str("" if value is None else value).split())


def plain_marks(text: str) -> str:
    """Return Markdown with comments gone, entities as the signs they stand for and headings in one form; code stays."""
    return "".join(
        part if is_code else HEADING.sub(_heading, HEADING_ID.sub("", part))
        for is_code, part in _Scan(text).parts()
    )


def _heading(match: re.Match[str]) -> str:
    """Return a heading without the `#` that may close it: after a blank, so that C# stays C#."""
    body = match[2].rstrip()
    bare = body.rstrip("#")
    if bare != body and (not bare or bare[-1] in " \t"):
        body = bare.rstrip()
    return f"{match[1]} {body}"


class _Closings:
    """The lines of one sign alone, at least three times, that may close a fence of it."""

    def __init__(self, text: str, sign: str) -> None:
        line = re.compile(rf"^ {{0,3}}({sign}{{3,}})[ \t]*(?:\n|\Z)", re.MULTILINE)
        matches = list(line.finditer(text))
        self._starts = [match.start() for match in matches]
        self._ends = [match.end() for match in matches]
        self._lengths = [len(match[1]) for match in matches]
        self._longest = list(itertools.accumulate(reversed(self._lengths), max))[::-1]

    def after(self, place: int, length: int) -> int | None:
        """Return where the first line after a place ends that is as long as a fence, None where there is none."""
        number = bisect.bisect_right(self._starts, place)
        if number == len(self._starts) or self._longest[number] < length:
            return None
        while self._lengths[number] < length:
            number += 1
        return self._ends[number]


class _Scan:
    """One walk through a text, line by line; what opens first counts, as in CommonMark."""

    def __init__(self, text: str) -> None:
        self._text = text
        # what may close a fence: places, ends, lengths by sign, and the greatest length from each on
        self._closings = {sign: _Closings(text, sign) for sign in "`~"}
        self._ticks: dict[
            int, list[int]
        ] = {}  # length of a run of backticks → where such runs begin
        for match in TICKS.finditer(text):
            self._ticks.setdefault(len(match[0]), []).append(match.start())
        self._open_for_good: set[str] = set()  # openings of comments after which none is closed
        self._kept: list[str] = []  # of the run of lines under way

    def parts(self) -> Iterator[tuple[bool, str]]:
        """Yield runs of lines, and whether each is a block of code."""
        place, end = 0, len(self._text)
        after_blank, in_list = True, False
        while place < end:
            line_end = self._line_end(place)
            line = self._text[place:line_end]
            closed = self._closed_fence(place)
            if closed is None and after_blank and not in_list and INDENTED.match(line):
                closed = self._indented_end(place)
            if closed is not None:
                yield False, "".join(self._kept)
                self._kept = []
                yield True, self._text[place:closed]
                place, after_blank = closed, False
                continue
            if line.strip():
                in_list = bool(LIST_ITEM.match(line)) or (in_list and line[0] in " \t")
            after_blank = not line.strip()
            place = self._take_line(place)
        yield False, "".join(self._kept)

    def _line_end(self, place: int) -> int:
        found = self._text.find("\n", place)
        return len(self._text) if found < 0 else found + 1

    def _closed_fence(self, place: int) -> int | None:
        """Return where the fenced block that begins here ends; None where none does, or it is never closed."""
        opening = FENCE.match(self._text, place)
        if opening is None:
            return None
        return self._closings[opening[1][0]].after(place, len(opening[1]))

    def _indented_end(self, place: int) -> int:
        end = place
        while place < len(self._text):
            following = self._line_end(place)
            line = self._text[place:following]
            if line.strip() and not INDENTED.match(line):
                break
            place = following
            end = place if line.strip() else end
        return end

    def _take_line(self, place: int) -> int:
        """Keep a line but for its comments, and return where the next one begins, which a code span may put off."""
        while match := MARKS.search(self._text, place):
            self._plain(place, match.start())
            mark, place = match[0], match.end()
            if mark == "\n":
                self._kept.append(mark)
                return place
            if mark[0] == "`":
                end = self._span_end(match.start(), len(mark))
                self._kept.append(self._text[match.start() : end or place])
                place = end or place
                continue
            end = self._comment_end(mark, place)
            if end is None:
                self._kept.append(mark)
            place = end or place
        self._plain(place, len(self._text))
        return len(self._text)

    def _plain(self, start: int, end: int) -> None:
        if start < end:
            text = self._text[start:end]
            self._kept.append(
                ENTITY.sub(lambda m: html.unescape(m[0]), text) if "&" in text else text
            )

    def _span_end(self, start: int, length: int) -> int | None:
        """Return where the code span that a run of backticks opens ends: at a run as long, in the same paragraph."""
        runs = self._ticks[length]
        following = bisect.bisect_right(runs, start)
        if following == len(runs):
            return None
        if BLANK_LINE.search(self._text, start, runs[following]):
            return None
        return runs[following] + length

    def _comment_end(self, opening: str, place: int) -> int | None:
        if opening in self._open_for_good:
            return None
        closing = COMMENTS[opening]
        found = self._text.find(closing, place)
        if found < 0:
            self._open_for_good.add(opening)
            return None
        return found + len(closing)
