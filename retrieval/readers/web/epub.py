"""EPUB books: a page for each part of the spine, in reading order, under the title that the table of contents gives it."""

import posixpath
from urllib.parse import unquote

from lxml import etree

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.encodings import clean, decode
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.web.html import declared_charset, read_html
from retrieval.readers.zip.package import Package, attribute, local, parse

MARKUP = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/xml", "")
FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # of fonts alone


def read_epub(raw: RawFile) -> Reading:
    """Return a book, one page for each part.

    Raises:
        DataError: damaged, protected against copying, or it unpacks to too much.
    """
    package = Package(raw, "EPUB file")
    if _is_protected(package):
        raise DataError(
            f"{raw.label}: the EPUB file is protected against copying (DRM); use a copy without protection"
        )
    path = _package_document(package)
    root = package.xml(path)
    items = {
        element.get("id", ""): element
        for element in root.iter()
        if local(element) == "item" and element.get("href")
    }
    labels = _labels(package, path, items)
    pages: list[Page] = []
    faults: list[str] = []
    for reference in root.iter():
        item = items.get(reference.get("idref", "")) if local(reference) == "itemref" else None
        if item is None or item.get("media-type", "") not in MARKUP:
            continue
        member = _resolve(path, item.get("href", ""))
        try:
            text = read_html(_markup(package, member))[0]
        except DataError as error:
            faults.append(str(error))
            continue
        if text:
            heading = labels.get(member, "")
            pages.append(
                Page(text, heading="" if text.startswith("#") else heading, form="markdown")
            )
    if faults and not pages:
        raise DataError(faults[0])
    return Reading(pages, _title(root), faults)


def _title(root: etree._Element) -> str:
    for element in root.iter():
        if local(element) == "title" and (element.text or "").strip():
            return " ".join(clean(element.text or "").split())
    return ""


def _package_document(package: Package) -> str:
    root = package.find_xml("META-INF/container.xml")
    for element in root.iter() if root is not None else ():
        if local(element) == "rootfile" and element.get("full-path", "") in package:
            return str(element.get("full-path", ""))
    candidates = [name for name in package.names if name.lower().endswith(".opf")]
    return candidates[0] if candidates else "content.opf"


def _resolve(base: str, reference: str) -> str:
    path = unquote(reference.split("#", 1)[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), path)).lstrip("/")


def _markup(package: Package, member: str) -> str:
    """Return a part as HTML: as XHTML, `<title/>` is whole; to a reader of HTML it would open and never close."""
    data = package.read(member)
    try:
        root = parse(package.raw, data, "EPUB file")
    except DataError:
        return decode(data, declared=declared_charset(data)) or ""
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = local(element)
    etree.cleanup_namespaces(root)
    markup: str = etree.tostring(root, method="html", encoding="unicode")
    return markup


def _labels(package: Package, path: str, items: dict[str, etree._Element]) -> dict[str, str]:
    """Return the titles of the parts, by member, from the table of contents of either version of EPUB."""
    titles: dict[str, str] = {}
    for item in items.values():
        kind, member = item.get("media-type", ""), _resolve(path, item.get("href", ""))
        is_contents = (
            "nav" in item.get("properties", "").split() or kind == "application/x-dtbncx+xml"
        )
        root = package.find_xml(member) if is_contents else None
        for element in root.iter() if root is not None else ():
            if local(element) == "a" and element.get("href"):
                target, text = element.get("href", ""), "".join(map(str, element.itertext()))
            elif local(element) == "navPoint":
                target = next((c.get("src", "") for c in element if local(c) == "content"), "")
                text = "".join(
                    "".join(map(str, c.itertext())) for c in element if local(c) == "navLabel"
                )
            else:
                continue
            titles.setdefault(_resolve(member, target), " ".join(clean(text).split()))
    return titles


def _is_protected(package: Package) -> bool:
    root = package.find_xml("META-INF/encryption.xml")
    methods = [
        attribute(e, "Algorithm") or ""
        for e in (root.iter() if root is not None else ())
        if local(e) == "EncryptionMethod"
    ]
    return any(method not in FONTS for method in methods)
