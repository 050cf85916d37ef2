"""Figures of a text in a normal form that English and Spanish share: numbers, times, months, days, with their units.

"nine", "9:00" and "las nueve", "3rd of May" and "3 de mayo", "1,200" and "1.200" are equal. What is known of a figure
is not read here (`retrieval.prompt.statements`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from retrieval.language.folding import fold

Kind = Literal["number", "time", "month", "day"]
_NAMES = {
    "days": "monday tuesday wednesday thursday friday saturday sunday lunes martes miercoles jueves viernes sabado domingo",
    "months": "january february march april may june july august september october november december "
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidos veintitres veinticuatro veinticinco veintiseis veintisiete "
    "veintiocho veintinueve",
    "tens_en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "tens_es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "ordinals_en": "first second third fourth fifth sixth seventh eighth ninth tenth",
    "ordinals_es": "primero segundo tercero cuarto quinto sexto septimo octavo noveno decimo",
    "ordinals_es_f": "primera segunda tercera cuarta quinta sexta septima octava novena decima",
    # also articles, units, adverbs and ordinary adjectives: a statement need not show them as figures
    "vague": "one un una uno once first second primero primera primer segundo segunda cuarto cuarta quarter may march "
    "mil quinta",
}


def _numbered(names: str, *, first: int = 0, step: int = 1) -> dict[str, int]:
    return {name: first + step * place for place, name in enumerate(_NAMES[names].split())}


_DAYS = {name: place % 7 + 1 for name, place in _numbered("days").items()}
_MONTHS = {name: place % 12 + 1 for name, place in _numbered("months").items()} | {"setiembre": 9}
_SMALL = _numbered("en") | _numbered("es") | {"un": 1, "una": 1, "dozen": 12, "docena": 12}
_TENS = _numbered("tens_en", first=20, step=10) | _numbered("tens_es", first=20, step=10)
_HUNDREDS = {"cien": 100, "ciento": 100, "doscientos": 200, "doscientas": 200, "trescientos": 300, "trescientas": 300,
             "cuatrocientos": 400, "quinientos": 500, "quinientas": 500, "seiscientos": 600, "setecientos": 700,
             "ochocientos": 800, "novecientos": 900}  # fmt: skip
_TIMES = {"hundred": 100, "thousand": 1_000, "mil": 1_000, "million": 1_000_000, "millions": 1_000_000,
          "millon": 1_000_000, "millones": 1_000_000, "billion": 1_000_000_000}  # fmt: skip
_ORDINALS = {
    name: place
    for names in ("ordinals_en", "ordinals_es", "ordinals_es_f")
    for name, place in _numbered(names, first=1).items()
} | {"primer": 1, "tercer": 3}
_VAGUE = frozenset(_NAMES["vague"].split())
_SPELLINGS = {
    "eur": "€ euro euros eur", "usd": "$ dollar dollars usd dolar dolares", "pound": "£ pound pounds gbp libra libras",
    "%": "% percent porcentaje", "day": "day days dia dias", "hour": "hour hours hora horas",
    "minute": "minute minutes min minuto minutos", "week": "week weeks semana semanas", "month": "month months mes meses",
    "year": "year years ano anos", "km": "km kilometres kilometers kilometros",
    "m": "m metre metres meter meters metro metros",
    "cm": "cm centimetres centimeters centimetros", "mm": "mm millimetres millimeters milimetros",
    "kg": "kg kilo kilos kilogram kilograms kilogramos", "g": "g gram grams gramos",
    "l": "l litre litres liter liters litro litros",
}  # fmt: skip
_UNITS = {spelling: unit for unit, all_of_it in _SPELLINGS.items() for spelling in all_of_it.split()}  # fmt: skip
_CLOCK = re.compile(
    r"(?<![\d:.,/-])(?P<hour>2[0-4]|[01]?\d)(?!\d)"
    r"(?:[:h](?P<minute>[0-5]\d)(?!\d)|\.(?P<dotted>[0-5]\d)(?=\s*(?:h\b|uhr|[ap]\.?\s?m\b)))?"
    r"\s*(?P<half>[ap])?(?(half)\.?\s?m\b\.?|(?:h\b|uhr\b|o'clock\b)?)"
)
_DATE = re.compile(r"(?<![\d/.-])(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})(?![\d/-]|\.\d)")
_NUMBER = re.compile(
    r"(?P<before>[€$£]\s?)?"
    r"(?P<number>\d+(?:[.,'\u00a0\u202f ]\d{3})*(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?)(?P<ordinal>st|nd|rd|th|[ºª])?"
)
_WORD = re.compile(r"[^\W\d_]+")
_AFTER = re.compile(r"[\s-]?(?:per cent|por ciento|[^\W\d_]+|[€$£%])")
_DAY_RANGE = re.compile(
    rf"\b({'|'.join(_DAYS)})s?\s*(?:to|until|till|through|-|\u2013|a|hasta)\s*({'|'.join(_DAYS)})s?\b"
)
_WHOLE = {"weekdays": range(1, 6), "weekend": range(6, 8), "weekends": range(6, 8), "daily": range(1, 8),
          "diario": range(1, 8)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its place in the text; `values` are all that it may mean, `unit` is empty where none is known."""

    kind: Kind
    values: frozenset[str]
    start: int
    end: int
    unit: str = ""
    vague: bool = False

    def agrees(self, other: "Figure") -> bool:
        """Return whether both may mean the same; a number stands for the full hour as well."""
        kinds = {self.kind, other.kind}
        mine, others = self.values, other.values
        if kinds == {"time"}:
            mine, others = (
                frozenset(value for value in each if ":" in value) for each in (mine, others)
            )
        if mine.isdisjoint(others) or ("day" in kinds and len(kinds) > 1):
            return False
        if self.kind == other.kind == "number" and self.unit and other.unit:
            return self.unit == other.unit
        return not (
            kinds == {"number", "time"}
            and (self.unit not in ("", "hour") or other.unit not in ("", "hour"))
        )


