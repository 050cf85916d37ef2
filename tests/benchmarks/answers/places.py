"""Made documents on places with their hours and prices, and questions about them, in English and Spanish.

Every document speaks of two places that differ in their figures alone, so that a wrong answer is always near. A third of the
questions ask for what is there, a third for a place or a figure that is not, and a third are worded so that a small model
begins an answer of its own. The same seed makes the same documents and questions.
"""

import random
from dataclasses import dataclass
from typing import Literal

Kind = Literal["there", "absent", "loose"]
KINDS: tuple[Kind, ...] = ("there", "absent", "loose")
FORMATS = ("md", "html", "txt")

TOPICS = {
    "en": (
        ("pool", "day ticket"), ("library", "reader's card"), ("museum", "guided tour"), ("ferry office", "return ticket"),
        ("climbing hall", "evening pass"), ("zoo", "family ticket"), ("tool rental", "day's hire"), ("sauna", "towel"),
        ("ice rink", "pair of skates"), ("workshop", "hour at the lathe"),
    ),
    "es": (
        ("piscina", "entrada de un día"), ("biblioteca", "tarjeta de lector"), ("sala de escalada", "sesión de tarde"),
        ("oficina del ferri", "ida y vuelta"), ("granja", "entrada familiar"), ("pista de hielo", "hora de patines"),
        ("tienda de bicicletas", "jornada de alquiler"), ("sauna", "toalla"), ("galería", "visita guiada"),
        ("carpintería", "hora de torno"),
    ),
}  # fmt: skip
HOURS_EN = (
    "The {thing} in {a} opens at {a_open} and closes at {a_close}.",
    "The {thing} in {b} opens at {b_open} and closes at {b_close}.",
)
HOURS_ES = (
    "La {thing} de {a} abre a las {a_open} y cierra a las {a_close}.",
    "La {thing} de {b} abre a las {b_open} y cierra a las {b_close}.",
)
TEXT = {
    "en": (
        "Opening hours of the {thing}",
        f"{HOURS_EN[0]} {HOURS_EN[1]}",
        "Prices",
        "A {item} in {a} costs {a_price} euros. A {item} in {b} costs {b_price} euros.",
    ),
    "es": (
        "Horario de la {thing}",
        f"{HOURS_ES[0]} {HOURS_ES[1]}",
        "Precios",
        "Una {item} en {a} cuesta {a_price} euros. Una {item} en {b} cuesta {b_price} euros.",
    ),
}
ASKED: dict[str, dict[Kind, tuple[tuple[str, str], ...]]] = {  # (question, which figure answers it)
    "en": {
        "there": (
            ("When does the {thing} in {a} open?", "a_open"),
            ("When does the {thing} in {b} close?", "b_close"),
            ("How much is a {item} in {b}?", "b_price"),
            ("What does a {item} in {a} cost?", "a_price"),
        ),
        "absent": (
            ("When does the {thing} in {other} open?", ""),
            ("How much is a {item} in {other}?", ""),
            ("Who runs the {thing} in {a}?", ""),
            ("What is the telephone number of the {thing} in {b}?", ""),
        ),
        "loose": (
            ("Tell me about the {thing} in {a}.", ""),
            ("Lauding the {thing} in {b}: its hours and what a {item} costs in euros.", ""),
            ("Write one cheerful sentence on the {thing} in {a} for a leaflet.", ""),
            ("is the {thing} in {b} open at {a_open} or am i too early", ""),
        ),
    },
    "es": {
        "there": (
            ("¿A qué hora abre la {thing} de {a}?", "a_open"),
            ("¿Cuándo cierra la {thing} de {b}?", "b_close"),
            ("¿Cuánto cuesta una {item} en {b}?", "b_price"),
            ("¿Qué precio tiene una {item} en {a}?", "a_price"),
        ),
        "absent": (
            ("¿A qué hora abre la {thing} de {other}?", ""),
            ("¿Cuánto cuesta una {item} en {other}?", ""),
            ("¿Quién dirige la {thing} de {a}?", ""),
            ("¿Cuál es el teléfono de la {thing} de {b}?", ""),
        ),
        "loose": (
            ("Háblame de la {thing} de {a}.", ""),
            ("Alaba la {thing} de {b}: sus horas y lo que vale una {item} en euros.", ""),
            ("Escribe una frase alegre sobre la {thing} de {a} para un folleto.", ""),
            ("está abierta la {thing} de {b} a las {a_open} o llego pronto", ""),
        ),
    },
}
STARTS = (
    "Lind", "Nor", "Hask", "Vel", "Ost", "Bram", "Kell", "Tor", "Mar", "Ulv", "Sund", "Fjel", "Ard", "Quin", "Rost",
)  # fmt: skip
ENDS = ("by", "holm", "ness", "vale", "mouth", "ford", "stad", "wick", "lund", "port")


@dataclass(frozen=True)
class Case:
    """A question, the collection that it is asked of, and the figure that answers it, empty where none does."""

    form: str
    language: str
    kind: Kind
    question: str
    figure: str


def write(form: str, text: tuple[str, ...]) -> str:
    """Return a document of headings and paragraphs in turn in a form."""
    blocks = []
    for place, block in enumerate(text):
        heading = place % 2 == 0
        if form == "html":
            blocks.append(f"<h{1 + place // 2}>{block}</h{1 + place // 2}>" if heading else f"<p>{block}</p>")  # fmt: skip
        else:
            blocks.append(f"# {block}" if heading and form == "md" else block)
    joined = "\n\n".join(blocks)
    return f"<html><body>\n{joined}\n</body></html>\n" if form == "html" else f"{joined}\n"


def documents_and_cases(
    count: int, *, seed: int = 0
) -> tuple[dict[str, dict[str, str]], list[Case]]:
    """Return for each form its documents by name, and that many questions, all kinds and formats in turn."""
    rng = random.Random(f"places:{seed}")
    names = [start + end for start in STARTS for end in ENDS]
    rng.shuffle(names)
    documents: dict[str, dict[str, str]] = {form: {} for form in FORMATS}
    facts: dict[str, list[tuple[str, dict[str, str]]]] = {form: [] for form in FORMATS}
    for form in FORMATS:
        for language, topics in TOPICS.items():
            for thing, item in topics:
                a, b, other = rng.sample(names, 3)
                known = {
                    "thing": thing,
                    "item": item,
                    "a": a,
                    "b": b,
                    "other": other,
                    **_figures(rng),
                }
                text = tuple(part.format(**known) for part in TEXT[language])
                documents[form][f"{thing.replace(' ', '-')}-{language}.{form}"] = write(form, text)
                facts[form].append((language, known))
    cases = []
    for number in range(count):
        form, kind = FORMATS[number % 3], KINDS[number // 3 % 3]
        language, known = facts[form][number // 9 % len(facts[form])]
        asked = ASKED[language][kind]
        question, figure = asked[(number // 9 + number // 9 // len(facts[form])) % len(asked)]
        cases.append(Case(form, language, kind, question.format(**known), known.get(figure, "")))
    return documents, cases


def _figures(rng: random.Random) -> dict[str, str]:
    """Return hours and prices of two places, all of them different."""
    opens, closes = rng.sample(range(6, 12), 2), rng.sample(range(16, 23), 2)
    prices = rng.sample(range(3, 40), 2)
    return {
        "a_open": f"{opens[0]}:00", "b_open": f"{opens[1]}:30", "a_close": f"{closes[0]}:00", "b_close": f"{closes[1]}:15",
        "a_price": str(prices[0]), "b_price": str(prices[1]),
    }  # fmt: skip
