"""Rough questions for a part of a sentence (a year, a length, a name, a reason), asked by the words around it.

Which word asks depends on what is asked for and on the word before it, so that "when" and "how many" learn what answers them.
"""

import random
import re
from dataclasses import dataclass

_TOKEN = re.compile(r"[\w'\u2019-]+")
_NAME = r"[A-ZÁÉÍÓÚ][\w'\u2019-]+(?: (?:of |de |del |la |the )?[A-ZÁÉÍÓÚ][\w'\u2019-]+)*"
_NUMBER = r"\d+(?:[.,]\d+)*(?: (?:million|billion|thousand|millones|mil))?"


@dataclass(frozen=True)
class Sort:
    """A sort of part: where it stands (its first group is the part) and the words that ask for it."""

    pattern: re.Pattern[str]
    asks: tuple[str, ...]


def _s(pattern: str, asks: str) -> Sort:
    return Sort(re.compile(pattern), tuple(asks.split(" | ")))


_ENGLISH = (
    _s(r"\b((?:[0-3]?\d )?(?:January|February|March|April|May|June|July|August|September|October|November|December)(?: [0-3]?\d)?,? (?:1\d|20)\d\d)\b", "When | When was | When did | On what date | What date | When is | What day"),
    _s(r"\b((?:1[0-9]|20)\d\d)\b", "When | When was | When did | In what year | In which year was | What year | When were | What year did"),
    _s(r"(?<=\bin )(the \d\d?(?:st|nd|rd|th) century)", "When | When was | When did | In what century | Which century"),
    _s(rf"\b({_NUMBER} (?:metres|meters|feet|km|kilometres|kilometers|miles|inches|cm|mm|m|ft)\b)", "How long | How tall | How high | How far | How big | How deep | What is the length of | What is the height of | How wide"),
    _s(rf"\b({_NUMBER} (?:years|months|weeks|days|hours|minutes|seconds)\b)", "How long | How old | For how long | How many years | How much time"),
    _s(rf"\b({_NUMBER} (?:kg|kilograms|tons|tonnes|pounds|grams))\b", "How much | How heavy | How much does it weigh | What is the weight of"),
    _s(rf"\b({_NUMBER} ?(?:%|percent|per cent))", "What percentage | How much | What share | What percent of"),
    _s(rf"([$£€]{_NUMBER})", "How much | What price | How much money | How much did"),
    _s(rf"\b({_NUMBER}|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)(?= [a-z]+s\b)", "How many | How many | How many | What number of | How many are"),
    _s(rf"(?<=\bby )({_NAME})", "Who | Who | By whom | Whose | Which"),
    _s(rf"(?:(?<=\bin )|(?<=\bat )|(?<=\bnear )|(?<=\bfrom )|(?<=\bto ))(?:the )?({_NAME})", "Where | Where is | Where was | In what country | Where did | Which country | What city | Where are"),
    _s(rf"(?<=[a-z,] )({_NAME})", "Who | What | Which | Who was | What is | What was | Who is | Whose | Who were"),
    _s(rf"^({_NAME})(?= (?:was|is|had|has|wrote|became|said|made))", "Who | Who | What | Which | Who was"),
    _s(r"\b(?:because|since|due to|so that) ([^,.;]{12,80})", "Why | Why | Why is | Why do | What is the reason for | Why did"),
    _s(r"\b(?:is|are|was|were) (an? [a-z][^,.;]{8,80})", "What is | What is | What are | What was | Who is | Who was | What does it mean:"),
)  # fmt: skip
_SPANISH = (
    _s(r"\b([0-3]?\d de (?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)(?: de \d{4})?)", "Cuándo | En qué fecha | Cuándo fue | Qué día"),
    _s(r"\b((?:1[0-9]|20)\d\d)\b", "Cuándo | En qué año | Cuándo fue | Qué año"),
    _s(rf"\b({_NUMBER} (?:metros|kilómetros|km|millas|cm|mm|m|pies)\b)", "Cuánto mide | Qué distancia | A qué distancia | Qué longitud | Qué altura"),
    _s(rf"\b({_NUMBER} (?:años|meses|semanas|días|horas|minutos|segundos)\b)", "Cuánto tiempo | Cuánto dura | Cuántos años | Cuánto tardó"),
    _s(rf"\b({_NUMBER} ?%|{_NUMBER} por ciento)", "Qué porcentaje | Cuánto | Qué parte"),
    _s(rf"\b({_NUMBER}|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez)(?= [a-záéíóúñ]+s\b)", "Cuántos | Cuántas | Qué cantidad de | Cuántos son"),
    _s(rf"(?<=\bpor )({_NAME})", "Quién | Por quién | Quién fue"),
    _s(rf"(?<=\ben )({_NAME})", "Dónde | Dónde está | En qué país | En qué ciudad | Dónde fue"),
    _s(rf"(?<=[a-záéíóúñ,] )({_NAME})", "Quién | Qué | Cuál | Quién fue | Cuál es | Cómo se llama"),
    _s(r"\b(?:porque|debido a|ya que) ([^,.;]{12,80})", "Por qué | Por qué | Cuál es la razón de"),
    _s(r"\b(?:es|son|era|fue) (una? [a-záéíóúñ][^,.;]{8,80})", "Qué es | Qué es | Quién es | Qué son | Qué fue"),
)  # fmt: skip


def make_cloze(rng: random.Random, sentence: str, *, spanish: bool) -> tuple[str, str] | None:
    """Return (question, the part of the sentence that answers it), or None where nothing in it can be asked for."""
    sorts = list(_SPANISH if spanish else _ENGLISH)
    rng.shuffle(sorts)
    for sort in sorts:
        matches = list(sort.pattern.finditer(sentence))
        if not matches:
            continue
        match = rng.choice(matches)
        start, end = match.span(1)
        before = _TOKEN.findall(sentence[:start])
        after = _TOKEN.findall(sentence[end:])
        words = before[-rng.randint(3, 8) :] + after[: rng.randint(0, 5)]
        words = [word for word in words if rng.random() > 0.15]
        if len([word for word in words if len(word) > 3]) < 2:
            continue
        asked = f"{rng.choice(sort.asks)} {' '.join(words)}"
        return (f"¿{asked}?" if spanish else f"{asked}?"), match.group(1)
    return None
