"""Templates with choices and slots → text, and the noise of people who type in a hurry."""

import random
import re
from collections.abc import Mapping, Sequence

_CHOICE = re.compile(r"\(([^()]*)\)")
_SLOT = re.compile(r"\{(\w+)\}")
_TIDY = ((re.compile(r" +"), " "), (re.compile(r" ([.,?!])"), r"\1"))
_CONTRACTIONS = ((" a el ", " al "), (" de el ", " del "))
# which mark a sentence ends with depends on the choices made in it: its last clause decides
_CLAUSE = re.compile(r"[,;:.?] ")
_QUESTION = re.compile(
    r"(are|can|could|did|do|does|has|have|how|is|may|must|on which|on what|what|when|where|which|why|will)\b"
)
_SPANISH_QUESTION = re.compile(r"(cómo|puedo)\b")


def expand(rng: random.Random, template: str, slots: Mapping[str, Sequence[str]]) -> str:
    """Return the template with every `(a|b)` decided and every `{slot}` filled from `slots`."""
    text = _SLOT.sub(lambda match: rng.choice(slots[match[1]]), template)
    while choice := _CHOICE.search(text):
        text = text[: choice.start()] + rng.choice(choice[1].split("|")) + text[choice.end() :]
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    for before, after in _CONTRACTIONS:
        text = text.replace(before, after)
    return text.strip()


def punctuate(sentence: str, *, spanish: bool) -> str:
    """Return a sentence whose closing mark fits how it, or its last clause, begins."""
    if spanish:
        return f"¿{sentence[:-1]}?" if _SPANISH_QUESTION.match(sentence) else sentence
    asks = _QUESTION.match(_CLAUSE.split(sentence)[-1])
    return sentence[:-1] + ("?" if asks else ".")


def capitalise(text: str) -> str:
    """Return the text with its first letter, after an opening sign if any, in upper case."""
    first = 1 if text[:1] in "¿¡" else 0
    return text[:first] + text[first : first + 1].upper() + text[first + 1 :]


def hurry(rng: random.Random, text: str) -> str:
    """Return the text as typed in a hurry: some in lower case, some without the last mark, some with one typing error."""
    if rng.random() < 0.15:
        text = text.lower()
    if rng.random() < 0.12:
        text = text.rstrip(".?!")
    if rng.random() < 0.15:
        words = text.split(" ")
        long = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha()]
        if long:
            place = rng.choice(long)
            words[place] = _mistype(rng, words[place])
        text = " ".join(words)
    return text


def _mistype(rng: random.Random, word: str) -> str:
    at = rng.randrange(1, len(word) - 2)
    match rng.randrange(3):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case _:
            return word[:at] + word[at] + word[at:]
