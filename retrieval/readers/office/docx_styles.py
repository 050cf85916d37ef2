"""What a Word file says of its paragraphs elsewhere: styles (headings, hidden text) and the numbers of lists."""

import re
from dataclasses import dataclass

from lxml import etree

from retrieval.readers.zip.package import attribute, local

HEADING = re.compile(r"heading (\d)$", re.IGNORECASE)
MAX_LEVEL = 9
MAX_BASED = 20  # styles that a style is based on, one through the other
ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
         (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


@dataclass(slots=True)
class Style:
    """What holds of a paragraph: `level` is 1 to 9 for a heading, else 0."""

    level: int = 0
    is_title: bool = False
    hidden: bool = False
    list_id: str = ""
    list_level: int = 0


def is_on(element: etree._Element | None) -> bool:
    """Say whether a switch of Word is set: it is there, and not turned off."""
    return element is not None and attribute(element, "val") not in ("0", "false", "off", "none")


def child(element: etree._Element | None, name: str) -> etree._Element | None:
    """Return the first child of that name."""
    return next((c for c in element if local(c) == name), None) if element is not None else None


def value(element: etree._Element | None, name: str) -> str:
    """Return the value of a child, empty where it has none."""
    inner = child(element, name)
    return (attribute(inner, "val") or "") if inner is not None else ""


class Styles:
    """The styles of a document, by their ids."""

    def __init__(self, root: etree._Element | None) -> None:
        elements = [c for c in root if local(c) == "style"] if root is not None else []
        self._styles = {attribute(element, "styleId") or "": element for element in elements}
        self._known: dict[str, Style] = {}
        self._hidden: dict[str, bool] = {}

    def paragraph(self, properties: etree._Element | None) -> Style:
        """Return what holds of a paragraph with these properties."""
        style = self._style(value(properties, "pStyle"))
        level = value(properties, "outlineLvl")
        numbers = child(properties, "numPr")
        if not level and numbers is None:
            return style
        own = Style(style.level, style.is_title, style.hidden, style.list_id, style.list_level)
        if level.isdigit():
            own.level = int(level) + 1 if int(level) < MAX_LEVEL else 0
        _number(own, numbers)
        return own

    def hides(self, run: etree._Element | None) -> bool:
        """Say whether the text of a run is hidden, by itself or by its style."""
        own = child(run, "vanish")
        if own is not None:
            return is_on(own)
        name = value(run, "rStyle")
        if name and name not in self._hidden:
            self._hidden[name] = any(
                is_on(child(child(s, "rPr"), "vanish")) for s in self._line(name)
            )
        return self._hidden.get(name, False)

    def _line(self, name: str) -> list[etree._Element]:
        """Return a style and those that it is based on, itself first."""
        line: list[etree._Element] = []
        while name in self._styles and len(line) < MAX_BASED:
            line.append(self._styles[name])
            name = value(line[-1], "basedOn")
        return line

    def _style(self, name: str) -> Style:
        if name not in self._known:
            style = Style()
            for element in reversed(self._line(name)):  # from the general to the particular
                properties = child(element, "pPr")
                title = value(element, "name").lower()
                heading = HEADING.match(title)
                level = value(properties, "outlineLvl")
                if level.isdigit():
                    style.level = int(level) + 1 if int(level) < MAX_LEVEL else 0
                elif heading:
                    style.level = int(heading.group(1))
                style.is_title = title == "title"
                style.hidden = style.hidden or is_on(child(child(element, "rPr"), "vanish"))
                _number(style, child(properties, "numPr"))
            self._known[name] = style
        return self._known[name]


def _number(style: Style, numbers: etree._Element | None) -> None:
    """Take over the list that a paragraph is an item of; 0 takes it out of one."""
    if numbers is None:
        return
    name, level = value(numbers, "numId"), value(numbers, "ilvl")
    if name:
        style.list_id = "" if name == "0" else name
    if level.isdigit():
        style.list_level = min(MAX_LEVEL - 1, int(level))


class Numbering:
    """Counts the items of lists, so that `Article 5` and `2.1` stand where Word shows them."""

    def __init__(self, root: etree._Element | None) -> None:
        self._levels: dict[str, dict[int, etree._Element]] = {}
        self._lists: dict[str, str] = {}
        self._counts: dict[str, dict[int, int]] = {}
        for element in root if root is not None else ():
            key = attribute(element, "abstractNumId") or ""
            if local(element) == "abstractNum":
                levels = [c for c in element if local(c) == "lvl"]
                self._levels[key] = {int(attribute(c, "ilvl") or 0): c for c in levels}
            elif local(element) == "num":
                self._lists[attribute(element, "numId") or ""] = value(element, "abstractNumId")

    def mark(self, list_id: str, level: int) -> str:
        """Return what stands before the next item: `-` for a bullet, a number as Word writes it, empty outside of lists."""
        if not list_id:
            return ""
        key = self._lists.get(list_id, "")
        levels = self._levels.get(key, {})
        definition = levels.get(level)
        kind = value(definition, "numFmt")
        if definition is None or kind in ("bullet", "none", ""):
            return "" if kind == "none" else "-"
        counts = self._counts.setdefault(key, {})
        counts[level] = counts.get(level, self._start(definition) - 1) + 1
        for deeper in [n for n in counts if n > level]:
            del counts[deeper]
        text = value(definition, "lvlText")
        for n in range(level + 1):
            other = levels.get(n, definition)
            count = counts.get(n, self._start(other))
            text = text.replace(f"%{n + 1}", _written(count, value(other, "numFmt")))
        return text.strip()

    @staticmethod
    def _start(definition: etree._Element) -> int:
        start = value(definition, "start")
        return int(start) if start.isdigit() else 1


def _written(count: int, kind: str) -> str:
    if kind in ("lowerLetter", "upperLetter") and count > 0:
        letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letter.upper() if kind == "upperLetter" else letter
    if kind in ("lowerRoman", "upperRoman") and 0 < count < 4000:
        text = ""
        for size, letters in ROMAN:
            text += letters * (count // size)
            count %= size
        return text.upper() if kind == "upperRoman" else text
    return f"{count:02d}" if kind == "decimalZero" else str(count)
