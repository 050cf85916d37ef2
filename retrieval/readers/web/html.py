"""The text of an HTML page: headings as Markdown marks them, tables as rows, without scripts, styles and navigation.

Not here: how it is parsed, and what of it is not shown at all (`retrieval.readers.web.html_tree`).
"""

import re
from collections.abc import Mapping

from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.table_text import CELL, row, tidy
from retrieval.readers.text.raised import lowered, raised
from retrieval.readers.web.html_tree import Element, build

MAX_SPAN = 100
STRUCK = frozenset(("del", "s", "strike"))
RAISED = frozenset(("sup", "sub"))
ICON = 40  # pixels
HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
BLOCKS = {
    *("address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figcaption", "figure"),
    *(
        "footer",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
        "body",
    ),
    *("caption", "details", "summary", "fieldset"),
}
BLANKS = re.compile(r"\s+")
CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,30})""", re.IGNORECASE)


def declared_charset(data: bytes) -> str:
    """Return the encoding that a page's head or XML line names, or an empty text."""
    match = CHARSET.search(data[:4096]) or re.search(
        rb"""encoding=["']([\w.:-]+)["']""", data[:200]
    )
    return match.group(1).decode("ascii", errors="ignore") if match else ""


def read_page(raw: RawFile, markup: str) -> Reading:
    """Return an HTML file as one page of Markdown."""
    text, title = read_html(markup)
    return Reading([Page(text, form="markdown")], title)


def read_html(markup: str) -> tuple[str, str]:
    """Return the text of a page and its title."""
    root, title = build(markup)
    parts: list[str] = []
    _collect(root, parts)
    return tidy(clean("".join(parts))), " ".join(clean(title).split())


def _collect(root: Element, parts: list[str]) -> None:
    """Walk the page once, without recursion: a page can be nested deeper than Python's stack."""
    walk = [(iter(root.children), "", False)]
    while walk:
        children, closing, preformatted = walk[-1]
        for child in children:
            if isinstance(child, str):
                parts.append(child if preformatted else BLANKS.sub(" ", child))
            elif child.name == "table" and not child.layout:
                parts.append(f"\n\n{_rows(child)}\n\n")
            elif child.name in RAISED:
                parts.append(_raised(parts, child))
            else:
                opening, ending = _marks(child)
                parts.append(opening)
                if child.children:
                    inside = preformatted or child.name == "pre"
                    walk.append((iter(child.children), ending, inside))
                    break
                parts.append(ending)
        else:
            walk.pop()
            parts.append(closing)


def _raised(parts: list[str], tag: Element) -> str:
    """Return what a raised or lowered text is in its line."""
    before = "".join(parts[-4:])
    text = "".join(tag.texts())
    if tag.name == "sub":
        return lowered(before, text)
    return raised(before, text, is_link=any(True for _ in tag.find_all("a")))


def _rows(table: Element) -> str:
    """Return a table's rows, each cell on one line in its column; columns that are empty all the way are left out."""
    above = [_inline(tag) for tag in table.find_all("caption")]
    grid: list[list[str]] = []
    below: dict[
        int, tuple[int, str]
    ] = {}  # column → how many more rows a cell reaches down, and what it says
    for line in table.find_all("tr"):
        cells: list[str] = []
        for cell in line.find_all("td", "th"):
            _fill(cells, below)
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            text = _inline(cell)
            if height > 1:
                below.update(
                    {len(cells) + i: (height - 1, "" if i else text) for i in range(width)}
                )
            cells += [text, *[""] * (width - 1)]
        _fill(cells, below)
        grid.append(cells)
    used = {c for cells in grid for c, text in enumerate(cells) if text}
    lines = [row([text for c, text in enumerate(cells) if c in used]) for cells in grid]
    return "\n".join(line for line in [*above, *lines] if line)


def _fill(cells: list[str], below: dict[int, tuple[int, str]]) -> None:
    """Say again what cells of rows above say that reach into this one: each row is found by itself."""
    while (reaching := below.get(len(cells), (0, "")))[0] > 0:
        below[len(cells)] = reaching[0] - 1, reaching[1]
        cells.append(reaching[1])


def _span(cell: Element, name: str) -> int:
    if not cell.attributes:
        return 1
    value = cell.attributes.get(name) or ""
    return min(MAX_SPAN, max(1, int(value))) if value.isdigit() else 1


def _inline(tag: Element) -> str:
    """Return what a cell says, on one line; the items of a list are parted by semicolons."""
    if len(tag.children) == 1 and isinstance(tag.children[0], str):
        return " ".join(tag.children[0].replace("\0", "; ").split())
    parts: list[str] = []
    walk = [(iter(tag.children), False, "")]
    while walk:
        children, listed, closing = walk.pop()
        for child in children:
            if isinstance(child, str):
                parts.append(child)
                continue
            if child.name in RAISED:
                parts.append(_raised(parts, child))
                continue
            ending = ""
            if child.name == "li":
                parts.append("\0" if listed else " ")
                listed = True
            elif child.name in BLOCKS or child.name == "br":
                parts.append(" ")
            else:
                opening, ending = _inline_marks(child)
                parts.append(opening)
            if child.children:
                walk += [(children, listed, closing), (iter(child.children), False, ending)]
                break
            parts.append(ending)
        else:
            parts.append(closing)
    texts = (" ".join(text.split()) for text in "".join(parts).split("\0"))
    return "; ".join(text for text in texts if text)


def _marks(tag: Element) -> tuple[str, str]:
    """Return what stands before and after a tag's text."""
    name = tag.name
    if name in HEADINGS:
        return f"\n\n{HEADINGS[name]} ", "\n\n"
    if name == "li":
        return f"\n{tag.mark or '-'} ", ""
    if name in ("td", "th"):
        return CELL, ""
    if name == "br":
        return "\n", ""
    if name == "tr":
        return "\n", ""
    return ("\n\n", "\n\n") if name in BLOCKS else _inline_marks(tag)


def _inline_marks(tag: Element) -> tuple[str, str]:
    """Return what a tag within a line says beside its text: what is struck out, what a picture shows, what is ticked."""
    name, attributes = tag.name, tag.attributes
    if name in STRUCK:
        return "~~", "~~"
    if name == "img":
        alt = "" if _is_icon(attributes) else " ".join((attributes.get("alt") or "").split())
        return (f" [{alt}] " if alt else ""), ""
    if name == "input":
        kind = (attributes.get("type") or "text").lower()
        if kind in ("checkbox", "radio"):
            return (" [x] " if "checked" in attributes else " [ ] "), ""
        shown = (
            attributes.get("value") if kind in ("text", "number", "date", "email", "tel") else ""
        )
        return (f" {shown} " if shown else ""), ""
    return "", ""


def _is_icon(attributes: Mapping[str, str]) -> bool:
    """Return whether a picture is a sign within a line, whose words would tear the line apart: an arrow, a flag."""
    sizes = [attributes.get(name) or "" for name in ("width", "height")]
    return any(size.isdigit() and int(size) < ICON for size in sizes)
