"""What a question means, as each embedder of a collection has it, and which of them is asked for chunks of which language.

Where question and chunk are in one language, the embedder that knows it best is asked; across languages, or where a language
is not known, the one of many languages. Not here: which language a question is in (`adapt.language.question_language`), and
how similarities of different embedders become one score (`retrieval.search.fusion`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from adapt.protocols import TextEmbedder
from retrieval.index.vectors import Vectors

UNKNOWN = ""  # of a language


@dataclass(frozen=True)
class Embedders:
    """The embedders of a collection: their names, and which of them compares texts of two languages, or of one."""

    names: tuple[str, ...] = ("",)
    between: Callable[[str, str], int] = lambda _one, _other: (
        0
    )  # the place of the one that compares both
    languages: frozenset[str] | None = None  # that one of them knows; None where that is unknown

    @classmethod
    def of(cls, embedder: TextEmbedder) -> "Embedders":
        """Return those that make up an embedder."""
        parts = embedder.parts
        return cls(
            tuple(part.name for part in parts),
            lambda language, other: parts.index(embedder.between(language, other)),
            embedder.languages,
        )

    def across(self, language: str, spoken: str) -> bool:
        """Return whether question and chunk are in two languages, both of which are known here."""
        return (
            UNKNOWN not in {language, spoken}
            and language != spoken
            and self.languages is not None
            and {language, spoken} <= self.languages
        )


class Meaning:
    """A question: its language, and its vector by each embedder, shape [dimensions], made when it is first asked for."""

    def __init__(
        self, vectors: Sequence[Vectors | Callable[[], Vectors]], language: str = UNKNOWN
    ) -> None:
        """Take what each embedder made of it, or what makes it."""
        self.language = language
        self._vectors = list(vectors)

    def by(self, embedder: int) -> Vectors:
        """Return its vector by the embedder at a place."""
        vector = self._vectors[embedder]
        if not isinstance(vector, np.ndarray):
            vector = self._vectors[embedder] = vector()
        return vector
