"""Dates written in many ways, to be given as ISO 8601, with today's date beside them; in English and Spanish.

A way of writing belongs to evaluation for good, or training puts it together from an order, separators, a spelling of
the month and so on; what would read as a way of evaluation does is left out. (With 30 ways written out by hand, a starter
had 71 % of other English and 75 % of other Spanish ways right, 75 each.) A date without a year is of this year.
"""

import datetime
import random
from collections.abc import Callable
from typing import NamedTuple

from adapt.starter.recipe.texts.coined import DAYS, DIAS, MESES, MONTHS

Form = Callable[[datetime.date], str]


def _ordinal(day: int) -> str:
    return f"{day}{'th' if 11 <= day <= 13 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


def _month(day: datetime.date) -> str:
    return MONTHS[day.month - 1]


def _mes(day: datetime.date) -> str:
    return MESES[day.month - 1]


ENGLISH_HELD_OUT: tuple[Form, ...] = (
    lambda d: f"{_ordinal(d.day)} {_month(d)} {d.year}",
    lambda d: f"{DAYS[d.weekday()]} {_month(d)} {d.day}, {d.year}",
    lambda d: f"{_month(d)[:3]}. {d.day}, {d.year}",
    lambda d: f"{d.year}, {_month(d)} {d.day}",
    lambda d: f"{d.year}.{d.month:02}.{d.day:02}",
    lambda d: f"the {_ordinal(d.day)} of {_month(d)}, {d.year}",
    lambda d: f"{_month(d)} the {_ordinal(d.day)}",
    lambda d: f"{DAYS[d.weekday()]} {d.day} {_month(d)}",
    lambda d: f"{d.day} {_month(d)[:3]}",
    lambda d: f"{d.day} {_month(d).lower()} {d.year}",
)
SPANISH_HELD_OUT: tuple[Form, ...] = (
    lambda d: f"{d.day} de {_mes(d)} del {d.year}",
    lambda d: f"{DIAS[d.weekday()]}, {d.day} de {_mes(d)} de {d.year}",
    lambda d: f"{d.day:02}/{d.month:02}/{d.year}",
    lambda d: f"{d.day} de {_mes(d)[:3]}. de {d.year}",
    lambda d: f"el {d.day} de {_mes(d)} de este año",
    lambda d: f"{d.day}.{d.month}.{d.year}",
    lambda d: f"{_mes(d)} {d.day}",
)
_NUMERIC = ("{d}{s}{m}{s}{y}", "{d:02}{s}{m:02}{s}{y}", "{y}{s}{m:02}{s}{d:02}", "{y}{s}{m}{s}{d}")
_SEPARATORS = ("/", "-", " ", " / ", " - ", "_", ".")
_LIKE = (
    6,
    7,
)  # June and July, which are often taken for each other: 8 of 24 faults of a starter in Spanish
_ENGLISH_ORDERS = (
    "{d} {m} {y}", "{m} {d} {y}", "{m} {d}, {y}", "{d} {m}, {y}", "{y} {m} {d}", "{d}-{m}-{y}", "{m}-{d}-{y}", "{d} of {m} {y}",
    "the {d} of {m} {y}", "{m} the {d}, {y}", "{m} the {d} {y}", "{y} {d} {m}", "{y}-{m}-{d}", "{d}/{m}/{y}", "{d}.{m}.{y}", "{m}, {d} {y}", "{y}/{m}/{d}",
    "{y}: {m} {d}", "{y} ({d} {m})", "{d} {m} ({y})", "{m} {d} of {y}", "{m} {d} in {y}", "{d} {m} of the year {y}", "the {d} {m} {y}", "day {d} of {m} {y}",
)  # fmt: skip
_SPANISH_ORDERS = (
    "{d} de {m} de {y}", "{d} {m} {y}", "{m} {d}, {y}", "{d}-{m}-{y}", "{d} de {m}, {y}", "{y}, {d} de {m}", "día {d} de {m} de {y}", "{d}/{m}/{y}",
    "{m} de {y}, día {d}", "{d} de {m} {y}", "{y} {m} {d}", "{d} {m} de {y}", "{d}.{m}.{y}", "{d} de {m} del año {y}", "{d} de {m} ({y})", "{m} {d} de {y}",
    "{y}: {d} de {m}", "{d} del mes de {m} de {y}", "{d} {m} del {y}",
)  # fmt: skip
_ENGLISH_YEARLESS = (
    "{m} {d}", "{d} {m}", "the {d} of {m}", "{d} of {m}", "{d}-{m}", "{m}, the {d}", "the {d} {m}", "day {d} of {m}", "{m} {d} this year", "{d} {m} of this year",
)  # fmt: skip
_SPANISH_YEARLESS = (
    "{d} de {m}", "día {d} de {m}", "{d} {m}", "{d}-{m}", "{d} del mes de {m}", "{d} {m} de este año", "este {d} de {m}", "{d} de {m} del presente año",
)  # fmt: skip
_SAID = (
    "{}", "The meeting is on {}.", "Deadline: {}", "Signed on {} in the office.", "We met {} for the first time.",
    "Please answer before {}.", "Born {}", "Invoice of {}, paid.", "It was {} when the letter came.", "from {} on",
)  # fmt: skip
_DICHO = (
    "{}", "La reunión es el {}.", "Plazo: {}", "Firmado el {} en la oficina.", "Nació el {}.",
    "Responda antes del {}.", "Factura de {}, pagada.", "desde el {}",
)  # fmt: skip
_SAID_HELD_OUT = ("The parcel was sent {}.", "Valid until {}", "See you {}!")
_DICHO_HELD_OUT = ("El paquete salió el {}.", "Válido hasta el {}")
_ASK = (
    "Today is {today}. Write the date as YYYY-MM-DD: {said}",
    "Date in ISO format (today is {today}): {said}",
    "Which date is meant? Answer as YYYY-MM-DD. Today: {today}. Text: {said}",
)
_PREGUNTA = (
    "Hoy es {today}. Escribe la fecha como AAAA-MM-DD: {said}",
    "Fecha en formato ISO (hoy es {today}): {said}",
    "¿Qué fecha es? Responde como AAAA-MM-DD. Hoy: {today}. Texto: {said}",
)
_NEAR = (
    (0, "today"),
    (1, "tomorrow"),
    (-1, "yesterday"),
    (2, "the day after tomorrow"),
    (7, "in a week"),
    (-7, "a week ago"),
)
_CERCA = (
    (0, "hoy"),
    (1, "mañana"),
    (-1, "ayer"),
    (2, "pasado mañana"),
    (7, "en una semana"),
    (-7, "hace una semana"),
)


