"""Numbers as they are written with signs and words around them: 1,250,000 and 1.25 million, 49 € and EUR 49.00, 25 %.

A whole number's form is its digits, which may stand in a text as a word. Where the sign between digits may part
thousands or decimals, 1.250, both are tried. Not read: numbers in words, except before "million" and similar words.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from retrieval.language.forms.normal_form import Form

SPACES = " \u00a0\u202f\u2009"
SCALES = {
    name: scale
    for scale, names in {
        1_000: "thousand thousands k mil tausend tsd mille mila duizend",
        1_000_000: """million millions millón millon millones millionen mio mill milione milioni milhão milhões
            milió milions miljoen mln mn m""",
        1_000_000_000: "billion billions bn milliarde milliarden mrd milliard milliards miliardo miliardi miljard",
    }.items()
    for name in names.split()
}  # fmt: skip
# these count only without a space, and "m", which may be metres, only before a currency
ATTACHED = frozenset({"k", "m", "bn", "mn", "mln"})
SMALL = {
    word: number
    for number, words in enumerate(
        ("one un una uno eine einer", "two dos zwei deux due", "three tres drei trois tre",
         "four cuatro vier quatre quattro", "five cinco fünf cinq cinque", "six seis sechs sei",
         "seven siete sieben sept sette", "eight ocho acht huit otto", "nine nueve neun neuf nove",
         "ten diez zehn dix dieci"),
        1,
    )
    for word in words.split()
}  # fmt: skip
CURRENCIES = {
    name: code
    for code, names in {
        "eur": "€ eur euro euros",
        "usd": "$ usd us$ dollar dollars dólar dólares dolar dolares",
        "gbp": "£ gbp pound pounds libra libras",
        "chf": "chf franken francs francos",
        "jpy": "¥ jpy yen yenes",
    }.items()
    for name in names.split()
}
PERCENT = re.compile(
    r"\s?(?:%|per\s?cent\b|prozent\b|por ciento\b|pour cent\b|per cento\b|por cento\b)",
    re.IGNORECASE,
)
_NAMES = "|".join(re.escape(name) for name in sorted(CURRENCIES, key=len, reverse=True))
BEFORE = re.compile(rf"(?:(?<!\w)(?P<code>{_NAMES}))\s?$", re.IGNORECASE)
AFTER = re.compile(rf"\s?(?P<code>{_NAMES})(?!\w)", re.IGNORECASE)
_SCALE = "|".join(sorted(SCALES, key=len, reverse=True))
SCALE = re.compile(rf"(?P<gap>[\s-]?)(?P<scale>{_SCALE})(?![\w])\.?", re.IGNORECASE)
THOUSANDS = "mil"  # before "millones": thousands of millions
MONEY_OF = re.compile(r"\s(?:of|de|di|d['\u2019])(?=\s)", re.IGNORECASE)
NUMBER = re.compile(
    rf"(?<![\w.,])(?:\d{{1,3}}(?:(?P<group>[.,'\u2019{SPACES}])\d{{3}})(?:(?P=group)\d{{3}})*(?:[.,]\d{{1,2}})?"
    r"|\d+(?:[.,]\d+)?)(?![\d]|[.,]\d|[-/:]\d)"
)
IN_WORDS = re.compile(
    rf"(?<!\w)(?P<small>{'|'.join(SMALL)})\s(?P<scale>{_SCALE})(?!\w)", re.IGNORECASE
)
CENTS = 2


def amounts(text: str, start: int, end: int) -> Iterator[Form]:
    """Yield the numbers of a part of a text that can be written in another way; a bare whole number is not among them."""
    for match in NUMBER.finditer(text, start, end):
        values, last = _scaled(_values(match), text, match.end())
        bare = match.group().isdecimal() and last == match.end()
        yield from _forms(text, (match.start(), last), values, bare=bare)


def amounts_in_words(text: str) -> Iterator[Form]:
    """Yield small numbers in words before "million" and similar words."""
    if SCALES.keys().isdisjoint(text.lower().split()):
        return
    for match in IN_WORDS.finditer(text):
        value = SMALL[match["small"].lower()] * SCALES[match["scale"].lower()]
        if match["scale"].lower() not in ATTACHED:
            yield from _forms(text, match.span(), [Decimal(value)], bare=False)


def plain(value: Decimal) -> str:
    """Return a number's term: the digits of a whole one, as it would stand as a word."""
    if value == value.to_integral_value():
        return str(int(value))
    return f"n:{value.normalize():f}"


def _values(match: re.Match[str]) -> list[Decimal]:
    """Return what a number may be."""
    written = match.group()
    group = match["group"]
    if group is None:
        return [Decimal(written.replace(",", "."))]
    digits = written.replace(group, "")
    values = [Decimal(digits.replace(",", "."))]
    if group in ".," and written.count(group) == 1 and written.replace(group, "").isdecimal():
        values.append(Decimal(written.replace(",", ".")))
    return values


def _scaled(values: list[Decimal], text: str, end: int) -> tuple[list[Decimal], int]:
    """Return numbers times the "million" that follows, and where that ends."""
    times = 1
    while (match := SCALE.match(text, end)) is not None:
        word = match["scale"]
        if word.lower() in ATTACHED:
            alone = match["gap"] or (word == "m" and AFTER.match(text, match.end()) is None)
            if alone:
                break
        times *= SCALES[word.lower()]
        end = match.end()
        if word.lower() != THOUSANDS:
            break
    return [value * times for value in values], end


def _forms(
    text: str, span: tuple[int, int], values: list[Decimal], *, bare: bool
) -> Iterator[Form]:
    start, end = span
    numbers = frozenset(plain(value) for value in values)
    if not bare or text[start] == "0":
        yield Form(start, end, numbers)
    percent = PERCENT.match(text, end)
    if percent is not None:
        terms = {f"n:{value.normalize():f}%" for value in values}
        yield Form(start, percent.end(), frozenset(terms), whole=False)
        return
    before = BEFORE.search(text, max(start - 8, 0), start)
    of = MONEY_OF.match(text, end)
    after = AFTER.match(text, of.end() if of else end)
    for match in (before, after):
        if match is not None:
            code = CURRENCIES[match["code"].lower()]
            terms = {f"n:{value.normalize():f}{code}" for value in values}
            first, last = min(start, match.start()), max(end, match.end())
            yield Form(first, last, frozenset(terms), whole=False)
            return
