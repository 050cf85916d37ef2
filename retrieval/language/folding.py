"""Text in small letters without accents: what makes words equal that are written alike except for these."""

import re
import unicodedata

ACCENTS = re.compile(
    r"(?<=[\u0000-\u03ff])[\u0300-\u036f]+"
)  # of Latin and Greek; elsewhere they are letters


def fold(text: str) -> str:
    """Return a text in small letters without accents."""
    text = text.casefold()
    if text.isascii():
        return text
    parts = ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", parts).casefold()  # also of letters in circles


def composed(text: str) -> str:
    """Return a text with its accents in its letters (NFC), however a file or a keyboard wrote them."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