class Dated(NamedTuple):
    """A request that holds a date in some form, the date as YYYY-MM-DD, the form, and the day that the request calls today."""

    asked: str
    iso: str
    written: str
    today: datetime.date


def make_date(rng: random.Random, *, spanish: bool, held_out: bool) -> Dated:
    """Return a request to give a date as YYYY-MM-DD, with the answer."""
    today = datetime.date(rng.randint(1990, 2035), rng.randint(1, 12), rng.randint(1, 28))
    meant = datetime.date(rng.randint(1900, 2060), rng.randint(1, 12), rng.randint(1, 28))
    meant += datetime.timedelta(days=rng.choice((0, 0, 0, 1, 2, 3)))
    if held_out:
        meant, written = _held_out(rng, meant, today, spanish=spanish)
    else:
        meant, written = _written(rng, meant, today, spanish=spanish)
    phrasings = (
        (_DICHO_HELD_OUT if spanish else _SAID_HELD_OUT)
        if held_out
        else (_DICHO if spanish else _SAID)
    )
    written = written.removeprefix("el ") if spanish else written
    text = rng.choice(phrasings).format(written)
    asked = rng.choice(_PREGUNTA if spanish else _ASK).format(today=today.isoformat(), said=text)
    return Dated(asked, meant.isoformat(), written, today)


def _held_out(
    rng: random.Random, meant: datetime.date, today: datetime.date, *, spanish: bool
) -> tuple[datetime.date, str]:
    form = rng.choice(SPANISH_HELD_OUT if spanish else ENGLISH_HELD_OUT)
    if str(meant.year) not in form(meant):
        meant = meant.replace(year=today.year, day=min(meant.day, 28))
    return meant, form(meant)


def _written(
    rng: random.Random, meant: datetime.date, today: datetime.date, *, spanish: bool
) -> tuple[datetime.date, str]:
    """Return a date, this one or one near today, and a way to write it that evaluation does not have."""
    draw = rng.random()
    if draw < 0.08:
        days, written = rng.choice(_CERCA if spanish else _NEAR)
        if rng.random() < 0.4:
            days = rng.randint(2, 9)
            written = f"dentro de {days} días" if spanish else f"in {days} days"
        return today + datetime.timedelta(days=days), written
    yearless = draw < 0.33
    short = 0.33 < draw < 0.36
    if yearless or short:
        day = min(meant.day, 28)
        # two digits are of the years that lie around today's
        meant = meant.replace(year=today.year if yearless else 2000 + meant.year % 50, day=day)
    held_out = SPANISH_HELD_OUT if spanish else ENGLISH_HELD_OUT
    if rng.random() < 0.08:
        meant = meant.replace(month=rng.choice(_LIKE), day=min(meant.day, 28))
    while True:
        if not yearless and not short and rng.random() < 0.4:
            order = rng.choices(_NUMERIC, weights=(4, 2, 1, 1))[0]
            # year first with full stops is a way of evaluation, with and without zeros
            separator = rng.choice(_SEPARATORS[:-1] if order.startswith("{y}") else _SEPARATORS)
            written = order.format(d=meant.day, m=meant.month, y=meant.year, s=separator)
            written = meant.strftime("%Y%m%d") if rng.random() < 0.1 else written
        else:
            written = _in_words(rng, meant, yearless=yearless, short=short, spanish=spanish)
        if written not in {form(meant).removeprefix("el ") for form in held_out}:
            return meant, written


def _in_words(
    rng: random.Random, meant: datetime.date, *, yearless: bool, short: bool, spanish: bool
) -> str:
    """Return a date with its month by name."""
    if yearless:
        order = rng.choice(_SPANISH_YEARLESS if spanish else _ENGLISH_YEARLESS)
    else:
        order = rng.choice(_SPANISH_ORDERS if spanish else _ENGLISH_ORDERS)
    month = (MESES if spanish else MONTHS)[meant.month - 1]
    if rng.random() < 0.3:
        month = month[:3] + rng.choice(("", "", "."))
    month = rng.choice((month, month, month.lower(), month.capitalize(), month.upper()))
    day = str(meant.day)
    if not spanish and (order.startswith("the ") or rng.random() < 0.3):
        day = _ordinal(meant.day)
    elif rng.random() < 0.1:
        day = f"{meant.day:02}"
    year = f"'{meant.year % 100:02}" if short else str(meant.year)
    written = order.format(d=day, m=month, y=year)
    if rng.random() < 0.2:
        weekday = (DIAS if spanish else DAYS)[meant.weekday()]
        weekday = rng.choice((weekday, weekday, weekday[:3], weekday.lower()))
        written = rng.choice(("{}, {}", "{} {}", "{}: {}")).format(weekday, written)
    return written
