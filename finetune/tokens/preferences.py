"""Preference pairs and rated answers → tokens: a prompt and the answers to it, apart."""

from dataclasses import dataclass
from typing import Any

from adapt.errors import DataError
from adapt.records import Example, Message, PreferencePair, RatedAnswer
from finetune.data.datasets import RowSet
from finetune.tokens.examples import EncodedRow, Encoder

Ids = tuple[int, ...]


@dataclass(frozen=True)
class EncodedPair:
    """A preference pair as tokens; each answer ends with the token that ends a turn."""

    prompt: Ids
    chosen: Ids
    rejected: Ids
    cut: int = 0  # tokens taken off the front of the prompt because the row was too long

    @property
    def length(self) -> int:
        """Return the tokens of the longer side, prompt included."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))

    @property
    def total(self) -> int:
        """Return the tokens that a forward pass reads, both sides."""
        return 2 * len(self.prompt) + self.learned

    @property
    def learned(self) -> int:
        """Return how many tokens the loss is taken on."""
        return len(self.chosen) + len(self.rejected)


@dataclass(frozen=True)
class EncodedRating:
    """A rated answer as tokens."""

    prompt: Ids
    answer: Ids
    good: bool
    cut: int = 0

    @property
    def length(self) -> int:
        """Return the tokens, prompt included."""
        return len(self.prompt) + len(self.answer)

    @property
    def total(self) -> int:
        """Return the tokens that a forward pass reads; the answer is read after another prompt as well."""
        return 2 * self.length

    @property
    def learned(self) -> int:
        """Return how many tokens the loss is taken on."""
        return len(self.answer)


Encoded = EncodedRow | EncodedPair | EncodedRating


def encode_rows(encoder: Encoder, data: RowSet[Any]) -> list[Any]:
    """Return the rows of a dataset as tokens, in their order: `EncodedRow`, `EncodedPair` or `EncodedRating`, all alike.

    Raises:
        DataError: an answer alone is longer than the base reads.
    """
    if isinstance(data.examples[0], Example):
        return list(encoder.encode_all(data))
    encode: Any = encode_pair if isinstance(data.examples[0], PreferencePair) else encode_rating
    pairs = zip(data.examples, data.places, strict=True)
    return [encode(encoder, row, place=place) for row, place in pairs]


def encode_pair(encoder: Encoder, pair: PreferencePair, *, place: str) -> EncodedPair:
    """Return a preference pair as tokens; a prompt that is too long loses its beginning.

    Raises:
        DataError: an answer alone is longer than the base reads.
    """
    sides = [_sides(encoder, pair.prompt, answer) for answer in (pair.chosen, pair.rejected)]
    (prompt, chosen), (_, rejected) = sides
    cut = _excess(encoder, prompt, max(chosen, rejected, key=len), place)
    return EncodedPair(prompt[cut:], chosen, rejected, cut)


def encode_rating(encoder: Encoder, rated: RatedAnswer, *, place: str) -> EncodedRating:
    """Return a rated answer as tokens; a prompt that is too long loses its beginning.

    Raises:
        DataError: the answer alone is longer than the base reads.
    """
    prompt, answer = _sides(encoder, rated.prompt, rated.answer)
    cut = _excess(encoder, prompt, answer, place)
    return EncodedRating(prompt[cut:], answer, rated.good, cut)


def _sides(encoder: Encoder, prompt: tuple[Message, ...], answer: str) -> tuple[Ids, Ids]:
    return encoder.parts(Example((*prompt, Message("assistant", answer))))


def _excess(encoder: Encoder, prompt: Ids, answer: Ids, place: str) -> int:
    if len(answer) >= encoder.max_length:
        raise DataError(
            f"{place}: an answer has {len(answer)} tokens and {encoder.max_length} are read at most; shorten it"
        )
    return max(0, len(prompt) + len(answer) - encoder.max_length)
