"""Turns exercises and plain text into batches of tokens with loss weights, reproducibly and from any point on."""

import bisect
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from adapt.starter.recipe.corpus import Corpus
from adapt.starter.recipe.exercises import Exercise, Source, make_exercise
from adapt.starter.recipe.passages import build_library

POOL = 64  # samples drawn together, so that a batch holds samples of like length
TEXT_SHARE = 0.28  # of samples, about 35 % of tokens
PROMPT_WEIGHT = 0.15  # a prompt's tokens teach language; its answers teach what to do
MAX_TOKENS = 800


@dataclass(frozen=True)
class Batch:
    """Token ids and the weight of each token's loss, both [rows, length], padded with 0 on the right."""

    ids: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Sample:
    """Tokens with their loss weights."""

    ids: list[int]
    weights: list[float]


def encode_exercise(tokenizer: Tokenizer, exercise: Exercise) -> Sample:
    """Return an exercise as the chat template renders it; answers and their end weigh 1, the prompt less."""
    ids: list[int] = []
    weights: list[float] = []
    for role, content in exercise.messages:
        head = tokenizer.encode(f"<|{role}|>\n").ids
        body = tokenizer.encode(f"{content}<|end|>").ids
        tail = tokenizer.encode("\n").ids
        weight = 1.0 if role == "assistant" else PROMPT_WEIGHT
        ids += head + body + tail
        weights += [PROMPT_WEIGHT] * len(head) + [weight] * len(body) + [PROMPT_WEIGHT] * len(tail)
    return Sample(ids, weights)


class Stream:
    """An endless, seeded sequence of batches; pool `n` depends on the seed and `n` alone, so a run can resume."""

    def __init__(
        self, corpus: Corpus, tokenizer: Tokenizer, *, seed: int, batch_tokens: int
    ) -> None:
        self.tokenizer = tokenizer
        self._seed = seed
        self._batch_tokens = batch_tokens
        self._source = Source(
            {language: build_library(texts) for language, texts in corpus.passages_train.items()},
            held_out=False,
        )
        self._texts = corpus.train
        self._ends = list(itertools.accumulate(len(text) for text in corpus.train))
        self._textbooks = [
            corpus.passages_train[language] for language in sorted(corpus.passages_train)
        ]

    def batches(self, *, pool: int = 0, skip: int = 0) -> Iterator[tuple[int, int, Batch]]:
        """Yield (pool, index in the pool, batch) from a place on."""
        while True:
            rng = random.Random(f"{self._seed}:{pool}")
            samples = sorted(
                (self._sample(rng) for _ in range(POOL)), key=lambda sample: len(sample.ids)
            )
            groups: list[list[Sample]] = [[]]
            for sample in samples:
                if groups[-1] and len(sample.ids) * (len(groups[-1]) + 1) > self._batch_tokens:
                    groups.append([])
                groups[-1].append(sample)
            rng.shuffle(groups)
            for index, group in enumerate(groups):
                if index >= skip:
                    yield pool, index, collate(group)
            pool, skip = pool + 1, 0

    def _sample(self, rng: random.Random) -> Sample:
        if rng.random() < TEXT_SHARE or not self._source.libraries:
            return self._text(rng)
        while True:
            sample = encode_exercise(self.tokenizer, make_exercise(rng, self._source))
            if len(sample.ids) <= MAX_TOKENS:
                return sample

    def _text(self, rng: random.Random) -> Sample:
        if self._textbooks and rng.random() < 0.5:
            text = rng.choice(rng.choice(self._textbooks))
        else:
            text = self._texts[bisect.bisect(self._ends, rng.randrange(self._ends[-1]))]
        length = rng.choice((192, 256, 320, 384, 512, 640))
        start = rng.randrange(max(1, len(text) - 3 * length))
        ids = self.tokenizer.encode(text[start : start + 4 * length]).ids[:length]
        return Sample(ids, [1.0] * len(ids))


def collate(samples: list[Sample]) -> Batch:
    """Return samples as one batch; padding weighs nothing, and nor does the first token, which nothing predicts."""
    length = max(len(sample.ids) for sample in samples)
    ids = torch.zeros(len(samples), length, dtype=torch.long)
    weights = torch.zeros(len(samples), length)
    for row, sample in enumerate(samples):
        ids[row, : len(sample.ids)] = torch.tensor(sample.ids)
        weights[row, 1 : len(sample.ids)] = torch.tensor(sample.weights[1:])
    return Batch(ids, weights)
