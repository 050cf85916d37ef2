"""Bits per byte on held-out text, of the model and of a 5-gram model that saw text of the same sources."""

import math
import random
from collections.abc import Sequence

import torch

from adapt.models.rendering import encode
from adapt.models.runtime import ModelRuntime
from adapt.starter.recipe.measuring.ngrams import NGrams
from adapt.starter.recipe.texts.corpus import Corpus
from adapt.starter.recipe.training.record import Figure

PIECE = 512  # tokens
NGRAM_CHARACTERS = 16_000_000  # of the training text, a sample that the 5-gram model counts


def measure_text(runtime: ModelRuntime, corpus: Corpus, *, pieces: int) -> list[Figure]:
    """Return the bits per byte of both models on the same pieces of held-out text, with normal 95 % intervals."""
    rng = random.Random("bits")
    encoded: list[list[int]] = []
    for _ in range(pieces):
        text = rng.choice(corpus.valid)
        start = rng.randrange(max(1, len(text) - 3000))
        encoded.append(encode(runtime.tokenizer, text[start : start + 3000])[:PIECE])
    sizes = [len(str(runtime.tokenizer.decode(ids[1:])).encode()) for ids in encoded]
    ours = [bits / size for bits, size in zip(_model_bits(runtime, encoded), sizes, strict=True)]
    ngrams = NGrams(_training_ids(runtime, corpus), size=len(runtime.tokenizer))
    theirs = [ngrams.bits(ids) / size for ids, size in zip(encoded, sizes, strict=True)]
    return [
        _mean("bits per byte on held-out text (lower is better)", ours),
        _mean("bits per byte on the same text, 5-gram model (Kneser-Ney, same tokens)", theirs),
    ]


def _model_bits(runtime: ModelRuntime, encoded: Sequence[list[int]]) -> list[float]:
    bits: list[float] = []
    with runtime.active(None) as model:
        for ids in encoded:
            row = torch.tensor([ids])
            loss = float(model(input_ids=row, labels=row).loss)
            bits.append(loss * (len(ids) - 1) / math.log(2))
    return bits


def _training_ids(runtime: ModelRuntime, corpus: Corpus) -> list[int]:
    """Return tokens of a sample of the training text, drawn as evenly as its sources' sizes allow."""
    rng = random.Random("ngrams")
    texts = list(corpus.train)
    rng.shuffle(texts)
    ids: list[int] = []
    room = NGRAM_CHARACTERS
    for text in texts:
        part = text[:200_000]
        ids += encode(runtime.tokenizer, part)
        room -= len(part)
        if room <= 0:
            break
    return ids


def _mean(name: str, values: Sequence[float]) -> Figure:
    mean = sum(values) / len(values)
    half = 1.96 * math.sqrt(
        sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values)
    )
    return Figure(name=name, value=mean, n=len(values), low=mean - half, high=mean + half)
