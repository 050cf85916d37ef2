"""Dates written in many ways, to be given as ISO 8601, with today's date beside them; in English and Spanish.

A way of writing belongs to training or to evaluation for good. A date without a year is of this year.
"""

import datetime
import random
from collections.abc import Callable
from typing import NamedTuple

from adapt.starter.recipe.coined import DAYS, DIAS, MESES, MONTHS

Form = Callable[[datetime.date], str]


def _ordinal(day: int) -> str:
    return f"{day}{'th' if 11 <= day <= 13 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


def _month(day: datetime.date) -> str:
    return MONTHS[day.month - 1]


def _mes(day: datetime.date) -> str:
    return MESES[day.month - 1]


ENGLISH: tuple[Form, ...] = (
    lambda d: f"{d.day} {_month(d)} {d.year}",
    lambda d: f"{_month(d)} {d.day}, {d.year}",
    lambda d: f"{_month(d)} {_ordinal(d.day)}, {d.year}",
    lambda d: f"the {_ordinal(d.day)} of {_month(d)} {d.year}",
    lambda d: f"{DAYS[d.weekday()]}, {d.day} {_month(d)} {d.year}",
    lambda d: f"{_month(d)[:3]} {d.day} {d.year}",
    lambda d: f"{d.day} {_month(d)[:3]} '{d.year % 100:02}",
    lambda d: f"{d.day}-{_month(d)[:3]}-{d.year}",
    lambda d: f"{d.year}/{d.month:02}/{d.day:02}",
    lambda d: f"{d.day:02}.{d.month:02}.{d.year}",
    lambda d: f"{d.year} {_month(d)} {d.day}",
    lambda d: d.strftime("%Y%m%d"),
    lambda d: f"{_month(d).upper()} {d.day}, {d.year}",
)
ENGLISH_YEARLESS: tuple[Form, ...] = (
    lambda d: f"{_month(d)} {d.day}",
    lambda d: f"{d.day} {_month(d)}",
    lambda d: f"the {_ordinal(d.day)} of {_month(d)}",
    lambda d: f"{DAYS[d.weekday()]}, {_month(d)} {_ordinal(d.day)}",
    lambda d: f"{_month(d)[:3]}. {d.day}",
)
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
SPANISH: tuple[Form, ...] = (
    lambda d: f"{d.day} de {_mes(d)} de {d.year}",
    lambda d: f"el {DIAS[d.weekday()]} {d.day} de {_mes(d)} de {d.year}",
    lambda d: f"{d.day} {_mes(d)} {d.year}",
    lambda d: f"{d.day}/{d.month}/{d.year}",
    lambda d: f"{d.day:02}-{d.month:02}-{d.year}",
    lambda d: f"{d.day}-{_mes(d)[:3]}-{d.year}",
    lambda d: f"{_mes(d)} {d.day}, {d.year}",
    lambda d: f"{d.day} de {_mes(d)} de '{d.year % 100:02}",
    lambda d: f"{d.day} de {_mes(d).upper()} de {d.year}",
)
SPANISH_YEARLESS: tuple[Form, ...] = (
    lambda d: f"{d.day} de {_mes(d)}",
    lambda d: f"el {DIAS[d.weekday()]} {d.day} de {_mes(d)}",
    lambda d: f"el día {d.day} de {_mes(d)}",
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
    forms, yearless = (SPANISH, SPANISH_YEARLESS) if spanish else (ENGLISH, ENGLISH_YEARLESS)
    if held_out:
        forms = SPANISH_HELD_OUT if spanish else ENGLISH_HELD_OUT
    draw = rng.random()
    if not held_out and draw < 0.12:
        days, written = rng.choice(_CERCA if spanish else _NEAR)
        if rng.random() < 0.4:
            days = rng.randint(2, 9)
            written = f"dentro de {days} días" if spanish else f"in {days} days"
        meant = today + datetime.timedelta(days=days)
    elif not held_out and draw < 0.37:
        meant = meant.replace(year=today.year, day=min(meant.day, 28))
        written = rng.choice(yearless)(meant)
    else:
        form = rng.choice(forms)
        written = form(meant)
        if not any(part in written for part in (str(meant.year), f"'{meant.year % 100:02}")):
            meant = meant.replace(year=today.year, day=min(meant.day, 28))
            written = form(meant)
        elif (
            "'" in written
        ):  # two digits are of this century or the last, whichever is nearer to today
            meant = meant.replace(year=2000 + meant.year % 50, day=min(meant.day, 28))
            written = form(meant)
    said = (
        (_DICHO_HELD_OUT if spanish else _SAID_HELD_OUT)
        if held_out
        else (_DICHO if spanish else _SAID)
    )
    written = written.removeprefix("el ") if spanish else written
    text = rng.choice(said).format(written)
    asked = rng.choice(_PREGUNTA if spanish else _ASK).format(today=today.isoformat(), said=text)
    return Dated(asked, meant.isoformat(), written, today)
