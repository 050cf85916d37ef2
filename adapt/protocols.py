"""What the rooms offer each other, so that none of them has to import another."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from adapt.records import Grounding, Message, Offer, Passage, ProgressEvent, Turn, TurnStatus

Progress = Callable[[ProgressEvent], None]


def no_progress(_event: ProgressEvent) -> None:
    """Take a progress event and show nothing."""


class ContextSource(Protocol):
    """Something that has pieces to offer for a prompt: documents, feedback, a profile."""

    @property
    def name(self) -> str:
        """Return the section's key, unique among the sources of one prompt: `documents`, `feedback`."""
        ...

    @property
    def heading(self) -> str:
        """Return the line that opens this source's section of the prompt."""
        ...

    def offer(self, question: str, *, user: str) -> Offer:
        """Return pieces for this question and this user, best first, and notices; empty when there is nothing."""
        ...


class Retriever(Protocol):
    """Something that finds passages for a question."""

    @property
    def size(self) -> int:
        """Return how many chunks it looks through."""
        ...

    def search(self, question: str, *, top_k: int) -> list[Passage]:
        """Return at most `top_k` passages, best first."""
        ...


class PassageReader(Protocol):
    """Something that reads a question and passages in any two languages, and measures how close they are."""

    def closeness(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how close each text comes to the question, token by token, from -1 to 1."""
        ...


class TextEmbedder(Protocol):
    """Something that turns texts into vectors of length 1."""

    @property
    def identity(self) -> str:
        """Return this embedder's identity: name and content hash; stored beside every vector."""
        ...

    @property
    def name(self) -> str:
        """Return the name under which its similarities are shown, such as `minilm`."""
        ...

    @property
    def parts(self) -> "tuple[TextEmbedder, ...]":
        """Return the embedders whose vectors make up its own, in their order; itself where it is one."""
        ...

    @property
    def languages(self) -> frozenset[str] | None:
        """Return the codes of the languages that it was trained on, as its model card names them; None for any."""
        ...

    @property
    def max_tokens(self) -> int:
        """Return how many of its own tokens it reads of a text; the rest would be cut."""
        ...

    def for_language(self, code: str) -> "TextEmbedder":
        """Return the part that knows texts of a language best; "" stands for one that is not known, or for several."""
        ...

    def between(self, language: str, other: str) -> "TextEmbedder":
        """Return the part that compares a text in one language with one in another, or the same, or one not known."""
        ...

    def split(self, vectors: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        """Return the vectors of its parts, of length 1, by their names, from those that `embed_array` made."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many of its tokens `text` has, special tokens not counted."""
        ...

    def count_tokens_batch(self, texts: Sequence[str]) -> list[int]:
        """Return `count_tokens` of each text, faster than one after another."""
        ...

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector per text, in order."""
        ...

    def embed_array(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return what `embed` does as one array, shape [n, dimensions]; [0, 0] for no texts."""
        ...


class TextReranker(Protocol):
    """Something that scores how well texts answer a question, reading both together."""

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return a score for each text, in order; larger is better, and only within one question to be compared."""
        ...


class TextGenerator(Protocol):
    """Something that continues a conversation."""

    @property
    def context_length(self) -> int:
        """Return how many tokens prompt and answer may have together."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length in tokens of the prompt that these messages make."""
        ...

    def generate(
        self,
        messages: Sequence[Message],
        *,
        adapter: str | None = None,
        on_text: Callable[[str], None] | None = None,
        stop: threading.Event | None = None,
        max_new_tokens: int | None = None,
        grounding: Grounding | None = None,
    ) -> str:
        """Return the answer; `on_text` gets it piece by piece as it comes.

        `grounding` is what it may quote, for models that are set to quote only (`adapt.models.decoding.grounding`).
        """
        ...


class TurnStore(Protocol):
    """Where conversations are kept; every method sees only the rows of the user that it is given."""

    def begin_turn(self, turn: Turn, *, account: JsonValue) -> None:
        """Store a question before its answer exists, with the account of its prompt."""
        ...

    def save_answer(
        self,
        turn_id: str,
        answer: str,
        status: TurnStatus,
        *,
        account: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Store the answer as far as it has come, and add to the account what became known with it."""
        ...

    def history(self, session_id: str, *, user: str) -> list[Message]:
        """Return the finished turns of a session as messages, oldest first."""
        ...
