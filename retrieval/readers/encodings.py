"""Bytes to text: which encoding a file is in, and the characters that are taken out of every text.

Order: byte order mark, UTF-16 without a mark, UTF-8, what the document declares, UTF-8 with lines in another,
Windows-1252 where the result reads like a western language, and last what charset-normalizer finds.
Not here: formats (`retrieval.readers.read`).
"""

import codecs
import re
import unicodedata

from charset_normalizer import from_bytes

MARKS = (  # UTF-32 first: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE = 1 << 20  # bytes that the detection looks at
WESTERN = set(
    "áéíóúüñçàèìòùâêîôûäëïöœæåøßãõÁÉÍÓÚÜÑÇÀÈÌÒÙÂÊÎÔÛÄËÏÖŒÆÅØÃÕ¡¿«»“”\u2018\u2019\u2013—…€£ºª°§©®™·•½¼¾\xd7±\xb4\xa0"
)
FOREIGN_RUN = re.compile(
    r"[^\x00-\x7f\W\d_]{3}"
)  # three accented letters on end are not Spanish, nor French
LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
# what Symbol and Wingdings show, by the private code point under which Office keeps it
SYMBOLS = {"f0b7": "•", "f0a7": "▪", "f0fc": "✓", "f0e0": "→", "f0d8": "➢"}
INVISIBLE = dict.fromkeys(
    [0x00AD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF]
    + list(range(0x202A, 0x202F))
    + list(range(0x2066, 0x206A))
    + [c for c in range(0x20) if chr(c) not in "\t\n"]
    + list(range(0x7F, 0xA0))
    + list(range(0xD800, 0xE000))
)
# composing is quadratic in a run of marks, of which no language puts ten on a letter
MARKS_RUN = re.compile(
    r"([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{30})[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
# of a million empty lines in a row, three say as much as all
BLANK_LINES = re.compile(r"\n(?:[ \t]*+\n){3,}+")
CLEAN = str.maketrans(LIGATURES) | INVISIBLE | {0xA0: " ", 0x202F: " ", 0x2028: "\n", 0x2029: "\n"}


def decode(data: bytes, *, declared: str = "") -> str | None:
    """Return the text of a file, or None where the bytes are no text.

    Args:
        declared: the encoding that the document itself names; believed only if it fits and UTF-8 does not.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _try(data, encoding)
    if b"\0" in data:
        return _decode_wide(data)
    for encoding in ("utf-8", _canonical(declared)):
        text = _try(data, encoding) if encoding else None
        if text is not None:
            return text
    return _decode_narrow(data)


def _decode_narrow(data: bytes) -> str | None:
    """Decode what is not UTF-8 and says nothing of its encoding."""
    mixed = _decode_mixed(data)
    if mixed is not None:
        return mixed
    western = _try(data, "cp1252")
    if western is not None and _reads_western(western):
        return western
    best = from_bytes(data[:SAMPLE]).best()
    if best is None:
        return western
    return data.decode(best.encoding, errors="replace")


def clean(text: str) -> str:
    """Return text in composed form with plain line ends; invisible, control and direction characters are gone.

    Hidden characters can carry instructions that a person does not see, and keep equal words from being equal.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n").replace("\v", "\n")
    text = unicodedata.normalize("NFC", MARKS_RUN.sub(r"\1", text.translate(CLEAN)))
    return BLANK_LINES.sub("\n\n\n", text)


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _canonical(declared: str) -> str:
    try:
        name = codecs.lookup(declared).name if declared else ""
    except (LookupError, ValueError):
        return ""
    if name in ("iso8859-1", "ascii"):
        return "cp1252"  # as browsers read it
    # Codecs that are no character sets ("zip", "rot13") do not decode bytes to text.
    return (
        name if name.startswith(("iso", "cp", "koi8", "mac", "gb", "big5", "euc", "shift")) else ""
    )


def _decode_wide(data: bytes) -> str | None:
    """UTF-16 without its mark: in western text every other byte is zero."""
    sample = data[:4096]
    zeros_even = sample[0::2].count(0) / max(1, len(sample[0::2]))
    zeros_odd = sample[1::2].count(0) / max(1, len(sample[1::2]))
    if zeros_odd > 0.6 and zeros_even < 0.1:
        return _try(data, "utf-16-le")
    if zeros_even > 0.6 and zeros_odd < 0.1:
        return _try(data, "utf-16-be")
    return None


def _decode_mixed(data: bytes) -> str | None:
    """Two encodings in one file: UTF-8 except for lines that an older program has added; None where it is not that."""
    lines = data.split(b"\n")
    wide = [_try(line, "utf-8") for line in lines]
    utf8_lines = sum(line is not None and not line.isascii() for line in wide)
    if not utf8_lines or utf8_lines < wide.count(None):
        return None
    narrow = [
        _try(line, "cp1252") if text is None else text
        for line, text in zip(lines, wide, strict=True)
    ]
    if None in narrow:
        return None
    rest = "".join(str(new) for text, new in zip(wide, narrow, strict=True) if text is None)
    return "\n".join(map(str, narrow)) if _reads_western(rest) else None


def _reads_western(text: str) -> bool:
    sample = text[:SAMPLE]
    foreign = [c for c in sample if c > "\x7f"]
    return set(foreign) <= WESTERN and not FOREIGN_RUN.search(sample)
