"""PowerPoint files (pptx): a page for each slide, with its tables, groups, charts, diagrams and speaker notes.

Hidden slides are named and not read; the slide number, date and footer of the template are no content.
"""

from collections.abc import Iterator

from lxml import etree

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.office.charts import chart_text, diagram_text, drawing_table, paragraph
from retrieval.readers.office.docx import core_title
from retrieval.readers.raw_file import RawFile, Reading, numbers, plural
from retrieval.readers.zip.package import Package, attribute, local

TITLES = ("title", "ctrTitle")
FURNITURE = ("sldNum", "dt", "ftr", "hdr", "sldImg")


def read_slides(raw: RawFile) -> Reading:
    """Return a presentation, one page a slide.

    Raises:
        DataError: damaged, encrypted, it unpacks to too much, or no slide can be read.
    """
    package = Package(raw, "PowerPoint file")
    main = next(
        (path for kind, path in package.relations("").values() if kind == "officeDocument"),
        "ppt/presentation.xml",
    )
    pages: list[Page] = []
    hidden: list[int] = []
    faults: dict[int, DataError] = {}
    for number, path in enumerate(_slides(package, main), 1):
        try:
            root = package.xml(path)
        except DataError as error:
            faults[number] = error
            continue
        if root.get("show") in ("0", "false"):
            hidden.append(number)
            continue
        text = "\n\n".join(_slide(package, path, root))
        if text:
            pages.append(Page(text, number, form="markdown"))
    if faults and not pages:
        raise next(iter(faults.values()))
    warnings = []
    if hidden:
        verb = "is hidden and was" if len(hidden) == 1 else "are hidden and were"
        warnings.append(
            f"{raw.label}: {plural('slide', hidden)} {numbers(hidden)} {verb} not read; show what is to be read"
        )
    if faults:
        lost = list(faults)
        warnings.append(
            f"{raw.label}: {plural('slide', lost)} {numbers(lost)} damaged and not read; open the file and save it again"
        )
    return Reading(pages, core_title(package), warnings)


def _slides(package: Package, main: str) -> list[str]:
    """Return the members that are slides, in the order of the show."""
    relations = package.relations(main)
    slides = []
    for element in package.xml(main).iter():
        if local(element) == "sldId":
            keys = [str(v) for k, v in element.attrib.items() if str(k).endswith("}id")]
            path = relations.get(keys[0] if keys else "", ("", ""))[1]
            if path:
                slides.append(path)
    return slides


def _slide(package: Package, path: str, root: etree._Element) -> Iterator[str]:
    relations = package.relations(path)
    tree = next((element for element in root.iter() if local(element) == "spTree"), root)
    yield from (text for text in _shapes(package, relations, tree) if text)
    for kind, other in relations.values():
        notes = package.find_xml(other) if kind == "notesSlide" else None
        tree = (
            next((e for e in notes.iter() if local(e) == "spTree"), None)
            if notes is not None
            else None
        )
        if tree is not None:
            text = "\n".join(t for t in _shapes(package, {}, tree) if t).replace("# ", "")
            if text:
                yield f"Notes: {text}"


def _shapes(
    package: Package, relations: dict[str, tuple[str, str]], parent: etree._Element
) -> Iterator[str]:
    for shape in parent:
        name = local(shape)
        if name == "sp":
            yield _text(shape)
        elif name == "graphicFrame":
            yield from _frame(package, relations, shape)
        elif name in ("grpSp", "AlternateContent", "Choice", "contentPart") or (
            name == "Fallback" and not any(local(sibling) == "Choice" for sibling in parent)
        ):
            yield from _shapes(package, relations, shape)


def _text(shape: etree._Element) -> str:
    """Return the paragraphs of a shape; a title is a heading, what is set in under another is an item."""
    kind = next((element.get("type", "") for element in shape.iter() if local(element) == "ph"), "")
    hidden = next(
        (element.get("hidden") for element in shape.iter() if local(element) == "cNvPr"), None
    )
    if kind in FURNITURE or hidden in ("1", "true"):
        return ""
    lines = []
    for body in shape:
        for child in body if local(body) == "txBody" else ():
            text = clean("".join(paragraph(child))).strip() if local(child) == "p" else ""
            if text:
                level = next((attribute(p, "lvl") for p in child if local(p) == "pPr"), None)
                lines.append(f"- {text}" if level and level != "0" else text)
    if kind in TITLES and lines:
        return f"# {' '.join(' '.join(lines).split())}"
    return "\n".join(lines)


def _frame(
    package: Package, relations: dict[str, tuple[str, str]], frame: etree._Element
) -> Iterator[str]:
    for element in frame.iter():
        name = local(element)
        if name == "tbl":
            yield drawing_table(element)
        elif name in ("chart", "relIds"):
            key = attribute(element, "dm") or attribute(element, "id") or ""
            root = package.find_xml(relations.get(key, ("", ""))[1])
            if root is not None:
                yield chart_text(root) if name == "chart" else diagram_text(root)
