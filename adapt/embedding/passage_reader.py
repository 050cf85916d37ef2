"""The shipped reader of passages beside a question: the encoder that was trained on questions and what answers them.

Not here: the encoder (`adapt.embedding.encoders.e5`), and what is made of its figures (`retrieval.prompt.relevance`), which
is fitted to its weights.
"""

from collections.abc import Sequence

from adapt.embedding.shipped import shared_e5


class ShippedReader:
    """The encoder that the process shares, loaded at first use."""

    def closeness(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how close each text comes to a question, from -1 to 1 (`adapt.embedding.encoders.e5.token_closeness`)."""
        return shared_e5().closeness(question, texts)
