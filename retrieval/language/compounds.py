"""Compounds: words of German and similar languages that are written as one, found by their parts and cut into them.

No dictionary is needed: the vocabulary of the collection says what its words are. "Schlüssel" stands for
"Bootshausschlüssel" too, and a compound that no document holds is looked for by two parts that some do.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable

LANGUAGES = frozenset({"de", "nl", "da", "sv", "nb", "nn", "no", "fi"})
LEAST_COMPOUND = 8  # letters of a stem that may be one
LEAST_PART = 4  # letters of a part; one of four only beside another that the collection knows
SURE_PART = 5
LINKS = ("", "s", "es", "n", "en", "er", "e")  # between the parts
MOST = 64  # compounds that a word stands for; the shortest

Known = Callable[[str], bool]  # whether the collection holds a term


def is_compound(term: str) -> bool:
    """Return whether a term is long enough to be kept as one."""
    return len(term) >= LEAST_COMPOUND and term.isalpha()


class Compounds:
    """The long words of a collection, and which of them are made with another."""

    def __init__(self, words: Iterable[str], known: Known) -> None:
        """Take the stems, and a test of whether a term is one of the collection's."""
        self._words = sorted(set(words))
        self._turned = sorted(word[::-1] for word in self._words)
        self._known = known

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._words)

    def made_with(self, term: str) -> list[str]:
        """Return the compounds that begin or end with a term."""
        if len(term) < LEAST_PART or not term.isalpha():
            return []
        ends = [word[::-1] for word in _beginning(self._turned, term[::-1])]
        compounds = [
            *(
                word
                for word in _beginning(self._words, term)
                if self._fits(term, word[len(term) :])
            ),
            *(word for word in ends if self._fits(term, word[: -len(term)], first=True)),
        ]
        return sorted(dict.fromkeys(compounds), key=lambda word: (len(word), word))[:MOST]

    def parts(self, term: str) -> tuple[str, str] | None:
        """Return the two parts of a compound that the collection knows, the longest last one; None where there are none."""
        if not is_compound(term):
            return None
        for cut in range(LEAST_PART, len(term) - LEAST_PART + 1):
            if self._known(term[cut:]):
                first = next(filter(self._known, _without_link(term[:cut])), None)
                if first is not None:
                    return first, term[cut:]
        return None

    def _fits(self, term: str, rest: str, *, first: bool = False) -> bool:
        """Return whether what a compound has beside a term is a part of it."""
        rests = _without_link(rest) if first else _after_link(rest)
        if any(self._known(part) for part in rests):
            return True
        return len(term) >= SURE_PART and len(rest) >= LEAST_PART


def _beginning(words: list[str], start: str) -> list[str]:
    """Return the sorted words that begin so and go on."""
    place = bisect_left(words, start)
    longer = []
    while place < len(words) and words[place].startswith(start):
        longer += [words[place]] if len(words[place]) > len(start) else []
        place += 1
    return longer


def _without_link(part: str) -> list[str]:
    cut = (part.removesuffix(link) for link in LINKS if part.endswith(link))
    return [bare for bare in cut if len(bare) >= LEAST_PART - 1]


def _after_link(part: str) -> list[str]:
    cut = (part.removeprefix(link) for link in LINKS if part.startswith(link))
    return [bare for bare in cut if len(bare) >= LEAST_PART - 1]
