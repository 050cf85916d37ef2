"""Text files: plain text, Markdown, source code, notebooks, and XML, which is either data or a document."""

import bisect
import json
import re
from collections.abc import Iterator

from lxml import etree

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.table_text import CELL, tidy
from retrieval.readers.zip.package import local, parse

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", re.MULTILINE)
HEADING = re.compile(r"^(#{1,6})[ \t]+(\S.*)$", re.MULTILINE)
# `## Title {#anchor}`
HEADING_ID = re.compile(r"(?<![ \t])[ \t]*+\{[ \t]*+#[^{}\n]*+\}[ \t]*+$", re.MULTILINE)
COMMENTS = (("<!--", "-->"), ("{/*", "*/}"))  # of HTML and of MDX: not shown, so not read
FENCES = ("```", "~~~")
BLOCKS = frozenset(
    ("p", "para", "title", "sec", "section", "abstract", "caption", "label", "li", "list-item", "item", "ref", "fn",
     "article-title", "tr", "row", "td", "th", "entry", "head", "div", "body", "l", "lg", "quote", "table", "fig", "list",
     "contrib", "aff", "name", "kwd", "subject", "journal-title", "front", "back")
)  # fmt: skip
CELLS = frozenset(("td", "th", "entry"))
ROWS = frozenset(("tr", "row"))
ENTITIES = re.compile(rb"<!ENTITY\b", re.IGNORECASE)


def read_text(raw: RawFile, text: str) -> Reading:
    """Return plain text as one page."""
    return Reading([Page(clean(text))])


def read_code(raw: RawFile, text: str) -> Reading:
    """Return source code as it is, tabs and all: in code, a `#` opens no heading."""
    return Reading([Page(clean(text).strip("\n"), form="code")])


def read_markdown(raw: RawFile, text: str) -> Reading:
    """Return Markdown without front matter and comments, headings in one form, and its title."""
    text = clean(text)
    title = ""
    if front := FRONT_MATTER.match(text):
        match = FRONT_TITLE.search(front.group(1))
        title = match.group(1) if match else ""
        text = text[front.end() :]
    text = _outside_fences(text).strip("\n")
    if not title and (heading := re.search(r"^# (.+)$", text, re.MULTILINE)):
        title = heading.group(1)
    return Reading([Page(text, form="markdown")], title)


def _outside_fences(text: str) -> str:
    """Return Markdown with comments gone and headings in one form; what stands between fences is code and stays."""
    parts: list[str] = []
    for code, lines in _parts(text):
        part = "".join(lines)
        parts.append(part if code else _plain_marks(part))
    return "".join(parts)


def _parts(text: str) -> Iterator[tuple[bool, list[str]]]:
    """Yield runs of lines, and whether each is a fenced block; a fence that is not closed opens none."""
    lines = text.splitlines(keepends=True)
    closing = {
        mark: [i for i, line in enumerate(lines) if line.rstrip() == mark] for mark in FENCES
    }
    start = place = 0
    while place < len(lines):
        ends = closing.get(lines[place][:3], [])
        following = bisect.bisect_right(ends, place)
        if following == len(ends):
            place += 1
            continue
        yield False, lines[start:place]
        start = ends[following] + 1
        yield True, lines[place:start]
        place = start
    yield False, lines[start:]


def _plain_marks(text: str) -> str:
    for opening, closing in COMMENTS:
        text = _without(text, opening, closing)
    return HEADING.sub(_heading, HEADING_ID.sub("", text))


def _without(text: str, opening: str, closing: str) -> str:
    """Return a text without what stands between two marks; an opening one that is never closed stays."""
    parts: list[str] = []
    done = 0
    while (start := text.find(opening, done)) >= 0:
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        parts.append(text[done:start])
        done = end + len(closing)
    return "".join([*parts, text[done:]])


def _heading(match: re.Match[str]) -> str:
    """Return a heading without the `#` that may close it: after a blank, so that C# stays C#."""
    body = match[2].rstrip()
    bare = body.rstrip("#")
    if bare != body and (not bare or bare[-1] in " \t"):
        body = bare.rstrip()
    return f"{match[1]} {body}"


def read_notebook(raw: RawFile, text: str) -> Reading:
    """Return a Jupyter notebook: its text as Markdown, its code between fences, what it printed below."""
    try:
        book = json.loads(text)
        cells = book["cells"] if "cells" in book else book["worksheets"][0]["cells"]
        parts = [part for cell in cells for part in _cell(cell)]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise raw.damaged("notebook", error) from error
    body = clean("\n\n".join(part for part in parts if part))
    heading = re.search(r"^# (.+)$", body, re.MULTILINE)
    return Reading([Page(body, form="markdown")], heading.group(1) if heading else "")


def _cell(cell: dict[str, object]) -> Iterator[str]:
    source = _joined(cell.get("source", cell.get("input", ""))).strip("\n")
    if cell.get("cell_type") != "code":
        yield _plain_marks(source)
        return
    yield f"```\n{source}\n```" if source else ""
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        data = output.get("data")
        shown = data.get("text/plain", "") if isinstance(data, dict) else ""
        printed = _joined(output.get("text", shown)).strip("\n")
        yield f"```\n{printed}\n```" if printed else ""


def _joined(source: object) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def read_xml(raw: RawFile, text: str) -> Reading:
    """Return an XML document's text by its blocks, or, where it is data rather than text, the source.

    Raises:
        DataError: it declares entities.
    """
    if ENTITIES.search(raw.data[:100_000].replace(b"\0", b"")):
        raise DataError(
            f"{raw.label}: the XML file declares entities, which adapt does not expand; save it without them"
        )
    try:
        root = parse(raw, raw.data, "XML file")
    except DataError:
        return read_code(raw, text)  # not well formed: as text it can still be found
    if not _is_document(root):
        return read_code(raw, text)
    title = next((" ".join("".join(map(str, e.itertext())).split()) for e in root.iter()
                  if local(e) in ("article-title", "title")), "")  # fmt: skip
    text = re.sub(r"[ \t]+", " ", clean("".join(_blocks(root))))
    return Reading([Page(tidy(text), form="markdown")], clean(title))


def _is_document(root: etree._Element) -> bool:
    """Say whether text runs around elements, as in a paragraph with a word set off."""
    mixed = sum(bool((e.tail or "").strip()) for e in root.iter())
    return mixed >= 2


def _blocks(root: etree._Element) -> Iterator[str]:
    """Yield the text, in a walk without recursion; a block stands on lines of its own, a table's row on one."""
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = local(element)
        if event == "start":
            depth += name in ("sec", "section", "chapter")
            if name == "title" and depth:
                yield f"\n\n{'#' * min(6, depth)} "
            elif name in CELLS:
                yield CELL
            elif name in ROWS:
                yield "\n"
            elif name in BLOCKS:
                yield "\n\n"
            yield (element.text or "").replace("\n", " ")
        else:
            depth -= name in ("sec", "section", "chapter")
            if name in BLOCKS and name not in CELLS:
                yield "\n" if name in ROWS else "\n\n"
            yield (element.tail or "").replace("\n", " ") if element is not root else ""
