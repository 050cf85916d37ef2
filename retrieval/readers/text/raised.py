"""Raised signs in a line of text: an exponent, the mark of a note, or letters that are only written higher.

`10⁶` read as `106` is another number, and `2,500¹ units` as `2,5001 units` as well. What a raised sign is, the file seldom
says; what stands before it does.
"""

import re

BASE = re.compile(
    r"(?:(?<![\d.,])(?:10|[2-9])|(?<![^\W\d_])[^\W\d_]{1,2}|[)\]²³])\Z"
)  # 10, 2, m, km, x, (a + b)
NUMBER = re.compile(r"[-\u2212\u2013+]?\d[\d.,]*")
NOTE_NUMBER = re.compile(r"\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*")
ORDINAL = re.compile(r"(?:st|nd|rd|th|er|re|e|ème|[oaºª]s?)", re.IGNORECASE)
AFTER_ORDINAL = re.compile(r"(?:\.|(?<!\d)\d{1,2})\Z")
SIGNS = re.compile(r"[*†‡§¶]+")


def raised(before: str, text: str, *, is_link: bool = False) -> str:
    """Return how a raised text is written in a line.

    Args:
        before: what stands before it in the line; the last dozen characters are enough.
        text: what is raised.
        is_link: whether it leads somewhere, as the marks of notes do.

    Returns:
        `^6` after a base, ` [1]` for the mark of a note, the text itself where it is an ordinal's ending or longer.
    """
    text = " ".join(text.split())
    before = before[-12:]
    if not text or not before.strip():
        return text
    if is_link or _is_note(before, text):
        return f" [{text.strip('[]')}]"
    is_sign = len(text) == 1 and text.isalpha() and not _is_ordinal(before, text)
    return f"^{text}" if is_sign or NUMBER.fullmatch(text) else text


def _is_note(before: str, text: str) -> bool:
    """Return whether a raised text is the mark of a note: a small number, a sign or a letter after what is no base."""
    if SIGNS.fullmatch(text):
        return True
    is_base = BASE.search(before) is not None
    if NUMBER.fullmatch(text) and is_base:
        return text in (
            "1",
            "+1",
        )  # nothing is raised to the power of one, but a unit is to that of minus one
    is_letter = len(text) == 1 and text.isalpha() and not is_base
    return NOTE_NUMBER.fullmatch(text) is not None or (is_letter and not _is_ordinal(before, text))


def _is_ordinal(before: str, text: str) -> bool:
    return bool(ORDINAL.fullmatch(text) and AFTER_ORDINAL.search(before))


def lowered(before: str, text: str) -> str:
    """Return how a lowered text is written in a line: `H2O` stays, since nobody reads it otherwise, `log_2` does not."""
    text = " ".join(text.split())
    is_word = re.search(r"[^\W\d_]{3,}\Z", before[-12:]) is not None
    return f"_{text}" if is_word and text.isalnum() else text
