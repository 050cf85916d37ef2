"""Word files before 2007 (doc): the text of the document, its notes and headers, from the piece table.

Reference: Microsoft, [MS-DOC] Word (.doc) Binary File Format, 2.4.1 (retrieving text). Not here: styles, so headings are
paragraphs; and hidden or deleted text is not distinguished from other text. Word before 97 is refused.
"""

import re
import struct
from io import BytesIO

from olefile.olefile import OleFileError, OleFileIO

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.table_text import row

MAGIC = 0xA5EC
WORD_97 = 0x00C1  # the oldest version whose file has this layout
ENCRYPTED, TABLE_ONE = 0x0100, 0x0200  # bits of the flags at 0x0A
FLAGS, TEXT_LENGTHS, PIECES = 0x0A, 0x4C, 0x01A2  # where they stand in the head of the main stream
NARROW = 0x40000000  # a piece in Windows-1252 rather than UTF-16
FIELD = re.compile(r"\x13(?:[^\x13\x14\x15]*)(?:\x14([^\x13\x15]*))?\x15")
MAX_NESTED = 10  # fields within fields
SIGNS = {
    0x1E: "-",
    0x1F: "",
    0x0B: "\n",
    0x0C: "\r",
    0x0E: "\r",
    0x01: "",
    0x02: "",
    0x05: "",
    0x08: "",
    0xA0: " ",
}
FAULTS = (OleFileError, OSError, ValueError, LookupError, struct.error, TypeError, OverflowError)


def read_legacy_word(raw: RawFile) -> Reading:
    """Return a Word 97 to 2003 file as one page.

    Raises:
        DataError: damaged, encrypted, or older than Word 97.
    """
    try:
        with OleFileIO(BytesIO(raw.data)) as file:
            main = file.openstream("WordDocument").read()
            magic, version = struct.unpack_from("<HH", main)
            (flags,) = struct.unpack_from("<H", main, FLAGS)
            name = "1Table" if flags & TABLE_ONE else "0Table"
            table = file.openstream(name).read() if file.exists(name) else b""
            title = _title(file)
        if flags & ENCRYPTED:
            raise DataError(
                f"{raw.label}: the Word file is encrypted; save a copy without a password"
            )
        if magic != MAGIC or version < WORD_97 or not table:
            raise DataError(
                f"{raw.label}: a Word file older than Word 97; save it as .docx, for example with LibreOffice"
            )
        text = _text(main, table)
        lengths = struct.unpack_from("<3i", main, TEXT_LENGTHS)  # main text, footnotes, headers
    except FAULTS as error:
        raise raw.damaged("Word file", error) from error
    body = _shown(text[: lengths[0]])
    notes = _shown(text[lengths[0] : lengths[0] + lengths[1]])
    margins = dict.fromkeys(
        line for line in _shown(text[lengths[0] + lengths[1] :][: lengths[2]]).split("\n\n")
        if any(c.isalpha() for c in line)
    )  # fmt: skip
    whole = "\n\n".join(part for part in (*margins, body, notes) if part)
    return Reading([Page(clean(whole))], title)


def _title(file: OleFileIO) -> str:
    title = file.get_metadata().title
    if not isinstance(title, bytes):
        return ""
    return " ".join(clean(title.decode("cp1252", errors="replace")).split())


def _text(main: bytes, table: bytes) -> str:
    """Return all text of the file in order, by its pieces."""
    start, length = struct.unpack_from("<II", main, PIECES)
    block = table[start : start + length]
    at = 0
    while block[at] == 1:  # formatting, passed over
        at += 3 + struct.unpack_from("<H", block, at + 1)[0]
    if block[at] != 2:
        raise ValueError("no piece table")
    (size,) = struct.unpack_from("<I", block, at + 1)
    pieces = block[at + 5 : at + 5 + size]
    count = (len(pieces) - 4) // 12
    places = struct.unpack_from(f"<{count + 1}I", pieces)
    parts = []
    for i in range(count):
        (where,) = struct.unpack_from("<I", pieces, 4 * (count + 1) + 8 * i + 2)
        letters = places[i + 1] - places[i]
        if where & NARROW:
            begin = (where & ~NARROW) // 2
            parts.append(main[begin : begin + letters].decode("cp1252", errors="replace"))
        else:
            parts.append(main[where : where + 2 * letters].decode("utf-16-le", errors="replace"))
    return "".join(parts)


def _shown(text: str) -> str:
    """Return text as it is shown: fields by their results, tables as rows."""
    for _ in range(MAX_NESTED):
        text, replaced = FIELD.subn(lambda match: match.group(1) or "", text)
        if not replaced:
            break
    text = re.sub("[\x13-\x15]", "", text).translate(SIGNS)
    blocks: list[str] = []
    in_table = False
    for paragraph in text.split("\r"):
        # A cell ends with \x07, and so does its row, right after its last cell.
        rows = paragraph.split("\x07\x07")
        for i, line in enumerate(rows):
            is_row = i < len(rows) - 1 or "\x07" in line
            shown = (
                row(line.split("\x07"))
                if is_row
                else "\n".join(" ".join(x.split()) for x in line.split("\n"))
            )
            if shown.strip() and is_row and in_table:
                blocks[-1] += f"\n{shown}"
            elif shown.strip():
                blocks.append(shown.strip())
            in_table = is_row if shown.strip() or not is_row else in_table
    return "\n\n".join(blocks)
