"""RTF: the text with its headings and tables; pictures, hidden and deleted text, comments and field codes are left out.

Reference: Microsoft, Rich Text Format (RTF) Specification 1.9.1.
"""

import re

from adapt.records import Page
from retrieval.encodings import clean
from retrieval.reading import RawFile, Reading
from retrieval.rtf_state import Rtf

TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)",
    re.DOTALL,
)
MAX_DEPTH = 2_000


def read_rtf(raw: RawFile) -> Reading:
    """Return an RTF file as one page of Markdown.

    Raises:
        DataError: its braces are nested too deep.
    """
    reader = Rtf()
    data, at = raw.data, 0
    while (token := TOKEN.match(data, at)) is not None:
        at = token.end()
        if token.group(1) == b"bin":
            at += max(0, int(token.group(2) or 0))
        else:
            _obey(reader, token)
        if len(reader.groups) > MAX_DEPTH:
            raise raw.damaged("RTF file", "its braces are nested too deep")
    reader.flush()
    while len(reader.groups) > 1:
        reader.close()  # a file that was cut off
    reader.now.in_table = False
    reader.end_paragraph()
    blocks = (clean(block).strip() for block in [*reader.margins, *reader.blocks])
    text = "\n\n".join(block for block in blocks if block)
    return Reading([Page(text, form="markdown")], clean(reader.title))


def _obey(reader: Rtf, token: re.Match[bytes]) -> None:
    word, number, octet, sign, brace, text = token.groups()
    if brace or word:
        reader.to_skip = 0
    if brace:
        reader.open() if brace == b"{" else reader.close()
    elif word:
        reader.control(word.decode("ascii"), int(number) if number else None)
    elif octet:
        reader.to_skip -= 1
        if reader.to_skip < 0:
            reader.octets.append(int(octet, 16))
    elif text:
        gone = max(0, min(reader.to_skip, len(text)))
        reader.to_skip = max(0, reader.to_skip) - gone
        reader.octets += text[gone:]
    elif sign:
        _sign(reader, sign)


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
