"""Text files: plain text, source code, JSON, notebooks, and XML, which is either data or a document."""

import json
import re
from collections.abc import Iterator

from lxml import etree

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.table_text import CELL, tidy
from retrieval.readers.text.markdown import plain_marks
from retrieval.readers.zip.package import local, parse

BLOCKS = frozenset(
    ("p", "para", "title", "sec", "section", "abstract", "caption", "label", "li", "list-item", "item", "ref", "fn",
     "article-title", "tr", "row", "td", "th", "entry", "head", "div", "body", "l", "lg", "quote", "table", "fig", "list",
     "contrib", "aff", "name", "kwd", "subject", "journal-title", "front", "back")
)  # fmt: skip
CELLS = frozenset(("td", "th", "entry"))
ROWS = frozenset(("tr", "row"))
ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[0-9a-fA-F]{4})+)")
ENTITIES = re.compile(rb"<!ENTITY\b", re.IGNORECASE)


def read_text(raw: RawFile, text: str) -> Reading:
    """Return plain text as one page."""
    return Reading([Page(clean(text))])


def read_code(raw: RawFile, text: str) -> Reading:
    """Return source code as it is, tabs and all: in code, a `#` opens no heading."""
    return Reading([Page(clean(text).strip("\n"), form="code")])


def read_json(raw: RawFile, text: str) -> Reading:
    """Return JSON as it is written, with the letters that it gives by number; a warning where it is none."""
    text = clean(text).strip("\n")
    warnings = []
    if raw.suffix == ".json":
        try:
            json.loads(text)
        except RecursionError:
            pass  # too deep to be checked, and text all the same
        except ValueError as error:
            warnings.append(f"{raw.label}: no valid JSON ({error}), read as text; is it cut off?")
    return Reading([Page(ESCAPED.sub(_letters, text), form="code")], warnings=warnings)


def _letters(match: re.Match[str]) -> str:
    """Return the letters that a run of escapes stands for; those that JSON or a reader needs escaped stay."""
    try:
        letters = json.loads(f'"{match[2]}"')
        letters.encode()
    except (ValueError, UnicodeEncodeError):
        return match[0]
    return (
        f"{match[1]}{letters}"
        if letters.isprintable() and not set(letters) & {'"', "\\"}
        else match[0]
    )


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
        yield plain_marks(source)
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
