"""The text of an HTML page: headings as Markdown marks them, tables as rows, without scripts, styles and navigation.

The parser is lxml's for HTML: it knows no external entities, opens no network and runs nothing.
"""

import re

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag

from adapt.records import Page
from retrieval.encodings import clean
from retrieval.reading import RawFile, Reading

DROPPED = [
    *("script", "style", "noscript", "template", "nav", "svg", "iframe", "object", "head"),
    *("button", "select", "textarea"),  # but not `form`: some servers wrap the whole page in one
]
XML_LINE = re.compile(r"\s*<\?xml[^>]*\?>")
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
    for tag in soup.find_all(DROPPED):
        tag.decompose()
    parts: list[str] = []
    _collect(soup, parts)
    return _tidy(clean("".join(parts))), " ".join(title.split())


def _collect(soup: BeautifulSoup, parts: list[str]) -> None:
    """Walk the page once, without recursion: a page can be nested deeper than Python's stack."""
    walk = [(iter(soup.contents), "", False)]
    while walk:
        children, closing, preformatted = walk[-1]
        child = next(children, None)
        if child is None:
            walk.pop()
            parts.append(closing)
        elif isinstance(child, Tag):
            opening, ending = _marks(child)
            parts.append(opening)
            walk.append((iter(child.contents), ending, preformatted or child.name == "pre"))
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            parts.append(str(child) if preformatted else re.sub(r"\s+", " ", child))


def _marks(tag: Tag) -> tuple[str, str]:
    """Return what stands before and after a tag's text."""
    name = tag.name
    if name in HEADINGS:
        return f"\n\n{HEADINGS[name]} ", "\n\n"
    if name == "li":
        return "\n- ", ""
    if name in ("td", "th"):
        return " | ", ""
    if name == "br":
        return "\n", ""
    if name == "tr":
        return "\n", ""
    return ("\n\n", "\n\n") if name in BLOCKS else ("", "")


def _tidy(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        bare = line.strip(" \t")
        bare = bare.removeprefix("|").strip() if bare.startswith("|") else bare
        # `# ` without a text is an empty heading
        lines.append("" if re.fullmatch(r"[#|\-\s]*", bare) else bare)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
