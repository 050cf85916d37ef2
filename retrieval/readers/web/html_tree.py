"""An HTML page as a light tree of what a browser shows, built while libxml2 parses it.

The parser is libxml2's for HTML: it knows no external entities, opens no network and runs nothing. Its events are taken
as they come, because its own tree ends at a depth of some hundreds, and Beautiful Soup's takes 5 microseconds a tag.
Not here: what the tree says (`retrieval.readers.web.html`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from lxml import etree

DROPPED = frozenset(
    {
        *("script", "style", "noscript", "template", "nav", "svg", "iframe", "object", "head"),
        *("button", "select", "textarea"),  # not `form`: some servers wrap the whole page in one
    }
)
UNSEEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# what no cell of a table of data holds
LAYOUT = frozenset(("table", *(f"h{level}" for level in range(1, 7))))
CELLS = ("td", "th")
LISTS = ("ol", "ul", "menu")
LONGEST_CELL = 1_500  # characters; a longer one is a column of the page's layout
XML_LINE = re.compile(r"\A\s*<\?xml[^>]*\?>")
DOCTYPE = "<!doctype html>"  # in front, it keeps libxml2 from guessing what a page without one is
ONES = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
WHOLE = re.compile(r"-?\d{1,6}")
NOTHING: dict[str, str] = {}  # the attributes of most tags


class Element:
    """A tag and what stands in it.

    `layout` says of a table that it holds the parts of a page rather than data; `mark` is what a browser shows before an
    item of an ordered list.
    """

    __slots__ = ("attributes", "children", "layout", "mark", "name")

    def __init__(self, name: str, attributes: Mapping[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element | str] = []
        self.layout = False
        self.mark = ""

    def texts(self) -> Iterator[str]:
        """Yield the texts in it, in the order of the page, without recursion."""
        walk = [iter(self.children)]
        while walk:
            for child in walk[-1]:
                if isinstance(child, str):
                    yield child
                elif child.children:
                    walk.append(iter(child.children))
                    break
            else:
                walk.pop()

    def find_all(self, *names: str) -> Iterator["Element"]:
        """Yield the elements in it that have one of these names, in the order of the page, without recursion."""
        walk = [iter(self.children)]
        while walk:
            for child in walk[-1]:
                if isinstance(child, Element):
                    if child.name in names:
                        yield child
                    if child.children:
                        walk.append(iter(child.children))
                        break
            else:
                walk.pop()


class Numbering:
    """Counts the items of an ordered list as a browser does: `start`, `reversed`, `type`, an item's `value`."""

    def __init__(self, tag: Element) -> None:
        self._kind = tag.attributes.get("type") or "1"
        self._step = -1 if "reversed" in tag.attributes else 1
        self._next = _whole(tag.attributes.get("start"), 1)

    def next(self, item: Element) -> str:
        """Return the mark of the next item."""
        number = _whole(item.attributes.get("value"), self._next)
        self._next = number + self._step
        if self._kind in ("a", "A") and 1 <= number <= 26:
            return f"{chr(ord(self._kind) + number - 1)}."
        if self._kind in ("i", "I") and 1 <= number < 40:
            roman = "x" * (number // 10) + ONES[number % 10]
            return f"{roman.upper() if self._kind == 'I' else roman}."
        return f"{number}."


def _whole(text: str | None, default: int) -> int:
    """Return a whole number that an attribute holds."""
    return int(text) if text and WHOLE.fullmatch(text.strip()) else default


class _Builder:
    """The parser's events as a tree; what a browser does not show is left out except for the first title."""

    def __init__(self) -> None:
        self.root = Element("", {})
        self.title: list[str] | None = None
        self._open = [self.root]
        self._names: Counter[str] = Counter()  # how often each name is open, hidden ones too
        self._hidden: list[str] = []  # names of the open elements from the outermost hidden one on
        self._in_title = False
        self._text: list[str] = []
        self._preformatted = 0
        self._tables: list[Element] = []
        self._cells: list[int] = []  # characters before each open cell
        self._lists: list[Numbering | None] = []
        self._characters = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._flush()
        self._names[name] += 1
        if name == "title" and self.title is None:
            self.title, self._in_title = [], True
        if self._hidden or name in DROPPED or (attributes and _is_unseen(name, attributes)):
            self._hidden.append(name)
            return
        element = Element(name, dict(attributes) if attributes else NOTHING)
        self._open[-1].children.append(element)
        self._open.append(element)
        if name in LAYOUT and self._tables:
            self._tables[-1].layout = True
        if name == "table":
            self._tables.append(element)
        elif name in CELLS:
            self._cells.append(self._characters)
        elif name == "pre":
            self._preformatted += 1
        elif name in LISTS:
            self._lists.append(Numbering(element) if name == "ol" else None)
        elif name == "li" and self._lists and (numbering := self._lists[-1]):
            element.mark = numbering.next(element)

    def end(self, name: str) -> None:
        self._flush()
        while self._names[name]:  # ends whatever was left open in it
            closed = self._hidden.pop() if self._hidden else self._close()
            self._names[closed] -= 1
            self._in_title = self._in_title and closed != "title"
            if closed == name:
                return

    def data(self, text: str) -> None:
        self._text.append(text)

    def comment(self, text: str) -> None:
        self._flush()

    def pi(self, target: str, data: str | None = None) -> None:
        self._flush()

    def close(self) -> Element:
        self._flush()
        return self.root

    def _close(self) -> str:
        name = self._open.pop().name
        if name == "table":
            self._tables.pop()
        elif name in CELLS:
            before = self._cells.pop()
            if self._tables and self._characters - before > LONGEST_CELL:
                self._tables[-1].layout = True
        elif name == "pre":
            self._preformatted -= 1
        elif name in LISTS:
            self._lists.pop()
        return name

    def _flush(self) -> None:
        """Take the text since the last tag as one piece."""
        if not self._text:
            return
        text = "".join(self._text)
        self._text.clear()
        if self._in_title and self.title is not None:
            self.title.append(text)
        if self._hidden:
            return
        if not self._preformatted and not text.strip(" \n\t\f\r"):
            text = " "
        self._characters += len(text)
        self._open[-1].children.append(text)


def build(markup: str) -> tuple[Element, str]:
    """Return what a page shows, and its title."""
    builder = _Builder()
    parser = etree.HTMLParser(target=builder, recover=True)
    parser.feed(DOCTYPE + XML_LINE.sub("", markup, count=1))
    parser.close()
    return builder.root, " ".join(builder.title or [])


def _is_unseen(name: str, attributes: Mapping[str, str]) -> bool:
    """Say whether a browser shows nothing of it, or only the way through the site."""
    if name in ("html", "body"):
        return False
    hidden = "hidden" in attributes or UNSEEN.search(attributes.get("style") or "")
    return bool(hidden) or attributes.get("role") == "navigation"
