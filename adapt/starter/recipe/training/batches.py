"""Turns exercises and plain text into batches of tokens with loss weights, reproducibly and from any point on."""

import bisect
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from adapt.starter.recipe.attention.guides import Guide, collate_guides
from adapt.starter.recipe.attention.pointers import guide_pointers
from adapt.starter.recipe.attention.shown import Shown, ShownQuestion
from adapt.starter.recipe.exercises.exercise import Exercise, ExerciseSource
from adapt.starter.recipe.exercises.exercises import make_exercise
from adapt.starter.recipe.exercises.preferences import NOT_SAID
from adapt.starter.recipe.texts.corpus import Corpus
from adapt.starter.recipe.texts.passages import build_library
from adapt.starter.recipe.texts.questions import build_reading_set

POOL = 256  # exercises drawn together, so that a batch holds samples of like length
LENGTHS = (128, 256, 384, 512, 704, 1024)  # few, since each is compiled for itself
TEXT_SHARE = 0.15  # of rows that hold nothing else; text fills up the other rows too, about a fifth of their tokens
EARLY_POOLS, EARLY_TOKENS = 24, 384  # the first pools hold short prompts only
TEXT_WEIGHT = 0.2  # a page of text has far more tokens to predict than a prompt with its answers
COPYING_WEIGHT = 0.7  # where an answer goes on in its sentence; choosing it has a loss of its own


@dataclass(frozen=True)
class Batch:
    """Token ids and the weight of each token's loss, both [rows, length], padded with 0 on the right.

    `places` [n, 2] are the (row, index) of tokens that decide which sentence is quoted; `allowed` [n, k] the tokens that some sentence
    goes on with, the right one first, filled up with -1; `targets` are where heads should look (`guides.py`).
    """

    ids: Tensor
    weights: Tensor
    places: Tensor
    allowed: Tensor
    targets: dict[str, Tensor]


@dataclass(frozen=True)
class Sample:
    """Tokens with their loss weights, and by index the tokens allowed where a sentence is chosen, the right one first."""

    ids: list[int]
    weights: list[float]
    decisions: list[tuple[int, list[int]]] = field(default_factory=list)
    guide: Guide = field(default_factory=Guide)


def encode_exercises(tokenizer: Tokenizer, exercises: Sequence[Exercise]) -> list[Sample]:
    """Return exercises as the chat template renders them; replies and their end weigh, prompts do not."""
    parts: list[str] = []
    for exercise in exercises:
        for role, content in exercise.messages:
            parts += [f"<|{role}|>\n", f"{content}<|end|>\n"]
        for opening in _openings(exercise):
            parts += _alternatives(exercise, opening)
    encodings = iter(tokenizer.encode_batch(parts))
    samples: list[Sample] = []
    for exercise in exercises:
        coded = [(next(encodings), next(encodings)) for _ in exercise.messages]
        openings = _openings(exercise)
        choices = {
            opening: [next(encodings).ids for _ in _alternatives(exercise, opening)]
            for opening in openings
        }
        sample = Sample([], [])
        shown: Shown | None = None
        asked: ShownQuestion | None = None
        bodies: list[tuple[int, Encoding]] = []
        for index, ((role, content), (head, body)) in enumerate(
            zip(exercise.messages, coded, strict=True)
        ):
            sample.ids.extend(head.ids)
            sample.weights.extend([0.0] * len(head.ids))
            first = len(sample.ids)
            bodies.append((first, body))
            if role == "assistant":
                if shown and asked:
                    pointed = [
                        (pointer.start, pointer.end)
                        for pointer in exercise.pointers
                        if pointer.reply == index
                    ]
                    shown.guide_reply(sample.guide, asked, content, body, first, pointed=pointed)
                _add_reply(sample, body.ids, choices.get(_opening(exercise, content), []))
                continue
            sample.ids.extend(body.ids)
            sample.weights.extend([0.0] * len(body.ids))
            asked = ShownQuestion(content, body, first, exercise.spans.get(content, ""))
            if role == "system" and exercise.choices:
                shown = Shown(content, body, first, exercise.choices)
                shown.guide_passages(sample.guide)
        guide_pointers(sample.guide, exercise.pointers, bodies)
        samples.append(sample)
    return samples


def _openings(exercise: Exercise) -> list[str]:
    """Return what the replies of an exercise that quotes begin with, each once."""
    replies = [content for role, content in exercise.messages if role == "assistant"]
    return (
        list(dict.fromkeys(_opening(exercise, reply) for reply in replies))
        if exercise.choices
        else []
    )


def _opening(exercise: Exercise, reply: str) -> str:
    """Return what a reply says before the sentence that it quotes (nothing, or what the user prefers), or all of one that quotes none."""
    if reply in NOT_SAID.values():
        return ""
    quoted = max((choice for choice in exercise.choices if choice in reply), key=len, default=None)
    return reply[: reply.index(quoted)] if quoted else reply


def _alternatives(exercise: Exercise, opening: str) -> list[str]:
    """Return what a reply with this opening might have been: any sentence that the prompt shows, with it or without, or a refusal."""
    begun = [f"{opening}{choice} " for choice in exercise.choices]
    plain = [f"{choice} " for choice in exercise.choices] if opening else []
    return begun + plain + [f"{refusal}<|end|>" for refusal in NOT_SAID.values()]