def figures(text: str) -> list[Figure]:
    """Return the figures of a text in the order of their places; what is vague (an article, "first") is marked so."""
    folded = _same_length(text)
    taken = bytearray(len(folded))
    recognised: list[Figure] = []

    def take(new: Iterable[Figure]) -> None:
        for figure in new:
            if not any(taken[figure.start : figure.end]):
                taken[figure.start : figure.end] = b"\1" * (figure.end - figure.start)
                recognised.append(figure)

    take(figure for match in _DATE.finditer(folded) for figure in _of_date(match))
    take(filter(None, map(_of_clock, _CLOCK.finditer(folded))))
    take(_of_number(match, folded) for match in _NUMBER.finditer(folded))
    for match in _DAY_RANGE.finditer(folded):
        days = _between(_DAYS[match[1]], _DAYS[match[2]])
        take([Figure("day", frozenset(map(str, days)), match.start(), match.end())])
    take(_of_words(folded, text))
    return sorted(recognised, key=lambda figure: figure.start)


def _same_length(text: str) -> str:
    """Return a text folded sign by sign, so that places stay."""
    return "".join(
        folded if len(folded) == 1 else sign for sign in text for folded in (fold(sign),)
    )


def _of_date(match: re.Match[str]) -> list[Figure]:
    """Return day, month and year of 12/05/2024 and 2024-05-12; day and month may stand either way."""
    first, middle, last = (int(match[place]) for place in (1, 3, 4))
    if middle > 31 or not (first <= 31 or last <= 31):
        return []
    parts = []
    for place, value in ((1, first), (3, middle), (4, last)):
        values = {str(value)} | ({f"m{value}"} if value <= 12 else set())
        parts.append(Figure("number", frozenset(values), match.start(place), match.end(place)))
    return parts


def _of_clock(match: re.Match[str]) -> Figure | None:
    minute = match["minute"] or match["dotted"]
    marked = match.end() > match.end("hour")
    if not marked or (minute is None and not match.group()[len(match["hour"]) :].strip()):
        return None
    hour = int(match["hour"])
    hours = {hour % 12 + 12 * (match["half"] == "p")} if match["half"] else {hour}
    values = {f"{hour}:{int(minute or 0):02d}" for hour in hours}
    if int(minute or 0) == 0:
        # nine stands for 9:00 and for 21:00
        values |= {str(hour) for hour in hours} | {str((hour - 1) % 12 + 1) for hour in hours}
    return Figure("time", frozenset(values), match.start(), match.start() + len(match.group().rstrip()))  # fmt: skip


