"""Made-up documents in which things are named, and questions that name them: articles, annexes, numbers, files, pairs.

What is right is known by how they are made: each question has one document, or one section, that must come first.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Kind:
    """Documents by file name; questions with the document that must be first, and what its text must hold, if anything."""

    name: str
    documents: dict[str, str] = field(default_factory=dict)
    questions: list[tuple[str, str, str]] = field(default_factory=list)


SPANISH_SUBJECTS = (
    "el registro de colmenas", "la poda de olivos", "el uso de las acequias", "la venta de queso", "el transporte de leña",
    "la custodia de llaves", "el alquiler de carretas", "la limpieza de pozos", "el censo de cabras",
    "la reparación de tejados",
)  # fmt: skip
ENGLISH_SUBJECTS = (
    "timber", "soap", "hay", "salt", "rope", "lamp oil", "clay", "wool", "charcoal", "slate", "honey", "tallow", "flax",
    "barley", "copper", "leather", "candles", "pitch", "linen", "glass", "bricks", "sand", "malt", "iron", "cork", "lead",
)  # fmt: skip
GERMAN_SUBJECTS = (
    "die Pflege der Hecken", "das Läuten der Glocken", "die Miete der Karren", "das Fischen im Weiher",
    "die Wartung der Stege",
    "den Verkauf von Most", "die Zählung der Schafe", "das Fällen von Bäumen", "die Reinigung der Brunnen",
    "den Bau von Zäunen",
)  # fmt: skip
SPANISH_BODY = """Lo relativo a {subject} se rige por este título. El Concejo responde en {days} días, según el artículo
{other} y salvo lo dicho en el artículo {another}. Quien lo pida presenta un escrito con su nombre y paga {fee} reales.
Contra lo resuelto cabe reclamar ante la Junta del Agua en la forma del artículo {other}."""
ENGLISH_BODY = """This part deals with {subject}. The harbour master answers within {days} days, as section {other} provides
and without prejudice to section {another}. Whoever applies does so in writing and pays {fee} crowns. Appeals are heard by
the board in the manner of section {other}."""
GERMAN_BODY = """Diese Bestimmung regelt {subject}. Der Rat antwortet binnen {days} Tagen nach Maßgabe von § {other} und
unbeschadet von § {another}. Wer einen Antrag stellt, tut dies schriftlich und zahlt {fee} Taler. Über Beschwerden
entscheidet der Ausschuss nach § {other}."""
PLACES = """Alder Birch Cedar Damson Elder Fern Gorse Hazel Ivy Juniper Larch
Maple Nettle Oak Plum Quince Rowan Sorrel Thorn Willow Yew Aspen Briar"""
FIRST_NAMES = [
    "Nadia",
    "Oskar",
    "Leila",
    "Bruno",
    "Tamsin",
    "Rafael",
    "Greta",
    "Idris",
    "Marta",
    "Anselm",
    "Yara",
    "Pavel",
    "Rosa",
    "Emil",
    "Farida",
]
LAST_NAMES = [
    "Quist",
    "Barrow",
    "Velasco",
    "Hartung",
    "Okafor",
    "Lindqvist",
    "Moreau",
    "Tanaka",
    "Ferro",
    "Dunmore",
    "Salcedo",
    "Wirth",
    "Kovac",
    "Ibarra",
    "Penrose",
]


def articles() -> Kind:
    """Return laws in three languages whose articles mention each other."""
    kind = Kind("articles of laws")
    draw = random.Random(41)
    bodies: tuple[tuple[str, str, str, tuple[str, ...], str], ...] = (
        (
            "ordenanza_acequias.md", "ORDENANZA DE ACEQUIAS DEL VALLE", "Artículo", SPANISH_SUBJECTS,
            SPANISH_BODY,
        ),
        (
            "harbour_rules.md", "RULES OF THE HARBOUR OF WENLOW", "Section", ENGLISH_SUBJECTS,
            ENGLISH_BODY,
        ),
        (
            "gemeindeordnung.md", "ORDNUNG DER GEMEINDE OBERSTEG", "§", GERMAN_SUBJECTS,
            GERMAN_BODY,
        ),
    )  # fmt: skip
    asked: dict[str, tuple[str, ...]] = {
        "Artículo": ("Artículo {} de la ordenanza de acequias", "¿Qué dice el art. {} de la ordenanza?"),
        "Section": ("Section {} of the harbour rules", "What does sec. {} of the rules of the harbour say?"),
        "§": ("§ {} der Gemeindeordnung", "Was steht in Paragraph {} der Gemeindeordnung?"),
    }  # fmt: skip
    for file, title, word, subjects, body in bodies:
        parts = [f"# {title}"]
        for number in range(1, 41):
            others = draw.sample([n for n in range(1, 41) if n != number], 2)
            text = body.format(
                subject=subjects[number % len(subjects)],
                days=draw.randint(3, 90),
                fee=draw.randint(100, 900),
                other=others[0],
                another=others[1],
            )
            parts.append(f"## {word} {number}\n\n{text}")
            question = asked[word][number % 2].format(number)
            kind.questions.append((question, file, f"## {word} {number}\n"))
        kind.documents[file] = "\n\n".join(parts) + "\n"
    return kind


def annexes() -> Kind:
    """Return 26 annexes that differ in a letter and a trade."""
    kind = Kind("annexes by a letter")
    for place, subject in enumerate(ENGLISH_SUBJECTS):
        letter = chr(ord("A") + place)
        kind.documents[f"annex_{letter}.txt"] = (
            f"Annex {letter}. This annex sets the toll for {subject}. The toll is {30 + place} crowns a cart. It is paid "
            "at the bridge before the cart is weighed, and the slip is kept by the driver, who shows it when asked. Carts "
            "that come after dark wait for the morning."
        )
        forms = (
            "What does Annex {} say?",
            "Annex {}",
            "¿Qué dice el anexo {}?",
            "how much is paid under annex {}",
        )
        kind.questions.append((forms[place % 4].format(letter), f"annex_{letter}.txt", ""))
    return kind


def numbers() -> Kind:
    """Return documents with telephone numbers, amounts, dates, times, certificates and references, asked in other forms."""
    kind = Kind("numbers, dates, references")
    places = PLACES.split()
    kinds: dict[str, tuple[Callable[[str], str], tuple[tuple[str, str], ...]]] = {
        "call": (
            lambda what: f"can be called on {what} at night",
            (("611 204 377", "+34 611204377"), ("+34 622-915-048", "622915048"), ("(0049) 40-771533", "+49 40 77 15 33"),
             ("020 7946 0123", "+442079460123"), ("0171 5550198", "+49 171 555 01 98")),
        ),
        "holds": (
            lambda what: f"holds a reserve of {what}",
            (("1,450,000 euros", "1450000"), ("2.375.000 euros", "2,375,000 €"), ("870000 dollars", "$870,000"),
             ("3.6 million pounds", "3,600,000"), ("12,75 %", "12.75 percent")),
        ),
        "day": (
            lambda what: f"was opened on {what}",
            (("2031-09-18", "18 September 2031"), ("3 de mayo de 2029", "2029-05-03"), ("24. Dezember 2027", "24/12/2027"),
             ("June 11th, 2026", "11.06.2026"), ("05/02/2033", "5 de febrero de 2033")),
        ),
        "sign": (
            lambda what: f"is listed under {what}",
            (("ISO45001", "ISO 45001"), ("EN 1090", "EN1090"), ("INV-2031/0077", "INV 2031 0077"),
             ("AB 1234 CD", "ab-1234-cd"),
             ("DE44 5001 0517 5407 3249 31", "DE44500105175407324931")),
        ),
        "time": (
            lambda what: f"is closed at {what}",
            (("14:45", "2:45 pm"), ("9 p.m.", "21:00"), ("17 Uhr", "5 pm")),
        ),
    }  # fmt: skip
    cases = [
        (make(written), written, query)
        for make, pairs in kinds.values()
        for written, query in pairs
    ]
    for place, (clause, _, query) in zip(places, cases, strict=True):
        name = f"{place.lower()}_house.txt"
        kind.documents[name] = (
            f"The house of {place} {clause}. It lies behind the mill and is kept by two wardens who change every week."
        )
        kind.questions.append((query, name, ""))
    return kind


def file_names() -> Kind:
    """Return files that say in their names alone whom or what they are about."""
    kind = Kind("names of files")
    forms = (
        lambda first, last: f"{first.lower()}_{last.lower()}.txt",
        lambda first, last: f"{first}{last}.txt",
        lambda first, last: f"{last.lower()}-{first.lower()}.md",
    )
    asked = ("{}", "What does {} earn?", "¿Cuánto gana {}?", "How many days of leave has {} left?")
    for place in range(30):
        first, last = FIRST_NAMES[place % 15], LAST_NAMES[(place * 4 + place // 15) % 15]
        name = forms[place % 3](first, last)
        kind.documents[name] = (
            f"Pay {31_000 + 650 * place} euros. Begins at {7 + place % 4}:00. Desk in the {('north', 'south')[place % 2]} "
            f"wing. Days of leave left: {9 + place % 12}."
        )
        kind.questions.append((asked[place % 4].format(f"{first} {last}"), name, ""))
    return kind


# of each language how a text goes on, in a line of two columns; then sentences and two words for their gap
_ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("named_pairs.tsv").read_text("utf-8").splitlines()
]
TAILS = {row[0]: row[1] for row in _ROWS if len(row) == 2}
PAIRS = [row for row in _ROWS if len(row) > 2]


def pairs() -> list[tuple[str, str, str]]:
    """Return pairs of texts that differ in a word or two, each with the question that both of them answer."""
    drawn = []
    for language, sentence, first, second in PAIRS:
        texts = [f"{sentence.format(word)} {TAILS[language]}" for word in (first, second)]
        drawn.append((texts[0], texts[1], sentence.replace("{}", "").replace("  ", " ")))
    return drawn


def repeats() -> list[tuple[str, str, str]]:
    """Return pairs of texts that say the same, set otherwise, each with a question."""
    changes: tuple[Callable[[str], str], ...] = (
        str.upper,
        lambda text: text.replace(" ", "\n", 7),
        lambda text: "* " + text.replace(". ", ".\n* "),
        lambda text: text.translate(str.maketrans("áéíóúäöüèàç", "aeiouaoueac")),
        lambda text: text.replace(",", ""),
        lambda text: f"**{text[:12]}**{text[12:]}",
        lambda text: text.replace(". ", "; "),
        lambda text: text.replace("The ", "the ").replace("ß", "ss"),
    )
    return [
        (text, changes[place % len(changes)](text), question)
        for place, (text, _, question) in enumerate(pairs())
    ]
