"""The text of an HTML page: headings as Markdown marks them, tables as rows, without scripts, styles and navigation.

The parser is lxml's for HTML: it knows no external entities, opens no network and runs nothing.
"""

import re

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag

from adapt.records import Page
from retrieval.encodings import clean
from retrieval.reading import RawFile, Reading
from retrieval.rows import CELL, row, tidy

DROPPED = {
    *("script", "style", "noscript", "template", "nav", "svg", "iframe", "object", "head"),
    *("button", "select", "textarea"),  # but not `form`: some servers wrap the whole page in one
}
UNSEEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
LAYOUT = ["table", *(f"h{level}" for level in range(1, 7))]  # what no cell of a table of data holds
LONGEST_CELL = 1_500  # characters; a longer one is a column of the page's layout
MAX_SPAN = 100
XML_LINE = re.compile(r"\A\s*<\?xml[^>]*\?>")
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
CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,30})""", re.IGNORECASE)


def declared_charset(data: bytes) -> str:
    """Return the encoding that a page's head or XML line names, or an empty text."""
    found = CHARSET.search(data[:4096]) or re.search(
        rb"""encoding=["']([\w.:-]+)["']""", data[:200]
    )
    return found.group(1).decode("ascii", errors="ignore") if found else ""


def read_page(raw: RawFile, markup: str) -> Reading:
    """Return an HTML file as one page of Markdown."""
    text, title = read_html(markup)
    return Reading([Page(text, form="markdown")], title)


def read_html(markup: str) -> tuple[str, str]:
    """Return the text of a page and its title."""
    # A doctype in front keeps Beautiful Soup from taking a page for XML, or a short text for a file name.
    soup = BeautifulSoup("<!doctype html>" + XML_LINE.sub("", markup, count=1), "lxml")
    title = clean(soup.title.get_text(" ")) if soup.title else ""
    for tag in soup.find_all(lambda tag: tag.name in DROPPED or _is_unseen(tag)):
        tag.decompose()
    parts: list[str] = []
    _collect(soup, parts)
    return tidy(clean("".join(parts))), " ".join(title.split())


def _collect(soup: BeautifulSoup, parts: list[str]) -> None:
    """Walk the page once, without recursion: a page can be nested deeper than Python's stack."""
    walk = [(iter(soup.contents), "", False)]
    while walk:
        children, closing, preformatted = walk[-1]
        child = next(children, None)
        if child is None:
            walk.pop()
            parts.append(closing)
        elif isinstance(child, Tag) and child.name == "table" and _is_data(child):
            parts.append(f"\n\n{_rows(child)}\n\n")
        elif isinstance(child, Tag):
            opening, ending = _marks(child)
            parts.append(opening)
            walk.append((iter(child.contents), ending, preformatted or child.name == "pre"))
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            parts.append(str(child) if preformatted else re.sub(r"\s+", " ", child))


def _is_unseen(tag: Tag) -> bool:
    """Say whether a browser shows nothing of it, or only the way through the site."""
    if tag.attrs is None or tag.name in ("html", "body"):
        return False
    style = tag.get("style")
    hidden = tag.has_attr("hidden") or (isinstance(style, str) and UNSEEN.search(style))
    return bool(hidden) or tag.get("role") == "navigation"


def _is_data(table: Tag) -> bool:
    """Say whether a table holds data, rather than the parts of a page."""
    if table.find(LAYOUT) is not None:
        return False
    return all(len(cell.get_text()) <= LONGEST_CELL for cell in table.find_all(["td", "th"]))


def _rows(table: Tag) -> str:
    """Return a table's rows, each cell on one line in its column; columns that are empty all the way are left out."""
    above = [_inline(tag) for tag in table.find_all("caption")]
    grid: list[list[str]] = []
    below: dict[int, int] = {}  # column → how many more rows a cell reaches down
    for line in table.find_all("tr"):
        cells: list[str] = []
        for cell in line.find_all(["td", "th"]):
            _fill(cells, below)
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            if height > 1:
                below.update({len(cells) + i: height - 1 for i in range(width)})
            cells += [_inline(cell), *[""] * (width - 1)]
        _fill(cells, below)
        grid.append(cells)
    used = {c for cells in grid for c, text in enumerate(cells) if text}
    lines = [row([text for c, text in enumerate(cells) if c in used]) for cells in grid]
    return "\n".join(line for line in [*above, *lines] if line)


def _fill(cells: list[str], below: dict[int, int]) -> None:
    """Keep the places that cells of rows above reach into."""
    while below.get(len(cells), 0) > 0:
        below[len(cells)] -= 1
        cells.append("")


def _span(cell: Tag, name: str) -> int:
    value = cell.get(name)
    return min(MAX_SPAN, max(1, int(value))) if isinstance(value, str) and value.isdigit() else 1


def _inline(tag: Tag) -> str:
    """Return what a cell says, on one line; the items of a list are parted by semicolons."""
    parts: list[str] = []
    for child in tag.descendants:
        if isinstance(child, Tag):
            items = child.name == "li" and child.find_previous_sibling("li") is not None
            parts.append(
                "\0" if items else " " if child.name in BLOCKS or child.name == "br" else ""
            )
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            parts.append(str(child))
    texts = (" ".join(text.split()) for text in "".join(parts).split("\0"))
    return "; ".join(text for text in texts if text)


def _marks(tag: Tag) -> tuple[str, str]:
    """Return what stands before and after a tag's text."""
    name = tag.name
    if name in HEADINGS:
        return f"\n\n{HEADINGS[name]} ", "\n\n"
    if name == "li":
        return "\n- ", ""
    if name in ("td", "th"):
        return CELL, ""
    if name == "br":
        return "\n", ""
    if name == "tr":
        return "\n", ""
    return ("\n\n", "\n\n") if name in BLOCKS else ("", "")
