"""What keeps results from saying the same twice: near duplicates left out, and an order that prefers what is new.

Passages that differ in a number or in a "not" are never duplicates, however near their vectors are.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.analysis import words

SHARED = (
    0.9  # of the words of both; below it two passages say different things, whatever their vectors
)
DENIALS = frozenset({
    "no", "not", "never", "none", "without", "nor", "cannot",
    "sin", "nunca", "jamas", "ni", "tampoco", "nadie", "nada",
})  # fmt: skip
NUMBER = re.compile(r"[-\u2212+<>≤≥=]?\s?\d+(?:[.,]\d+)*")

Vectors = npt.NDArray[np.float32]


class Seen:
    """The passages that were taken, and whether another one repeats one of them."""

    def __init__(self, near: float) -> None:
        """Take how similar the vectors of near duplicates are at least."""
        self._near = near
        self._taken: list[tuple[str, Vectors | None]] = []

    def repeats(self, text: str, vector: Vectors | None) -> bool:
        """Return whether a passage says what one of those taken says; if not, take it."""
        said = " ".join(text.casefold().split())
        if any(self._same(said, vector, *one) for one in self._taken):
            return True
        self._taken.append((said, vector))
        return False

    def _same(self, said: str, vector: Vectors | None, other: str, taken: Vectors | None) -> bool:
        if said == other:
            return True
        if vector is None or taken is None or float(vector @ taken) < self._near:
            return False
        mine, theirs = set(words(said)), set(words(other))
        return (
            len(mine & theirs) >= SHARED * len(mine | theirs)
            and not DENIALS & (mine ^ theirs)
            and NUMBER.findall(said) == NUMBER.findall(other)
        )


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
