"""RTF: the text with its headings and tables; pictures, hidden and deleted text, comments and field codes are left out.

Reference: Microsoft, Rich Text Format (RTF) Specification 1.9.1.
"""

import re

from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.rtf.state import Rtf

TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)",
    re.DOTALL,
)
MAX_DEPTH = 2_000
BORDER = "\uffff"  # between blocks while they are cleaned; no character


def read_rtf(raw: RawFile) -> Reading:
    """Return an RTF file as one page of Markdown.

    Raises:
        DataError: its braces are nested too deep.
    """
    reader = Rtf()
    after: int | None = 0
    while after is not None:
        after = _run(reader, raw, after)
    reader.flush()
    while len(reader.groups) > 1:
        reader.close()  # a file that was cut off
    reader.now.in_table = False
    reader.end_paragraph()
    whole = clean(BORDER.join([*reader.margins, *reader.blocks]))
    text = "\n\n".join(block for part in whole.split(BORDER) if (block := part.strip()))
    return Reading([Page(text, form="markdown")], clean(reader.title))


def _run(reader: Rtf, raw: RawFile, start: int) -> int | None:
    """Obey what stands from an offset on; return where to go on after bytes that are none of it, None at the end."""
    expected = start
    for token in TOKEN.finditer(raw.data, start):
        if token.start() != expected:
            return None  # no token: the file ends in the midst of one
        expected = token.end()
        word, number, octet, sign, brace, text = token.groups()
        if word:
            if word == b"bin":
                return token.end() + max(0, int(number or 0))
            reader.to_skip = 0
            reader.control(word.decode("ascii"), int(number) if number else None)
        elif text:
            reader.add(text)
        elif octet:
            reader.add(bytes.fromhex(octet.decode("ascii")))
        elif brace:
            reader.to_skip = 0
            reader.open() if brace == b"{" else reader.close()
            if len(reader.groups) > MAX_DEPTH:
                raise raw.damaged("RTF file", "its braces are nested too deep")
        elif sign:
            _sign(reader, sign)
    return None


def _sign(reader: Rtf, sign: bytes) -> None:
    if sign == b"*":
        reader.starred = True
        return
    reader.flush()
    if sign in (b"\r", b"\n"):
        reader.end_paragraph()
    else:
        reader.put(
            {b"~": " ", b"_": "-", b"-": ""}.get(
                sign, sign.decode("latin-1") if sign in b"\\{}" else ""
            )
        )
