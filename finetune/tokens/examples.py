"""Examples → token ids with labels: the loss is on what the assistant says and on the token that ends its turn.

A conversation is rendered as the model will see it in use, turn by turn: what the template writes up to the assistant's
opening is prompt, what it adds for the answer is learned. So no `{% generation %}` marks are needed, any base's template
works, and training tokens are exactly those of `adapt.models.rendering.render`, which also writes the prompts at chat time.
In a conversation of several turns every assistant turn is learned, except where the template rewrites earlier turns (as
Qwen3 does with thoughts): there, the last only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from adapt.errors import DataError, ModelError
from adapt.models.rendering import control_tokens, defuse, encode, render
from adapt.records import Example, Message
from finetune.data.datasets import ExampleSet

IGNORED = -100  # the label that no loss is taken on
MOST_CHARACTERS = 40  # of a token, nearly; what stands further from a row's end than this a token is cut off anyway
ENDING = 400  # characters at the end of a text, among them the token that ends it
MARK = re.compile(r"\s*(<[^<>\s]{1,40}>)[ \t]*\n?")  # with which an answer begins
COUNTED = 1_000_000  # characters of a text whose tokens are counted; a longer one's are estimated from its beginning


@dataclass(frozen=True)
class EncodedRow:
    """One example as tokens; `labels` equal `input_ids` where they are learned, else -100."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    cut: int = 0  # tokens taken off the front because the row was too long

    @property
    def length(self) -> int:
        """Return how many tokens it has."""
        return len(self.input_ids)

    @property
    def total(self) -> int:
        """Return how many tokens a forward pass reads."""
        return len(self.input_ids)

    @property
    def learned(self) -> int:
        """Return how many tokens the loss is taken on; none in a row to keep."""
        return sum(label != IGNORED for label in self.labels)

    def to_keep(self) -> "EncodedRow":
        """Return the row with nothing to learn: the base's predictions are kept on it (`finetune.train.base_divergence`)."""
        return EncodedRow(self.input_ids, (IGNORED,) * len(self.labels), self.cut)


@dataclass(frozen=True)
class Segment:
    """A stretch of rendered text, learned or not."""

    text: str
    learned: bool


