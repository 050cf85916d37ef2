"""What keeps results from saying the same twice: repeats left out, and an order that prefers what is new.

A passage repeats another only where the two differ in how they are set: white space, case, accents, punctuation, a hyphen,
the British or American spelling, an article or a word of courtesy. Any other word, number or sign may change the meaning:
there is no whole list of negations, names and opposites, in any language.
"""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt

from retrieval.language.folding import composed
from retrieval.language.terms import words

SHARED = 0.9  # of the words of both, in their order; below it two passages are no repeats, whatever their vectors
# words without which a sentence says the same; folded
LIGHT = frozenset(
    [
        "the",
        "a",
        "an",
        "that",
        "please",
        "kindly",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "lo",
        "por",
        "favor",
        "der",
        "die",
        "das",
        "den",
        "dem",
        "des",
        "ein",
        "eine",
        "einen",
        "einem",
        "einer",
        "bitte",
        "le",
        "les",
        "l",
        "une",
        "il",
        "gli",
        "um",
        "uma",
        "els",
        "het",
        "een",
    ]
)
NUMBER = re.compile(r"[-\u2212+<>≤≥=]?\s?\d+(?:[.,]\d+)*")
MARKUP = re.compile(r"^[ \t]*[>+*=~-]+(?=[ \t]|$)|[=~]{2,}", re.MULTILINE)
SIGNS = frozenset("%‰?<>=+\u2212±\u00d7÷→←≤≥≠≈$€£¥¢")
FIGURES = range(0x25A0, 0x2600)  # squares and circles before the items of a list
LONE = re.compile(r"(?<!\w)[A-Z](?!\w)")  # a capital by itself may be a name: "Annex A"
BRITISH = (
    (re.compile(r"our(?=$|s|ed|ing|ite|able|hood|ly)"), "or"),
    (re.compile(r"is(?=e$|es$|ed$|ing$|ation)"), "iz"),
    (re.compile(r"ys(?=e$|es$|ed$|ing$)"), "yz"),
    (re.compile(r"(?<=[^aeiou])re$"), "er"),
    (re.compile(r"ll(?=ed$|ing$|er$)"), "l"),
    (re.compile(r"ogue$"), "og"),
)

Vectors = npt.NDArray[np.float32]


class Seen:
    """The passages that were taken, and whether another one repeats one of them."""

    def __init__(self, near: float) -> None:
        """Take how similar the vectors of repeats are at least."""
        self._near = near
        self._taken: list[tuple[str, Vectors | None]] = []

    def repeats(self, text: str, vector: Vectors | None) -> bool:
        """Return whether a passage says what one of those taken says; if not, take it."""
        normalised = composed(text)
        if any(self._same(normalised, vector, *earlier) for earlier in self._taken):
            return True
        self._taken.append((normalised, vector))
        return False

    def _same(self, text: str, vector: Vectors | None, other: str, taken: Vectors | None) -> bool:
        if text.casefold().split() == other.casefold().split():
            return True
        if vector is None or taken is None or float(vector @ taken) < self._near:
            return False
        return is_repeat(text, other)


def is_repeat(text: str, other: str) -> bool:
    """Return whether two texts say the same, word by word, except for what changes nothing."""
    if NUMBER.findall(text) != NUMBER.findall(other) or _signs(text) != _signs(other):
        return False
    plain = text.isupper() or other.isupper()
    if not plain and LONE.findall(text) != LONE.findall(other):
        return False
    mine, theirs = words(text), words(other)
    matcher = SequenceMatcher(None, mine, theirs, autojunk=False)
    same = 0
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind == "equal":
            same += end - start
        elif not _is_alike(mine[start:end], theirs[first:last]):
            return False
    return 2 * same >= SHARED * (len(mine) + len(theirs))


def _is_alike(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    """Return whether words that stand in the same place are the same except for their spelling, or say nothing."""
    if "".join(mine) == "".join(theirs):  # "e-mail", "email"
        return True
    first = [_spelled(word) for word in mine if word not in LIGHT]
    return first == [_spelled(word) for word in theirs if word not in LIGHT]


def _spelled(word: str) -> str:
    for pattern, american in BRITISH:
        word = pattern.sub(american, word)
    return word


def _signs(text: str) -> list[str]:
    """Return the signs of a text that say something, in order; not those that set it."""
    bare = MARKUP.sub("", text)
    return [sign for sign in bare if sign in SIGNS or _is_picture(sign)]


def _is_picture(sign: str) -> bool:
    return not sign.isascii() and unicodedata.category(sign) == "So" and ord(sign) not in FIGURES


def spread(
    scores: Sequence[float], vectors: Sequence[Vectors], *, weight: float, count: int
) -> list[int]:
    """Return places of passages, best first, where what is like a better one stands further behind.

    Maximal marginal relevance (Carbonell and Goldstein 1998): the next is the one with the largest
    (1 - weight) · score - weight · similarity to the nearest before it, scores scaled to [0, 1].

    Args:
        scores: best first.
        count: how many are chosen in this way; the others follow as they were.
    """
    matrix = np.stack(vectors) if len(vectors) else np.zeros((0, 1), np.float32)
    relevance = np.asarray(scores, np.float64)
    width = float(np.ptp(relevance)) if len(relevance) else 0.0
    relevance = (relevance - relevance.min()) / width if width else np.ones(len(relevance))
    nearest = np.full(len(relevance), -1.0)
    chosen: list[int] = []
    left = np.ones(len(relevance), np.bool_)
    for _ in range(min(count, len(relevance))):
        worth = (1 - weight) * relevance - weight * (nearest if chosen else 0.0)
        place = int(np.argmax(np.where(left, worth, -np.inf)))
        chosen.append(place)
        left[place] = False
        nearest = np.maximum(nearest, matrix @ matrix[place])
    return [*chosen, *np.flatnonzero(left).tolist()]