def _of_number(match: re.Match[str], text: str) -> Figure:
    digits = match["number"]
    unit = _UNITS[match["before"].strip()] if match["before"] else _unit_after(text, match.end())
    scaled = _WORD.match(text, match.end() + 1) if text[match.end() : match.end() + 1] == " " else None  # fmt: skip
    times = _TIMES.get(scaled.group(), 1) if scaled else 1
    values = {
        _plain(Decimal(reading) * scale) for reading in _readings(digits) for scale in (1, times)
    }
    return Figure("number", frozenset(values), match.start(), match.end(), unit)


def _readings(digits: str) -> set[str]:
    """Return what digits with points and commas may mean: 1.500 is 1500 or 1.5."""
    digits = re.sub(r"['\u00a0\u202f ]", "", digits)
    if not re.search("[.,]", digits):
        return {digits}
    whole = re.sub("[.,]", "", digits)
    head, _, tail = re.sub("[.,](?=.*[.,])", "", digits).replace(",", ".").partition(".")
    grouped = re.fullmatch(r"[1-9]\d{0,2}(?:[.,]\d{3})+", digits)
    decimal = f"{head}.{tail}"
    return {whole, decimal} if grouped else {decimal}


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _unit_after(text: str, place: int) -> str:
    match = _AFTER.match(text, place)
    if not match:
        return ""
    word = match.group().strip(" -\u00a0\n\t")
    return "%" if word in ("per cent", "por ciento") else _UNITS.get(word, "")


def _of_words(text: str, written: str) -> list[Figure]:
    """Return written-out numbers, months and days; `written` is the text before it was folded."""
    in_words: list[Figure] = []
    words = list(_WORD.finditer(text))
    place = 0
    while place < len(words):
        word = words[place].group()
        start, end = words[place].span()
        day = word if word in _DAYS else word.removesuffix("s")
        if day in _DAYS:
            in_words.append(Figure("day", frozenset({str(_DAYS[day])}), start, end))
        elif word in _WHOLE:
            in_words.append(
                Figure("day", frozenset(map(str, _WHOLE[word])), start, end, vague=True)
            )
        elif word in _MONTHS:
            value = _MONTHS[word]
            vague = word in _VAGUE and written[start].islower()
            in_words.append(Figure("month", frozenset({f"m{value}"}), start, end, vague=vague))
        elif word in ("noon", "mediodia", "midnight", "medianoche"):
            hour = "12" if word in ("noon", "mediodia") else "0"
            in_words.append(Figure("time", frozenset({f"{hour}:00", hour}), start, end))
        elif word in _ORDINALS:
            in_words.append(
                Figure(
                    "number", frozenset({str(_ORDINALS[word])}), start, end, vague=word in _VAGUE
                )
            )
        else:
            value, count = _written(words[place:], text)
            if count:
                end = words[place + count - 1].end()
                unit, vague = _unit_after(text, end), count == 1 and word in _VAGUE
                in_words.append(Figure("number", frozenset({str(value)}), start, end, unit, vague))
                place += count - 1
        place += 1
    return in_words


def _written(words: list[re.Match[str]], text: str) -> tuple[int, int]:
    """Return the value of a written-out number at the beginning of words, and of how many of them it is made."""
    total = part = count = 0
    for place, match in enumerate(words):
        if place and text[words[place - 1].end() : match.start()] not in (" ", "-"):
            break
        word = match.group()
        if word in _SMALL or word in _TENS or word in _HUNDREDS:
            part += _SMALL.get(word) or _TENS.get(word) or _HUNDREDS.get(word) or 0
        elif word in _TIMES and (count or word == "mil"):
            part = (part or 1) * _TIMES[word]
            if _TIMES[word] >= 1_000:
                total, part = total + part, 0
        elif not (word in ("and", "y") and count and _joins(words[place + 1 : place + 2])):
            break
        count = place + 1
    return total + part, count


def _joins(following: list[re.Match[str]]) -> bool:
    return any(match.group() in _SMALL or match.group() in _TENS for match in following)


def _between(first: int, last: int) -> list[int]:
    """Return the days from one to another, over the end of the week where need be."""
    return [(first - 1 + step) % 7 + 1 for step in range((last - first) % 7 + 1)]
