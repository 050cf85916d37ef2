"""Word files (docx): the text as it is read, headings and lists in Markdown, tables as rows.

Text boxes, footnotes and endnotes stand after the paragraph that they belong to; headers and footers are read once.
Deleted text, hidden text, comments and the codes of fields are not content.
"""

from collections.abc import Iterator

from lxml import etree

from adapt.records import Page
from retrieval.readers.encodings import SYMBOLS, clean
from retrieval.readers.office.charts import chart_text, diagram_text
from retrieval.readers.office.docx_styles import Numbering, Styles, is_on
from retrieval.readers.office.formulas import formula
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.table_text import row
from retrieval.readers.zip.package import Package, attribute, local

SKIPPED = frozenset(
    ("del", "moveFrom", "delText", "instrText", "delInstrText", "rPr", "pPr", "sectPr", "rt")
)  # fmt: skip
MAX_CELLS = 500  # columns that one cell may say it spans


def read_word(raw: RawFile) -> Reading:
    """Return a Word file as one page of Markdown.

    Raises:
        DataError: damaged, encrypted, or it unpacks to too much.
    """
    package = Package(raw, "Word file")
    main = next(
        (path for kind, path in package.relations("").values() if kind == "officeDocument"),
        "word/document.xml",
    )
    root = package.xml(main)
    reader = _Reader(package, main)
    body = next((child for child in root if local(child) == "body"), root)
    blocks = list(reader.blocks(body))
    text = clean("\n\n".join([*reader.margins("header"), *blocks, *reader.margins("footer")]))
    return Reading([Page(text, form="markdown")], reader.title or core_title(package))


def core_title(package: Package) -> str:
    """Return the title in the properties of an Office file."""
    root = package.find_xml("docProps/core.xml")
    for child in root if root is not None else ():
        if local(child) == "title":
            return " ".join(clean(child.text or "").split())
    return ""


