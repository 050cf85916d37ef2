"""OpenDocument text and presentations (odt, odp, fodt): headings and lists in Markdown, tables as rows, a page a slide.

Footnotes and text boxes stand after their paragraph; deleted text, hidden text and comments are not content.
"""

from collections.abc import Iterator

from lxml import etree

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading, numbers, plural
from retrieval.readers.table_text import row
from retrieval.readers.zip.package import Package, attribute, local, parse

SKIPPED = frozenset(
    ("annotation", "annotation-end", "tracked-changes", "note-citation", "hidden-text", "hidden-paragraph", "script",
     "sequence-decls", "forms", "bookmark", "title", "desc", "index-title-template", "table-of-content-source",
     "page-number", "page-count")
)  # fmt: skip
BREAKS = {"tab": " ", "line-break": "\n"}
MAX_REPEATED = 100
FURNITURE = ("page-number", "date-time", "footer", "header")  # of a slide's template


def read_opendocument(raw: RawFile) -> Reading:
    """Return an OpenDocument text as one page of Markdown, a presentation as one page a slide.

    Raises:
        DataError: damaged, encrypted, or it unpacks to too much.
    """
    if raw.data[:2] != b"PK":
        return _read(raw, parse(raw, raw.data, "OpenDocument file"), None, "")
    package = Package(raw, "OpenDocument file")
    manifest = package.find_xml("META-INF/manifest.xml")
    if manifest is not None and any(local(e) == "encryption-data" for e in manifest.iter()):
        raise DataError(
            f"{raw.label}: the OpenDocument file is encrypted; save a copy without a password"
        )
    meta = package.find_xml("meta.xml")
    return _read(raw, package.xml("content.xml"), package.find_xml("styles.xml"), _title(meta))


def _title(root: etree._Element | None) -> str:
    for element in root.iter() if root is not None else ():
        if local(element) == "title":
            return " ".join(clean(element.text or "").split())
    return ""


def _read(
    raw: RawFile, content: etree._Element, styles: etree._Element | None, title: str
) -> Reading:
    reader = _Reader([content] if styles is None else [content, styles])
    body = next((element for element in content.iter() if local(element) == "body"), content)
    show = next((element for element in body if local(element) == "presentation"), None)
    if show is None:
        margins = reader.margins(content if styles is None else styles)
        text = clean("\n\n".join([*margins["header"], *reader.blocks(body), *margins["footer"]]))
        return Reading([Page(text, form="markdown")], title or _title(content))
    pages, hidden = [], []
    for number, slide in enumerate((e for e in show if local(e) == "page"), 1):
        if reader.is_hidden_slide(slide):
            hidden.append(number)
            continue
        text = clean("\n\n".join(reader.blocks(slide)))
        if text:
            pages.append(Page(text, number, form="markdown"))
    verb = "is hidden and was" if len(hidden) == 1 else "are hidden and were"
    slides = f"{plural('slide', hidden)} {numbers(hidden)} {verb}" if hidden else ""
    warnings = [f"{raw.label}: {slides} not read; show what is to be read"] if hidden else []
    return Reading(pages, title or _title(content), warnings)


