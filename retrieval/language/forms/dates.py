"""Dates and times of day as they are written in eight languages, in one form: 7 April 2028, 07/04/2028, 2:30 pm.

Where the order of day and month is open, 04/07/2028, both are tried. Not read: weekdays, "tomorrow", other calendars.
"""

import re
from collections.abc import Iterator

from retrieval.language.forms.normal_form import Form

# en, es, de, fr, it, pt, ca, nl; folded
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero ene januar jaenner jänner januari janvier janv gennaio gen janeiro gener",
            "february feb febrero februar feber februari février fevrier févr febbraio fevereiro fev febrer",
            "march mar marzo märz maerz maart mars março marco març mrt",
            "april apr abril abr avril avr aprile",
            "may mayo mai mei maggio mag maio maig",
            "june jun junio juni juin giugno giu junho juny",
            "july jul julio juli juillet juil luglio lug julho juliol",
            "august aug agosto ago août aout augustus agost",
            "september sep sept septiembre setiembre septembre settembre set setembro setembre",
            "october oct octubre oktober okt octobre ottobre ott outubro out",
            "november nov noviembre novembre novembro",
            "december dec diciembre dic dezember dez décembre decembre déc dicembre dezembro desembre des",
        ),
        1,
    )
    for name in names.split()
}
_MONTH = rf"(?P<month>{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b\.?"
_ORDINAL = r"(?:st|nd|rd|th|er|º|°|\.)?"
_YEAR = r"(?P<year>(?:1[5-9]|20|21)\d\d)(?!\d)"
_OF = r"(?:\s*[-/ ]\s*|\s+(?:of|de|del|d['\u2019])\s*)"
_DAY = rf"(?P<day>0?[1-9]|[12]\d|3[01]){_ORDINAL}"
NAMED = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![\w.,]){_DAY}{_OF}?{_MONTH}(?:,?{_OF}{_YEAR})?",
        rf"(?<!\w){_MONTH}\s+{_DAY}(?!\d|[.,:]\d)(?:,?\s+{_YEAR})?",
        rf"(?<!\w){_MONTH}{_OF}{_YEAR}",
    )
]
YEAR_FIRST = re.compile(
    r"(?<![\w.,/-])(?P<year>(?:1[5-9]|20|21)\d\d)(?P<sep>[-/._])(?P<a>\d\d?)(?:(?P=sep)(?P<b>\d\d?))?(?![\w/-]|[.,]\d)"
)
YEAR_LAST = re.compile(
    r"(?<![\w.,/-])(?P<a>\d\d?)(?P<sep>[-/._])(?P<b>\d\d?)(?P=sep)(?P<year>(?:1[5-9]|20|21)\d\d|\d\d)(?![\w/-]|[.,]\d)"
)
MONTH_YEAR = re.compile(r"(?<![\w.,/-])(?P<a>0?[1-9]|1[0-2])/(?P<year>(?:19|20)\d\d)(?![\w/-])")
SOLID = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<a>0[1-9]|1[0-2])(?P<b>0[1-9]|[12]\d|3[01])(?!\d)"
)
TIME = re.compile(
    r"(?<![\w.,:/-])(?P<hour>2[0-4]|[01]?\d)"
    r"(?:[:.h](?P<minute>[0-5]\d)(?::[0-5]\d)?)?"
    r"\s?(?P<mark>[ap]\.?\s?m\b\.?|uhr\b|heures?\b|hrs?\b|horas\b|h\b|o['\u2019]clock\b"
    r"|(?:de|por|en) la (?:mañana|tarde|noche)\b|(?:in the )?(?:morning|afternoon|evening)\b)?",
    re.IGNORECASE,
)
LETTERS = re.compile(r"[^\W\d_]{3,}")
LATER = ("p", "tarde", "noche", "afternoon", "evening")
NOON = 12
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
CENTURY = 50  # two digits up to it are of this century


def dates(text: str, start: int, end: int) -> list[Form]:
    """Return the dates of a part of a text, and months of a year; none within another."""
    forms = list(_dates(text, start, end))
    return [form for form in forms if not any(_contains(other, form) for other in forms)]


def _contains(form: Form, other: Form) -> bool:
    inside = form.start <= other.start and other.end <= form.end
    return inside and form.end - form.start > other.end - other.start


def _dates(text: str, start: int, end: int) -> Iterator[Form]:
    named = not MONTHS.keys().isdisjoint(LETTERS.findall(text[start:end].lower()))
    for pattern in NAMED if named else ():
        for match in pattern.finditer(text, start, end):
            parts = match.groupdict()
            month = MONTHS[parts["month"].lower()]
            yield from _form(match, parts.get("year"), [(month, parts.get("day"))])
    for match in YEAR_FIRST.finditer(text, start, end):
        yield from _form(match, match["year"], [(int(match["a"]), match["b"])])
    for match in YEAR_LAST.finditer(text, start, end):
        a, b = match["a"], match["b"]
        yield from _form(match, match["year"], [(int(b), a), (int(a), b)])
    for match in MONTH_YEAR.finditer(text, start, end):
        yield from _form(match, match["year"], [(int(match["a"]), None)])
    for match in SOLID.finditer(text, start, end):
        yield from _form(match, match["year"], [(int(match["a"]), match["b"])])


def times(text: str, start: int, end: int) -> Iterator[Form]:
    """Yield the times of day of a part of a text: those with minutes after a colon, and those with a word that says so."""
    for match in TIME.finditer(text, start, end):
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
        mark = (match["mark"] or "").lower()
        if not mark and (match["minute"] is None or text[match.end("hour")] == "."):
            continue
        if match.end() < len(text) and not mark and text[match.end()].isalnum():
            continue
        later = mark.startswith(("p.", "pm", "p m"))
        later = later or any(word in mark for word in LATER[1:])
        if later and hour < NOON:
            hour += NOON
        elif mark.startswith("a") and hour == NOON:
            hour = 0
        terms = {f"h:{hour % 24}:{minute:02}"}
        yield Form(match.start(), match.end(), frozenset(terms))


def _form(
    match: re.Match[str], year: str | None, readings: list[tuple[int, str | None]]
) -> Iterator[Form]:
    """Yield the form of a date, whose month and day may be read in several ways, if there is such a day."""
    terms: set[str] = set()
    also: set[str] = set()
    full = None if year is None else _full(year)
    for month, written in readings:
        day = None if written is None else int(written)
        if not 1 <= month <= len(DAYS) or not (day is None or 1 <= day <= DAYS[month - 1]):
            continue
        if full is None:
            terms.add(f"d:{month:02}-{day:02}")
        elif day is None:
            terms.add(f"d:{full}-{month:02}")
        else:
            terms.add(f"d:{full}-{month:02}-{day:02}")
            also |= {f"d:{month:02}-{day:02}", f"d:{full}-{month:02}"}
    if terms:
        yield Form(match.start(), match.end(), frozenset(terms), frozenset(also))


def _full(year: str) -> int:
    number = int(year)
    if len(year) > 2:
        return number
    return number + (2000 if number <= CENTURY else 1900)
