"""Coined names and values for the exercises, so that an answer can come only from the prompt.

A name belongs for good to training or to evaluation, by a checksum of its text; the two never share one.
"""

import random
import zlib
from collections.abc import Callable

_ONSETS = [
    "b",
    "br",
    "c",
    "cl",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kr",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "qu",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "w",
    "y",
    "z",
    "sh",
    "th",
]
_VOWELS = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ea", "ou"]
_CODAS = ["l", "n", "r", "s", "t", "nd", "rk", "m", "x", "ck", "lm", "sk", "v", "th"] + [""] * 8
_ENDINGS = [
    "ow",
    "en",
    "ik",
    "a",
    "o",
    "er",
    "ley",
    "ton",
    "ford",
    "by",
    "us",
    "ano",
    "ero",
    "ez",
    "ina",
    "el",
    "ora",
    "is",
    "and",
    "ham",
]
HELD_OUT_ONE_IN = 8

FIRST_NAMES = [
    "Ana",
    "Luis",
    "Marta",
    "Pedro",
    "Julia",
    "Tom",
    "Sara",
    "Peter",
    "Emma",
    "Hugo",
    "Clara",
    "Diego",
    "Nora",
    "Iris",
    "Paul",
    "Rosa",
    "Adam",
    "Lena",
    "Oscar",
    "Eva",
]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
MESES = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DIAS = ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"]
COLOURS = ["red", "blue", "green", "yellow", "white", "black", "grey", "orange", "purple", "brown"]
COLORES = [
    "rojo",
    "azul",
    "verde",
    "amarillo",
    "blanco",
    "negro",
    "gris",
    "naranja",
    "morado",
    "marrón",
]
PLACES = [
    "the kitchen", "the second floor", "the main hall", "the garden", "the library", "the old mill", "the basement",
    "room 12", "the north wing", "the station", "the reception desk", "the blue cabinet", "the harbour", "the workshop",
    "room 307", "the top shelf", "the car park", "the meeting room", "the river bank", "the market square",
]  # fmt: skip
LUGARES = [
    "la cocina", "el segundo piso", "la sala principal", "el jardín", "la biblioteca", "el molino viejo", "el sótano",
    "la sala 12", "el ala norte", "la estación", "la recepción", "el armario azul", "el puerto", "el taller",
    "la sala 307", "el estante de arriba", "el aparcamiento", "la sala de reuniones", "la plaza del mercado",
]  # fmt: skip
TOPICS = [
    "payroll", "the budget", "safety", "training", "new contracts", "repairs", "the archive", "complaints", "travel",
    "the website", "purchases", "holidays", "visitors", "the newsletter", "quality checks", "deliveries",
]  # fmt: skip
TEMAS = [
    "las nóminas", "el presupuesto", "la seguridad", "la formación", "los contratos nuevos", "las reparaciones",
    "el archivo", "las quejas", "los viajes", "la página web", "las compras", "las vacaciones", "las entregas",
]  # fmt: skip


def is_held_out(text: str) -> bool:
    """Return whether this name or template is for evaluation only."""
    return zlib.crc32(text.lower().encode()) % HELD_OUT_ONE_IN == 0


def coin_name(rng: random.Random, *, held_out: bool) -> str:
    """Return a made-up proper name of one to three syllables, from the side asked for."""
    while True:
        syllables = [
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
            for _ in range(rng.choice((1, 1, 1, 2)))
        ]
        name = ("".join(syllables) + rng.choice(_ENDINGS)).capitalize()
        if 4 <= len(name) <= 12 and is_held_out(name) == held_out:
            return name


def coin_value(rng: random.Random, kind: str, *, spanish: bool, held_out: bool) -> str:
    """Return a value of a kind that the fact templates name.

    Raises:
        ValueError: no such kind.
    """
    if kind not in _VALUES:
        raise ValueError(f"no value of kind {kind!r}")
    return _VALUES[kind](rng, spanish, held_out)


def _price(rng: random.Random, spanish: bool, _: bool) -> str:
    unit = "euros" if spanish else rng.choice(("euros", "dollars", "pounds"))
    return f"{rng.choice((rng.randint(2, 99), rng.randint(100, 4000)))} {unit}"


def _number(rng: random.Random, _: bool, __: bool) -> str:
    return str(rng.choice((rng.randint(2, 30), rng.randint(31, 900), rng.randint(1000, 9000))))


def _date(rng: random.Random, spanish: bool, _: bool) -> str:
    day = rng.randint(1, 28)
    return f"{day} de {rng.choice(MESES)}" if spanish else f"{day} {rng.choice(MONTHS)}"


def _code(rng: random.Random, _: bool, __: bool) -> str:
    letters = "".join(rng.choice("ABCDEFGHKLMNPRSTVX") for _ in range(2))
    return f"{letters}-{rng.randint(10, 9999)}"


def _email(rng: random.Random, _: bool, held_out: bool) -> str:
    user, domain = (coin_name(rng, held_out=held_out).lower() for _ in range(2))
    return f"{user}@{domain}.example"


_VALUES: dict[str, Callable[[random.Random, bool, bool], str]] = {
    "time": lambda rng, _, __: f"{rng.randint(6, 22)}:{rng.choice(('00', '00', '15', '30', '45'))}",
    "price": _price,
    "number": _number,
    "year": lambda rng, _, __: str(rng.randint(1850, 2024)),
    "date": _date,
    "day": lambda rng, spanish, _: f"el {rng.choice(DIAS)}" if spanish else rng.choice(DAYS),
    "place": lambda rng, spanish, _: rng.choice(LUGARES if spanish else PLACES),
    "topic": lambda rng, spanish, _: rng.choice(TEMAS if spanish else TOPICS),
    "colour": lambda rng, spanish, _: rng.choice(COLORES if spanish else COLOURS),
    "code": _code,
    "email": _email,
    "phone": lambda rng, _, __: " ".join(str(rng.randint(100, 999)) for _ in range(3)),
    "person": lambda rng, _, held_out: (
        f"{rng.choice(FIRST_NAMES)} {coin_name(rng, held_out=held_out)}"
    ),
    "name": lambda rng, _, held_out: coin_name(rng, held_out=held_out),
}