class _Reader:
    def __init__(self, roots: list[etree._Element]) -> None:
        self._hidden: set[str] = set()
        self._hidden_slides: set[str] = set()
        self._titles: set[str] = set()
        self._after: list[str] = []
        for style in (e for root in roots for e in root.iter() if local(e) == "style"):
            name = attribute(style, "name") or ""
            for properties in style:
                if attribute(properties, "display") == "none":
                    self._hidden.add(name)
                if attribute(properties, "visibility") == "hidden":
                    self._hidden_slides.add(name)
            if name == "Title" or attribute(style, "parent-style-name") == "Title":
                self._titles.add(name)

    def is_hidden_slide(self, slide: etree._Element) -> bool:
        """Say whether a slide is left out of the show."""
        return attribute(slide, "style-name") in self._hidden_slides

    def margins(self, styles: etree._Element) -> dict[str, list[str]]:
        """Return the texts of the headers and footers, each text once."""
        by_kind: dict[str, dict[str, None]] = {"header": {}, "footer": {}}
        for element in styles.iter():
            kind = local(element).removesuffix("-left").removesuffix("-first")
            if (
                kind in by_kind
                and element.getparent() is not None
                and local(element.getparent()) == "master-page"
            ):
                text = "\n".join(self.blocks(element))
                by_kind[kind].update({text: None} if any(c.isalpha() for c in text) else {})
        return {kind: list(texts) for kind, texts in by_kind.items()}

    def blocks(self, parent: etree._Element) -> Iterator[str]:
        """Yield headings, paragraphs, items and tables in order."""
        for child in parent:
            name = local(child)
            if name in SKIPPED or attribute(child, "class") in FURNITURE or self._is_hidden(child):
                continue
            if name in ("p", "h"):
                text = self._paragraph(child)
                yield from (part for part in (text, *self._take()) if part)
            elif name == "list-item":
                yield from self._item(child)
            elif name == "table":
                yield from ("\n".join(self._table(child)), *self._take())
            elif name == "notes" and any(self._boxes(child)):
                yield "Notes: " + "\n".join(self._boxes(child))
            elif name != "notes":
                yield from (text for text in self.blocks(child) if text)

    def _boxes(self, notes: etree._Element) -> list[str]:
        """Return the texts of a slide's notes."""
        return [
            text
            for frame in notes
            if attribute(frame, "class") == "notes"
            for text in self.blocks(frame)
        ]

    def _is_hidden(self, element: etree._Element) -> bool:
        name = attribute(element, "style-name")
        return name in self._hidden or (
            local(element) == "section" and attribute(element, "display") == "none"
        )

    def _take(self) -> list[str]:
        after, self._after = self._after, []
        return after

    def _item(self, item: etree._Element) -> Iterator[str]:
        texts = list(self.blocks(item))
        if texts and not texts[0].startswith(("- ", "#")):
            texts[0] = f"- {texts[0]}"
        yield from texts

    def _paragraph(self, paragraph: etree._Element) -> str:
        text = "".join(self._runs(paragraph))
        text = "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
        if text and local(paragraph) == "h":
            level = attribute(paragraph, "outline-level") or "1"
            return f"{'#' * min(6, int(level) if level.isdigit() else 1)} {' '.join(text.split())}"
        if text and attribute(paragraph, "style-name") in self._titles:
            return f"# {' '.join(text.split())}"
        return text

    def _runs(self, parent: etree._Element) -> Iterator[str]:
        yield (parent.text or "").replace("\n", " ")
        for child in parent:
            name = local(child)
            if name in BREAKS:
                yield BREAKS[name]
            elif name == "s":
                yield " "
            elif name in ("note-body", "text-box"):
                outer, self._after = self._after, []
                inner = list(self.blocks(child))
                self._after = outer + inner
            elif name not in SKIPPED and not self._is_hidden(child):
                yield from self._runs(child)
            yield (child.tail or "").replace("\n", " ")

    def _table(self, table: etree._Element) -> Iterator[str]:
        nested: list[str] = []
        for line in table.iter():
            if local(line) != "table-row" or _owner(line) is not table:
                continue
            cells: list[str] = []
            for cell in line:
                if local(cell) not in ("table-cell", "covered-table-cell"):
                    continue
                repeated = attribute(cell, "number-columns-repeated") or "1"
                text = self._cell(cell, nested)
                cells += [text] * min(MAX_REPEATED, int(repeated) if repeated.isdigit() else 1)
            if text := row(cells):
                yield text
            yield from nested
            nested.clear()

    def _cell(self, cell: etree._Element, nested: list[str]) -> str:
        parts: list[str] = []
        for child in cell:
            if local(child) == "table":
                nested += self._table(child)
            elif local(child) in ("p", "h"):
                parts.append(self._paragraph(child).lstrip("#").strip())
            elif local(child) not in SKIPPED:
                parts += [text.lstrip("#").strip() for text in self.blocks(child)]
        return " ".join([*filter(None, parts), *self._take()])


def _owner(line: etree._Element) -> etree._Element | None:
    """Return the table that a row belongs to."""
    parent = line.getparent()
    while parent is not None and local(parent) != "table":
        parent = parent.getparent()
    return parent