class _Reader:
    """One document: its notes, numbering and styles, and what is to stand after the paragraph being read."""

    def __init__(self, package: Package, main: str) -> None:
        self._package = package
        self._relations = package.relations(main)
        self._styles = Styles(self._part("styles"))
        self._numbering = Numbering(self._part("numbering"))
        self._notes = {kind: self._part(f"{kind}s") for kind in ("footnote", "endnote")}
        self._after: list[str] = []
        self.title = ""

    def _part(self, kind: str) -> etree._Element | None:
        for relation, path in self._relations.values():
            if relation == kind:
                return self._package.find_xml(path)
        return None

    def margins(self, kind: str) -> list[str]:
        """Return the text of all headers or footers, each text once."""
        texts: dict[str, None] = {}
        for name, path in self._relations.values():
            root = self._package.find_xml(path) if name == kind else None
            if root is not None:
                text = "\n".join(self.blocks(root))
                texts.update({text: None} if any(c.isalpha() for c in text) else {})
        return list(texts)

    def blocks(self, parent: etree._Element) -> Iterator[str]:
        """Yield paragraphs and tables, each as one text, in order."""
        for child in parent:
            name = local(child)
            if name == "p":
                text = self._paragraph(child)
                yield from (part for part in (text, *self._take()) if part)
            elif name == "tbl":
                text = "\n".join(self._table(child))
                yield from (part for part in (text, *self._take()) if part)
            elif name == "AlternateContent":
                yield from self.blocks(_choice(child))
            elif name not in SKIPPED:
                yield from self.blocks(child)  # content controls, custom XML, insertions

    def _take(self) -> list[str]:
        after, self._after = self._after, []
        return after

    def _paragraph(self, paragraph: etree._Element) -> str:
        properties = next((c for c in paragraph if local(c) == "pPr"), None)
        style = self._styles.paragraph(properties)
        if style.hidden:
            return ""
        text = "".join(self._runs(paragraph))
        text = "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
        if not text:
            return ""
        mark = self._numbering.mark(style.list_id, style.list_level)
        if style.level:
            number = "" if mark in ("", "-") else f"{mark} "
            return f"{'#' * min(6, style.level)} {number}{' '.join(text.split())}"
        if style.is_title and not self.title:
            self.title = " ".join(text.split())
            return f"# {self.title}"
        return f"{mark} {text}" if mark else text

    def _runs(self, parent: etree._Element) -> Iterator[str]:
        for child in parent:
            name = local(child)
            if name in SKIPPED or (name == "r" and self._is_hidden(child)):
                continue
            if name in SIGNS:
                yield SIGNS[name]
            elif name == "t":
                yield child.text or ""
            elif name == "sym":
                yield SYMBOLS.get((attribute(child, "char") or "").lower(), "")
            elif name in ("oMath", "oMathPara"):
                yield formula(child)
            elif name in (
                "footnoteReference",
                "endnoteReference",
                "txbxContent",
                "chart",
                "relIds",
            ):
                self._keep(child)
            else:
                yield from self._runs(_choice(child) if name == "AlternateContent" else child)

    def _keep(self, element: etree._Element) -> None:
        """Read what is to stand after the paragraph."""
        name = local(element)
        if name == "txbxContent":
            self._box(element)
        elif name in ("chart", "relIds"):
            self._drawing(element)
        else:
            self._note(name.removesuffix("Reference"), attribute(element, "id"))

    def _is_hidden(self, run: etree._Element) -> bool:
        properties = next((c for c in run if local(c) == "rPr"), None)
        return self._styles.hides(properties)

    def _box(self, box: etree._Element) -> None:
        outer, self._after = self._after, []
        inner = list(self.blocks(box))
        self._after = outer + [text for text in inner if text not in outer]

    def _note(self, kind: str, number: str | None) -> None:
        notes = self._notes[kind]
        for note in notes if notes is not None else ():
            if attribute(note, "id") == number:
                outer, self._after = self._after, []
                text = " ".join(self.blocks(note))
                self._after = [*outer, text]

    def _drawing(self, element: etree._Element) -> None:
        """Put the text of a chart or a diagram after the paragraph."""
        key = attribute(element, "dm") or attribute(element, "id") or ""
        _, path = self._relations.get(key, ("", ""))
        root = self._package.find_xml(path) if path else None
        if root is not None:
            read = chart_text if local(element) == "chart" else diagram_text
            self._after.append(read(root))

    def _table(self, table: etree._Element) -> Iterator[str]:
        for line in _children(table, "tr"):
            if is_on(_property(line, "trPr", "del")):
                continue
            cells = [""] * _count(_property(line, "trPr", "gridBefore"))
            nested: list[str] = []
            for cell in _children(line, "tc"):
                cells.append(self._cell(cell, nested))
                cells += [""] * (_count(_property(cell, "tcPr", "gridSpan")) - 1)
            text = row(cells)
            if text:
                yield text
            yield from nested

    def _cell(self, cell: etree._Element, nested: list[str]) -> str:
        """Return the text of a cell; a table within it goes to `nested`."""
        parts: list[str] = []
        for child in cell:
            if local(child) == "tbl":
                nested += self._table(child)
            elif local(child) == "p":
                parts.append(self._paragraph(child).lstrip("#").strip())
            elif local(child) not in SKIPPED and local(child) != "tcPr":
                parts.append(self._cell(child, nested))
        return " ".join([*filter(None, parts), *self._take()])


SIGNS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}


def _choice(element: etree._Element) -> etree._Element:
    """Return the one of several forms of the same content that holds text."""
    for child in element:
        if local(child) in ("Choice", "Fallback") and any(
            local(x) in ("t", "chart", "relIds", "txbxContent") for x in child.iter()
        ):
            return child
    return element[0] if len(element) else element


def _children(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    """Yield the rows of a table or the cells of a row, also those in content controls and insertions."""
    for child in parent:
        if local(child) == name:
            yield child
        elif local(child) in ("sdt", "sdtContent", "customXml", "ins", "moveTo"):
            yield from _children(child, name)


def _property(element: etree._Element, group: str, name: str) -> etree._Element | None:
    for child in element:
        if local(child) == group:
            return next((grandchild for grandchild in child if local(grandchild) == name), None)
    return None


def _count(element: etree._Element | None) -> int:
    value = attribute(element, "val") if element is not None else None
    return min(MAX_CELLS, int(value)) if value and value.isdigit() else 0