class Encoder:
    """Encodes examples for one base: its tokenizer, the tokens at which its generation stops, its length."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, stops: frozenset[int], max_length: int
    ) -> None:
        self.tokenizer = tokenizer
        self.stops = stops
        self.max_length = max_length

    def encode_all(self, data: ExampleSet) -> list[EncodedRow]:
        """Return every example as tokens, in order; plain text that is too long as several rows.

        Raises:
            DataError: an answer alone is longer than the model reads; prompts are shortened, answers never.
        """
        rows: list[EncodedRow] = []
        for example, place in zip(data.examples, data.places, strict=True):
            rows += self.pieces(example) if example.plain else [self.encode(example, place=place)]
        return rows

    def encode(self, example: Example, *, place: str = "example") -> EncodedRow:
        """Return one example as tokens; a prompt that is too long loses its beginning."""
        segments, unread = self._shortened(self._placed(example, place))
        ids, labels = self._tokens(segments)
        too_many = len(ids) - self.max_length
        if too_many <= 0:
            return EncodedRow(tuple(ids), tuple(labels), cut=unread)
        answer = len(ids) - _last_start(labels)
        if answer >= self.max_length:
            raise DataError(
                f"{place}: its answer has {answer} tokens and {self.max_length} are read at most; "
                "shorten it or split the row"
            )
        cut = too_many + unread
        return EncodedRow(tuple(ids[too_many:]), tuple(labels[too_many:]), cut=cut)

    def _placed(self, example: Example, place: str) -> list[Segment]:
        """Return an example's segments; what the template refuses is said with the row's place."""
        try:
            return self.segments(example.messages, unlearned=example.unlearned)
        except ModelError as error:
            raise DataError(f"{place}: {error}") from error

    def parts(self, example: Example) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the prompt and the last answer of an example as tokens, however long."""
        segments, _ = self._shortened(self.segments(example.messages))
        ids, labels = self._tokens(segments)
        start = _last_start(labels)
        return tuple(ids[:start]), tuple(ids[start:])

    def _shortened(self, segments: list[Segment]) -> tuple[list[Segment], int]:
        """Return segments without the far beginning of what is not learned, and about how many tokens that had.

        A prompt of 50 MB took two minutes to tokenise, and all but a thousand tokens were then discarded.
        """
        room, unread = self.max_length * MOST_CHARACTERS, 0
        kept: list[Segment] = []
        for segment in segments:
            text = segment.text
            if not segment.learned and len(text) > room:
                unread += self.count(text[:-room])
                text = text[-room:]
            kept.append(Segment(text, segment.learned))
        return kept, unread

    def count(self, text: str) -> int:
        """Return how many tokens a text has; of one of more than a million characters an estimate."""
        counted = text[:COUNTED]
        return round(len(self._encode(counted)) * len(text) / len(counted)) if text else 0

    def pieces(self, example: Example) -> list[EncodedRow]:
        """Return plain text cut to the length that is read; all of it is learned."""
        ids, labels = self._tokens(self.plain_segments(example))
        return [
            EncodedRow(
                tuple(ids[start : start + self.max_length]),
                tuple(labels[start : start + self.max_length]),
            )
            for start in range(0, len(ids), self.max_length)
        ]

    def plain_segments(self, example: Example) -> list[Segment]:
        """Return plain text between the tokens with which the base begins and ends a text."""
        begin = self.tokenizer.bos_token or ""
        # a tokenizer that has a token for the beginning need not use it
        used = begin and self.tokenizer("a")["input_ids"][0] == self.tokenizer.bos_token_id
        text = defuse(self.tokenizer, example.answer)
        return [
            Segment(begin if used else "", learned=False),
            Segment(f"{text}{self.tokenizer.eos_token}", learned=True),
        ]

    def controls(self, examples: Sequence[Example]) -> dict[str, int]:
        """Return in how many examples the texts hold each control token of the base; there they are plain characters."""
        tokens = control_tokens(self.tokenizer)
        texts = ["\n".join(message.content for message in example.messages) for example in examples]
        counts = {token: sum(token in text for text in texts) for token in tokens}
        return {token: count for token, count in counts.items() if count}

    def seen(self, example: Example) -> str:
        """Return an example as the model sees it."""
        segments = (
            self.plain_segments(example) if example.plain else self.segments(example.messages)
        )
        return "".join(segment.text for segment in segments)

    def segments(
        self, messages: Sequence[Message], *, unlearned: frozenset[int] = frozenset()
    ) -> list[Segment]:
        """Return the rendered conversation cut into what is learned and what is not.

        Args:
            unlearned: places of answers that stand there and are not learned.
        """
        whole = render(self.tokenizer, messages, add_generation_prompt=False)
        segments: list[Segment] = []
        done = ""
        for index, message in enumerate(messages):
            last = index == len(messages) - 1
            if message.role != "assistant":
                continue
            opening = render(self.tokenizer, messages[:index], add_generation_prompt=True)
            through = render(self.tokenizer, messages[: index + 1], add_generation_prompt=False)
            fits = opening.startswith(done) and through.startswith(opening)
            if not last and fits and whole.startswith(through):
                segments += [
                    Segment(opening[len(done) :], learned=False),
                    *self._answer(through[len(opening) :], is_learned=index not in unlearned),
                ]
                done = through
            elif last:
                # A template may open an answer otherwise than it writes one that is there; then the prompt as it is
                # at chat time goes before the answer itself.
                answer = defuse(self.tokenizer, message.content)
                if through.startswith(opening):
                    answer = through[len(opening) :]
                answer = _after_mark(answer, opening)
                if not opening.startswith(done):
                    segments, done = [], ""
                segments.append(Segment(opening[len(done) :], learned=False))
                ending = "" if self._ends(answer) else str(self.tokenizer.eos_token)
                segments.append(Segment(answer.rstrip() + ending, learned=True))
        return segments

    def _answer(self, text: str, *, is_learned: bool) -> list[Segment]:
        """Return an earlier answer and the white space after it, which the template writes and nobody generates."""
        kept = text.rstrip()
        return [Segment(kept, learned=is_learned), Segment(text[len(kept) :], learned=False)]

    def adds_ending(self, messages: Sequence[Message]) -> bool:
        """Return whether the template ends an answer with no token that stops generation, so that one is added."""
        return not self._ends(render(self.tokenizer, messages, add_generation_prompt=False))

    def _ends(self, text: str) -> bool:
        ids = self._encode(text.rstrip()[-ENDING:])
        return bool(ids) and ids[-1] in self.stops

    def _tokens(self, segments: Sequence[Segment]) -> tuple[list[int], list[int]]:
        """Tokenize segment by segment, so that the border between prompt and answer falls where it does in use."""
        ids: list[int] = []
        labels: list[int] = []
        text = ""
        for segment in segments:
            text += segment.text
            whole = self._encode(text)
            # A tokenizer may join characters across the border; the prompt stands alone at chat time, so it does here.
            joined = list(whole[: len(ids)]) != ids
            added = list(self._encode(segment.text) if joined else whole[len(ids) :])
            ids += added
            labels += added if segment.learned else [IGNORED] * len(added)
        return ids, labels

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(encode(self.tokenizer, text))


def _after_mark(answer: str, opening: str) -> str:
    """Return an answer without the mark that it begins with where the template's opening ends with that already.

    Templates of models that think open every answer with `<think>`, and the rows' answers have it as well.
    """
    mark = MARK.match(answer)
    return answer[mark.end() :] if mark and opening.rstrip().endswith(mark[1]) else answer


def _last_start(labels: Sequence[int]) -> int:
    """Return where the last learned stretch begins."""
    start = len(labels)
    while start > 0 and labels[start - 1] != IGNORED:
        start -= 1
    return start
