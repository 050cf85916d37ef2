"""Which reader a kind of content has.

A reader is imported when the first file of its kind comes: all of them together take 0.1 s and 19 MB, and every process
of the sandbox would pay for them.
"""

from collections.abc import Callable

from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.text.markdown import read_markdown
from retrieval.readers.text.plain import (
    read_code,
    read_json,
    read_notebook,
    read_text,
    read_xml,
)

TextReader = Callable[[RawFile, str], Reading]
BytesReader = Callable[[RawFile], Reading]
PLAIN: dict[str, TextReader] = {
    "text": read_text,
    "markdown": read_markdown,
    "code": read_code,
    "json": read_json,
    "notebook": read_notebook,
    "xml": read_xml,
}


def text_reader(kind: str) -> TextReader:
    """Return the reader of a kind that is text: it is given the decoded text as well.

    Raises:
        KeyError: no reader reads this kind.
    """
    if kind == "html":
        from retrieval.readers.web.html import read_page

        return read_page
    if kind == "delimited":
        from retrieval.readers.text.csv import read_delimited

        return read_delimited
    return PLAIN[kind]


def bytes_reader(kind: str) -> BytesReader:
    """Return the reader of a kind that is no plain text.

    Raises:
        KeyError: no reader reads this kind.
    """
    return OPENERS[kind]()


def _pdf() -> BytesReader:
    from retrieval.readers.pdf.reader import read_pdf

    return read_pdf


def _word() -> BytesReader:
    from retrieval.readers.office.docx import read_word

    return read_word


def _legacy_word() -> BytesReader:
    from retrieval.readers.office.doc import read_legacy_word

    return read_legacy_word


def _slides() -> BytesReader:
    from retrieval.readers.office.pptx import read_slides

    return read_slides


def _sheets() -> BytesReader:
    from retrieval.readers.office.sheets import read_sheets

    return read_sheets


def _opendocument() -> BytesReader:
    from retrieval.readers.office.odf import read_opendocument

    return read_opendocument


def _rtf() -> BytesReader:
    from retrieval.readers.rtf.reader import read_rtf

    return read_rtf


def _epub() -> BytesReader:
    from retrieval.readers.web.epub import read_epub

    return read_epub


def _mail() -> BytesReader:
    from retrieval.readers.mail.eml import read_mail

    return read_mail


def _outlook() -> BytesReader:
    from retrieval.readers.mail.msg import read_outlook

    return read_outlook


def _archive() -> BytesReader:
    from retrieval.readers.zip.archive import read_archive

    return read_archive


OPENERS: dict[str, Callable[[], BytesReader]] = {
    "pdf": _pdf,
    "word": _word,
    "legacy_word": _legacy_word,
    "slides": _slides,
    "sheets": _sheets,
    "opendocument": _opendocument,
    "rtf": _rtf,
    "epub": _epub,
    "mail": _mail,
    "outlook": _outlook,
    "archive": _archive,
}
