"""Words of questions and sentences, in the forms in which English and Spanish inflect them, weighted by how rare they are.

How rare a word is, is counted among the candidates themselves: a word in all of them distinguishes none.
"""

import functools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import Stemmer

WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+")
ACCENT = re.compile(r"[\u0300-\u036f]")
REMEMBERED = 20_000


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text in order, in small letters without accents."""
    return WORD.findall(fold(text))


def fold(text: str) -> str:
    """Return a text in small letters without accents."""
    text = text.casefold()
    return text if text.isascii() else ACCENT.sub("", unicodedata.normalize("NFKD", text))


@functools.lru_cache(maxsize=REMEMBERED)
def forms(word: str) -> frozenset[str]:
    """Return what two words must share to be one: their stems in either language."""
    return frozenset((word, _stemmer("english").stemWord(word), _stemmer("spanish").stemWord(word)))


def terms(text: str) -> set[str]:
    """Return the forms of all words of a text."""
    return set().union(*map(forms, words_of(text)))


class Rarity:
    """How rare the words of a question are among some texts."""

    def __init__(self, question: str, texts: Sequence[str]) -> None:
        """Count in how many of the texts each word of the question stands."""
        self._asked = list(dict.fromkeys(words_of(question)))
        of_texts = [terms(text) for text in texts]
        counts = Counter(
            word
            for word in self._asked
            for of_text in of_texts
            if not of_text.isdisjoint(forms(word))
        )
        self._weights = {
            word: math.log((1 + len(texts)) / (1 + counts[word])) if counts[word] else 0.0
            for word in self._asked
        }

    def shared(self, text_terms: set[str]) -> float:
        """Return the weights of the question's words that a text holds, summed; `text_terms` are its `terms`."""
        return sum(
            weight
            for word, weight in self._weights.items()
            if not text_terms.isdisjoint(forms(word))
        )

    def share(self, text_terms: set[str]) -> float:
        """Return which share of the question's words, weighted, a text holds; 0 where none is in any of the texts."""
        whole = sum(self._weights.values())
        return self.shared(text_terms) / whole if whole else 0.0


def names_of(question: str) -> set[str]:
    """Return the words of a question that name one thing: capitalised within it, of capitals alone, or with a digit."""
    words = re.findall(r"[^\W_]+(?:[.,:'\u2019-][^\W_]+)*", question)
    named: set[str] = set()
    for place, word in enumerate(words):
        digits = any(sign.isdigit() for sign in word)
        capital = word[:1].isupper() and (place > 0 or word.isupper()) and len(word) > 1
        if digits or capital:
            named.update(words_of(word))
    return named


def share_held(names: Iterable[str], text_terms: set[str]) -> float:
    """Return which share of some names a text holds; 0 for none."""
    wanted = list(names)
    return (
        sum(not text_terms.isdisjoint(forms(name)) for name in wanted) / len(wanted)
        if wanted
        else 0.0
    )


@functools.cache
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(language)