def _add_reply(sample: Sample, body: list[int], choices: list[list[int]]) -> None:
    """Add a reply; where it quotes, the tokens that distinguish its sentence from the others are decisions."""
    start = len(sample.ids)
    alive = choices
    copied = 0
    for place, token in enumerate(body):
        following = {ids[place] for ids in alive if place < len(ids)}
        if token not in following:
            break
        copied = place + 1
        if len(following) > 1:
            others = sorted(following - {token})
            sample.decisions.append((start + place, [token, *others]))
        alive = [ids for ids in alive if place < len(ids) and ids[place] == token]
    sample.ids.extend(body)
    sample.weights.extend([COPYING_WEIGHT] * copied + [1.0] * (len(body) - copied - 1) + [0.0])


def make_source(corpus: Corpus, *, held_out: bool) -> ExerciseSource:
    """Return what exercises are made from, of one side of the corpus."""
    passages = corpus.passages_valid if held_out else corpus.passages_train
    asked = corpus.questions_valid if held_out else corpus.questions_train
    return ExerciseSource(
        libraries={language: build_library(texts) for language, texts in passages.items()},
        reading_sets={
            language: build_reading_set(itertools.chain.from_iterable(folders.values()))
            for language, folders in asked.items()
        },
        held_out=held_out,
    )


class Stream:
    """An endless, seeded sequence of batches; pool `n` depends on the seed and `n` alone, so a run can resume."""

    def __init__(
        self, corpus: Corpus, tokenizer: Tokenizer, *, seed: int, batch_tokens: int
    ) -> None:
        self.tokenizer = tokenizer
        self._seed = seed
        self._batch_tokens = batch_tokens
        self._source = make_source(corpus, held_out=False)
        self._texts = corpus.train
        self._ends = list(itertools.accumulate(len(text) for text in corpus.train))
        self._textbooks = [
            corpus.passages_train[language] for language in sorted(corpus.passages_train)
        ]

    def batches(self, *, pool: int = 0, skip: int = 0) -> Iterator[tuple[int, int, Batch]]:
        """Yield (pool, index in the pool, batch) from a place on."""
        while True:
            rng = random.Random(f"{self._seed}:{pool}")
            for index, batch in enumerate(self._pool(rng, early=pool < EARLY_POOLS)):
                if index >= skip:
                    yield pool, index, batch
            pool, skip = pool + 1, 0

    def _pool(self, rng: random.Random, *, early: bool) -> list[Batch]:
        most = EARLY_TOKENS if early else LENGTHS[-1]
        exercises = (
            [make_exercise(rng, self._source) for _ in range(POOL)]
            if self._source.libraries
            else []
        )
        by_length: dict[int, list[Sample]] = {length: [] for length in LENGTHS}
        for sample in encode_exercises(self.tokenizer, exercises):
            if len(sample.ids) <= most:
                by_length[next(limit for limit in LENGTHS if len(sample.ids) <= limit)].append(
                    sample
                )
        batches: list[Batch] = []
        for length, fitting in by_length.items():
            rows = max(1, self._batch_tokens // length)
            texts = round(len(fitting) * TEXT_SHARE / (1 - TEXT_SHARE))
            if length == LENGTHS[1] and not fitting:
                texts = rows
            missing = -(len(fitting) + texts) % rows  # text fills the last batch
            samples = [self._filled(rng, sample, length) for sample in fitting]
            samples += [self._text(rng, length) for _ in range(texts + missing)]
            rng.shuffle(samples)
            starts = range(0, len(samples), rows)
            batches += [collate(samples[start : start + rows], length) for start in starts]
        rng.shuffle(batches)
        return batches

    def _filled(self, rng: random.Random, sample: Sample, length: int) -> Sample:
        """Return a sample with text after its end, so that no place of the row is spent on nothing."""
        text = (
            self._text(rng, length - len(sample.ids))
            if len(sample.ids) < length
            else Sample([], [])
        )
        return Sample(
            sample.ids + text.ids, sample.weights + text.weights, sample.decisions, sample.guide
        )

    def _text(self, rng: random.Random, length: int) -> Sample:
        if self._textbooks and rng.random() < 0.4:
            text = rng.choice(rng.choice(self._textbooks))
        else:
            text = self._texts[bisect.bisect(self._ends, rng.randrange(self._ends[-1]))]
        start = rng.randrange(max(1, len(text) - 3 * length))
        ids = self.tokenizer.encode(text[start : start + 6 * length]).ids[:length]
        return Sample(ids, [TEXT_WEIGHT] * len(ids))


def collate(samples: Sequence[Sample], length: int) -> Batch:
    """Return samples as one batch of this length; padding weighs nothing, nor does the first token, which nothing predicts."""
    ids = torch.zeros(len(samples), length, dtype=torch.long)
    weights = torch.zeros(len(samples), length)
    decisions = [
        (row, *decision) for row, sample in enumerate(samples) for decision in sample.decisions
    ]
    allowed = torch.full(
        (len(decisions), max((len(decision) for *_, decision in decisions), default=1)), -1
    )
    for row, sample in enumerate(samples):
        ids[row, : len(sample.ids)] = torch.tensor(sample.ids)
        weights[row, 1 : len(sample.ids)] = torch.tensor(sample.weights[1:])
    for index, (_, _, tokens) in enumerate(decisions):
        allowed[index, : len(tokens)] = torch.tensor(tokens)
    places = torch.tensor([(row, place) for row, place, _ in decisions], dtype=torch.long)
    targets = collate_guides([sample.guide for sample in samples])
    return Batch(ids, weights, places.reshape(-1, 2), allowed, targets)
