"""Telephone and reference numbers, codes and products, however they are parted: +49 (30) 99 88 77, INV-2024/0031, ISO27001.

Their form is what is left without the signs between, as it would stand as a word. Telephone numbers meet by their ends, so
that one with a country's or a city's prefix is found by the one without.
"""

import re
from collections.abc import Iterator

from retrieval.language.folding import fold
from retrieval.language.forms.labels import LABELS
from retrieval.language.forms.normal_form import Form

DIGITS = re.compile(
    r"(?<![\w.,])(?P<open>\+|00|\(\+?|0)?\d(?:(?:\)[ \u00a0]?|[ \u00a0]\(|[ \u00a0./\-\u2010\u2011])?\d)*(?!\w|[.,]\d)"
)
LONGEST = 34  # an IBAN
TELEPHONE = range(6, 16)  # digits
PLAIN = 9  # digits without any sign between that may be a telephone number
END = 7  # digits by which two telephone numbers meet
LEAST = 6  # digits of a run that is one number
YEAR = re.compile(r"(?:19|20)\d\d")
GROUPED = re.compile(r"\d{1,3}([.,])\d{3}(?:\1\d{3})*")
# letters and digits joined by signs; capitals and digits with spaces between (an IBAN, a plate)
CHAIN = re.compile(r"(?<!\w)[^\W_]+(?:[-/._:\u2010\u2011][^\W_]+)+(?!\w)")
SPELLED = re.compile(r"(?<![\w.,])[A-Z0-9]{1,8}(?:[ \u00a0-][A-Z0-9]{1,8}){1,9}(?!\w)")
# a word and a number side by side; a number and a unit or a short sign
WORD_NUMBER = re.compile(r"(?<![\w])([^\W\d_]{1,20})[ \u00a0-](\d{1,8}[A-Za-z]?)(?![\w]|[.,/]\d)")
NUMBER_SIGN = re.compile(r"(?<![\w.,:/-])(\d{1,7}(?:[.,]\d{1,3})?)[ \u00a0-]?([^\W\d_]{1,3})(?!\w)")
MIXED = re.compile(r"(?<!\w)(?=[^\W_]*\d)(?=[^\W_]*[^\W\d_])[^\W_]{2,34}(?!\w)")
PARTS = re.compile(r"\d+|[^\W\d_]+")
HYPHENED = re.compile(r"(?<=[^\W\d_])[-\u2010\u2011](?=[^\W\d_]{2})")
APOSTROPHE = re.compile(r"(?<=[^\W\d_])['\u2019](?=[^\W\d_]{3})")
WORD_BEFORE = re.compile(r"(?<![\w-])[^\W\d_]{1,20}$")
WORD_AFTER = re.compile(r"[^\W\d_]{2,20}(?![\w-])")
LONGEST_WORD = 20
SHORT = 2  # letters before an apostrophe that are of the name
VERSION = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+)(?![\w]|\.\d)", re.IGNORECASE)


def codes(text: str, start: int, end: int, small: frozenset[str]) -> Iterator[Form]:
    """Yield the codes of a part of a text; some within others.

    Args:
        small: words that name nothing with a number behind them.
    """
    yield from _digits(text, start, end)
    for match in VERSION.finditer(text, start, end):
        yield Form(*match.span(), frozenset({f"n:{match[1]}"}))
    for match in CHAIN.finditer(text, start, end):
        yield from _chain(match)
    for match in SPELLED.finditer(text, start, end):
        joined = _joined(match.group())
        if _has_both(joined) and len(joined) <= LONGEST:
            yield Form(*match.span(), frozenset({joined}))
    for match in MIXED.finditer(text, start, end):
        parts = PARTS.findall(match.group())
        also = {part.casefold() for part in parts if len(part) > 1} if len(parts) == 2 else set()
        yield Form(*match.span(), frozenset({match.group().casefold()}), frozenset(also))
    for pattern in (WORD_NUMBER, NUMBER_SIGN):
        for match in pattern.finditer(text, start, end):
            words = {match[1].lower(), match[2].lower()}
            if small.isdisjoint(words) and LABELS.keys().isdisjoint(words):
                yield Form(*match.span(), frozenset({_joined(match[1] + match[2])}))


def joined(text: str) -> Iterator[Form]:
    """Yield words that a hyphen or an apostrophe parts: e-mail, O'Brien."""
    for pattern in (HYPHENED, APOSTROPHE):
        for match in pattern.finditer(text):
            first = WORD_BEFORE.search(
                text, max(match.start() - LONGEST_WORD - 1, 0), match.start()
            )
            last = WORD_AFTER.match(text, match.end())
            if (
                first is None
                or last is None
                or (pattern is APOSTROPHE and len(first.group()) > SHORT)
            ):
                continue
            terms = {_joined(first.group() + last.group())}
            yield Form(first.start(), last.end(), frozenset(terms), named=False)


def _digits(text: str, start: int, end: int) -> Iterator[Form]:
    for match in DIGITS.finditer(text, start, end):
        written = match.group()
        digits = re.sub(r"\D", "", written)
        if len(digits) < LEAST or len(digits) > LONGEST or GROUPED.fullmatch(written):
            continue
        groups = re.findall(r"\d+", written)
        if len(groups) > 1 and all(YEAR.fullmatch(group) for group in groups):
            continue
        terms = set() if len(groups) == 1 else {digits}
        if len(digits) in TELEPHONE and (len(groups) > 1 or len(digits) >= PLAIN):
            terms |= _ends(digits)
        elif written[0] == "0":
            terms.add(digits.lstrip("0") or digits)
        if terms:
            yield Form(*match.span(), frozenset(terms))


def _ends(digits: str) -> set[str]:
    """Return the ends of a telephone number; a local one's is itself."""
    bare = digits.lstrip("0") or digits
    least = min(END, len(bare))
    ends = (bare[place:] for place in range(min(len(bare) - least, 5) + 1))
    return {f"t:{ending}" for ending in ends if ending[:1] not in ("", "0")}


def _chain(match: re.Match[str]) -> Iterator[Form]:
    written = match.group()
    if VERSION.fullmatch(written):
        return
    joined = _joined(written)
    if len(joined) > LONGEST or not _has_both(joined):
        return
    parts = re.findall(r"[^\W_]+", written)
    # "INV-2024/0031": also its end, "2024/0031"
    also = {"".join(parts[1:]).casefold()} if len(parts) > 2 else set()
    yield Form(*match.span(), frozenset({joined}), frozenset(also - {joined}))


def _joined(written: str) -> str:
    return fold("".join(re.findall(r"[^\W_]+", written)))


def _has_both(joined: str) -> bool:
    return any(sign.isdigit() for sign in joined) and any(sign.isalpha() for sign in joined)
