"""The dates domain: a message that mentions one day, in English or Spanish → that day as ISO date.

Held out are whole templates and whole days: no two of the sides train, valid and test share a template or a day.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from ui.demo.recipe.rows import Counts, Row, Side, gather, seeded
from ui.demo.recipe.templates import capitalise, expand

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
MESES = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio",
    "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ONES = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip
ORDINALS = (*_ONES, *(f"twenty-{unit}" for unit in _ONES[:9]), "thirtieth", "thirty-first")
NUMEROS = (
    "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once",
    "doce", "trece", "catorce", "quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve",
    "veinte", "veintiuno", "veintidós", "veintitrés", "veinticuatro", "veinticinco",
    "veintiséis", "veintisiete", "veintiocho", "veintinueve", "treinta", "treinta y uno",
)  # fmt: skip
Form = Callable[[datetime.date], str]


class Language(BaseModel):
    """Templates of one language; no template serves two sides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: list[str]
    valid: list[str]
    test: list[str]


class DateSource(BaseModel):
    """What `dates.yaml` holds; `years` are the first and the last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: Counts
    cue: str
    spanish_share: float
    years: tuple[int, int]
    english: Language
    spanish: Language


def ordinal(day: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th …."""
    ending = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


# written form → how; a form's name stands in the tests and in the README
ENGLISH: dict[str, Form] = {
    "3 March 2027": lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    "March 3, 2027": lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    "March 3rd, 2027": lambda d: f"{MONTHS[d.month - 1]} {ordinal(d.day)}, {d.year}",
    "the 3rd of March 2027": lambda d: f"the {ordinal(d.day)} of {MONTHS[d.month - 1]} {d.year}",
    "the third of March 2027": lambda d: (
        f"the {ORDINALS[d.day - 1]} of {MONTHS[d.month - 1]} {d.year}"
    ),
    "3 Mar 2027": lambda d: f"{d.day} {MONTHS[d.month - 1][:3]} {d.year}",
    "Wednesday, 3 March 2027": lambda d: (
        f"{WEEKDAYS[d.weekday()]}, {d.day} {MONTHS[d.month - 1]} {d.year}"
    ),
    "03/03/2027 (day first)": lambda d: f"{d.day:02}/{d.month:02}/{d.year} (day first)",
    "3.3.2027": lambda d: f"{d.day}.{d.month}.{d.year}",
}
SPANISH: dict[str, Form] = {
    "3 de marzo de 2027": lambda d: f"{d.day} de {MESES[d.month - 1]} de {d.year}",
    "3 de marzo del 2027": lambda d: f"{d.day} de {MESES[d.month - 1]} del {d.year}",
    "tres de marzo de 2027": lambda d: f"{NUMEROS[d.day - 1]} de {MESES[d.month - 1]} de {d.year}",
    "03/03/2027": lambda d: f"{d.day:02}/{d.month:02}/{d.year}",
    "3 mar 2027": lambda d: f"{d.day} {MESES[d.month - 1][:3]} {d.year}",
}


def read_source() -> DateSource:
    """Return the templates."""
    text = Path(__file__).with_name("dates.yaml").read_text(encoding="utf-8")
    return DateSource.model_validate(yaml.safe_load(text))


@dataclass(frozen=True)
class _Days:
    train: tuple[datetime.date, ...]
    valid: tuple[datetime.date, ...]
    test: tuple[datetime.date, ...]


def _split_days(source: DateSource) -> _Days:
    first, last = source.years
    start = datetime.date(first, 1, 1)
    length = (datetime.date(last + 1, 1, 1) - start).days
    days = [start + datetime.timedelta(days=offset) for offset in range(length)]
    seeded("dates:days").shuffle(days)
    cut = length // 8
    return _Days(
        train=tuple(days[2 * cut :]), valid=tuple(days[:cut]), test=tuple(days[cut : 2 * cut])
    )


def make_rows(source: DateSource, side: Side) -> list[Row]:
    """Return the rows of one side, no two with the same prompt."""
    rng = seeded(f"dates:{side}")
    days: tuple[datetime.date, ...] = getattr(_split_days(source), side)

    def draw(_number: int) -> Row:
        spanish = rng.random() < source.spanish_share
        language = source.spanish if spanish else source.english
        template = rng.choice(getattr(language, side))
        day = rng.choice(days)
        written = rng.choice(list((SPANISH if spanish else ENGLISH).values()))(day)
        text = expand(rng, template.replace("{d}", "\0"), {}).replace("\0", written)
        return Row(source.cue + capitalise(text), day.isoformat(), template)

    return gather(getattr(source.count, side), draw)
