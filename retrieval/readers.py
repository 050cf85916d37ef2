"""Files to documents: the format by content first, by extension second, and one sentence for what cannot be read.

Nothing that a document says is run, fetched or resolved. Not here: chunks (`retrieval.chunking`).
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from adapt.errors import DataError
from adapt.records import Document, Page
from retrieval.encodings import clean, decode
from retrieval.html import declared_charset, read_html
from retrieval.pdf import read_pdf

READER_VERSION = (
    2  # raised when a reader gives other text for the same bytes; collections then read anew
)
MAX_BYTES = 200_000_000
MAX_MARKUP_BYTES = 10_000_000  # a tree of objects takes some 20 times the text's memory
EXTENSIONS = {
    ".txt": "text",
    ".text": "text",
    "": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
}
KNOWN = "txt, md, html and pdf"
MAGIC = (  # what a name can hide
    (b"PK\x03\x04", "a ZIP, Word, PowerPoint, Excel, OpenDocument or EPUB file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or encrypted Office file"),
    (b"{\\rtf", "an RTF file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a packed file"),
    (b"\x7fELF", "a program"),
)
HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*|<!--.{0,2000}?-->\s*)*(?:<!doctype\s+html|<html|<head\b|<body\b)",
    re.IGNORECASE | re.DOTALL,
)
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", re.MULTILINE)
HEADING = re.compile(r"^(#{1,6})\s+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
HEADING_ID = re.compile(r"[ \t]*\{[ \t]*#[^}\n]*\}[ \t]*$", re.MULTILINE)  # `## Title {#anchor}`
COMMENT = re.compile(
    r"<!--.*?-->|\{/\*.*?\*/\}", re.DOTALL
)  # of HTML and of MDX: not shown, so not read


def read(path: Path, *, name: str | None = None) -> Document:
    """Return the text of a file.

    Args:
        name: what the document is called from now on; the file's own name where None.

    Raises:
        DataError: the file is missing, empty, binary, of an unknown format, encrypted, damaged, or without text.
    """
    data = _load(path)
    kind = _kind(path, data)
    if kind == "pdf":
        pages, title = read_pdf(path)
    else:
        limit = MAX_MARKUP_BYTES if kind == "html" else MAX_BYTES
        if len(data) > limit:
            raise _too_large(path, len(data), limit)
        text = decode(data, declared=declared_charset(data) if kind == "html" else "")
        if text is None:
            raise DataError(f"{path}: binary, not text; adapt reads {KNOWN}")
        text, title = READERS[kind](text)
        pages = [Page(text, form="plain" if kind == "text" else "markdown")]
    if not any(page.text.strip() for page in pages):
        raise DataError(f"{path}: holds no text; remove it or put text into it")
    digest = hashlib.sha256(data).hexdigest()
    return Document(name or path.name, digest, tuple(pages), title)


def read_text(text: str) -> tuple[str, str]:
    """Return plain text and no title."""
    return clean(text), ""


def read_markdown(text: str) -> tuple[str, str]:
    """Return Markdown without front matter and comments, headings in one form, and its title."""
    text = clean(text)
    title = ""
    if front := FRONT_MATTER.match(text):
        found = FRONT_TITLE.search(front.group(1))
        title = found.group(1) if found else ""
        text = text[front.end() :]
    text = HEADING.sub(r"\1 \2", HEADING_ID.sub("", COMMENT.sub("", text))).strip("\n")
    if not title and (heading := re.search(r"^# (.+)$", text, re.MULTILINE)):
        title = heading.group(1)
    return text, title


READERS: dict[str, Callable[[str], tuple[str, str]]] = {
    "text": read_text,
    "markdown": read_markdown,
    "html": read_html,
}


def _load(path: Path) -> bytes:
    try:
        if not path.exists():
            raise DataError(f"{path}: no such file; check the path")
        if not path.is_file():
            raise DataError(f"{path}: not a regular file; name a file or a folder of files")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _too_large(path, size, MAX_BYTES)
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    if not data.strip():
        raise DataError(f"{path}: empty; put text into it or remove it")
    return data


def _kind(path: Path, data: bytes) -> str:
    """Return the key of the reader."""
    head = data[:4096]
    if b"%PDF-" in head[:1024]:
        return "pdf"
    for magic, what in MAGIC:
        if head.startswith(magic):
            raise DataError(f"{path}: {what}, which adapt does not read; it reads {KNOWN}")
    if HTML_START.match(head):
        return "html"
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        raise DataError(
            f"{path}: the PDF is damaged (it has no PDF header); open it and save it anew"
        )
    if suffix not in EXTENSIONS:
        raise DataError(f"{path}: unknown format '{suffix}'; adapt reads {KNOWN}")
    return EXTENSIONS[suffix]


def _too_large(path: Path, size: int, limit: int) -> DataError:
    megabytes = 1_000_000
    return DataError(
        f"{path}: {size / megabytes:.0f} MB, the limit is {limit / megabytes:.0f} MB; split the file"
    )
