"""Outlook's messages (msg): the same as of other messages, from the streams of its OLE file.

Reference: Microsoft, [MS-OXMSG] Outlook Item (.msg) File Format. Not here: OLE files that are encrypted or of other kinds.
"""

import datetime
import struct
from io import BytesIO

from olefile.olefile import OleFileError, OleFileIO

from retrieval.readers.encodings import clean, decode
from retrieval.readers.mail.eml import assemble
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.web.html import read_html

SUBJECT, BODY, MARKUP, HEADERS = "0037", "1000", "1013", "007D"
SENDER, SENDER_ADDRESS, SENDER_SMTP, TO, CC = "0C1A", "0C1F", "5D01", "0E04", "0E03"
SENT, DELIVERED = 0x00390040, 0x0E060040  # properties that are times
FILE_LONG, FILE_SHORT, FILE_DATA = "3707", "3704", "37010102"
PROPERTIES = "__properties_version1.0"
EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)
FAULTS = (OleFileError, OSError, ValueError, LookupError, struct.error, TypeError, OverflowError)


def read_outlook(raw: RawFile) -> Reading:
    """Return an Outlook message: head and text, then what is attached.

    Raises:
        DataError: it cannot be taken apart.
    """
    try:
        with OleFileIO(BytesIO(raw.data)) as file:
            sender = _text(file, [], SENDER)
            address = _text(file, [], SENDER_SMTP) or _text(file, [], SENDER_ADDRESS)
            plain = "@" in address and address != sender
            head = [
                ("Subject", _line(_text(file, [], SUBJECT))),
                ("From", _line(f"{sender} <{address}>" if plain else sender or address)),
                ("To", _line(_text(file, [], TO))),
                ("Cc", _line(_text(file, [], CC))),
                ("Date", _date(file)),
            ]
            body = _text(file, [], BODY)
            markup = "" if body.strip() else _markup(file)
            attached = _attached(file)
    except FAULTS as error:
        raise raw.damaged("Outlook message", error) from error
    text = read_html(markup)[0] if markup else body
    return assemble(raw, head, text, attached, is_markup=bool(markup))


def _line(text: str) -> str:
    return " ".join(clean(text).split())


def _stream(file: OleFileIO, path: list[str]) -> bytes:
    return file.openstream(path).read() if file.exists("/".join(path)) else b""


def _text(file: OleFileIO, folder: list[str], tag: str) -> str:
    """Return a text property: in Unicode, or in the code page of whoever wrote it."""
    wide = _stream(file, [*folder, f"__substg1.0_{tag}001F"])
    if wide:
        return wide.decode("utf-16-le", errors="replace").rstrip("\0")
    narrow = _stream(file, [*folder, f"__substg1.0_{tag}001E"]).rstrip(b"\0")
    return decode(narrow) or narrow.decode("latin-1")


def _markup(file: OleFileIO) -> str:
    data = _stream(file, [f"__substg1.0_{MARKUP}0102"])
    return (decode(data) or data.decode("latin-1")) if data else _text(file, [], MARKUP)


def _date(file: OleFileIO) -> str:
    data = _stream(file, [PROPERTIES])
    properties: dict[int, int] = {}
    for at in range(32, len(data) - 15, 16):  # after a head of 32 bytes: tag, flags, value
        tag, _, value = struct.unpack_from("<IIQ", data, at)
        properties[tag] = value
    ticks = properties.get(SENT) or properties.get(DELIVERED)
    if not ticks:
        return ""
    moment = EPOCH + datetime.timedelta(microseconds=ticks // 10)
    return moment.isoformat(" ", "minutes").replace("+00:00", " UTC")


def _attached(file: OleFileIO) -> list[tuple[str, bytes]]:
    folders = {entry[0] for entry in file.listdir() if entry[0].startswith("__attach_")}
    attached = []
    for folder in sorted(folders):
        name = _text(file, [folder], FILE_LONG) or _text(file, [folder], FILE_SHORT)
        data = _stream(file, [folder, f"__substg1.0_{FILE_DATA}"])
        if data:
            attached.append((_line(name) or "attachment", data))
    return attached
