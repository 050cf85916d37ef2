"""The shipped embedder: eight bits on ONNX Runtime against fp32 by torch, in speed and in what it costs in retrieval."""

import random
import statistics
import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from adapt.embedding.encoders.minilm import MiniLm, WordPieces
from adapt.embedding.encoders.minilm_torch import BATCH, TorchMiniLm
from adapt.embedding.load import load_embedder
from adapt.embedding.shipped import load_muse, minilm_folder, muse_folder
from retrieval.search.evaluate import judge
from tests.benchmarks.report import Row
from tests.benchmarks.retrieval.bench_search import Set, _scifact
from tests.benchmarks.starter.bench_starter import DATA

ROUNDS, SHORT, LONG = 5, 60, 600  # characters
WORDS = "the lamp of room is dark since open close door key card front left pension travel office holidays".split()  # noqa: SIM905


def run() -> list[Row]:
    """Measure speed, what the embedder costs over its encoder, and the loss."""
    ours, theirs = MiniLm(minilm_folder()), TorchMiniLm(minilm_folder())
    rows = [
        _speed("short texts", _texts(SHORT, 640), ours, theirs),
        _speed("600 characters", _texts(LONG, 160), ours, theirs),
        _overhead(ours),
        _both(ours),
    ]
    if (DATA / "scifact_beir").is_dir():
        rows.append(_loss(_scifact(), ours, theirs))
    return rows


def _texts(length: int, count: int) -> list[str]:
    draw = random.Random(length)
    return [
        " ".join(draw.choice(WORDS) for _ in range(length))[: draw.randint(length // 2, length)]
        for _ in range(count)
    ]


class _Encodes(Protocol):
    """Each side takes all texts in one call, sorts them by length, and uses all cores in its own way."""

    def encode(self, texts: Sequence[str]) -> np.ndarray: ...


def _seconds(encoder: _Encodes, texts: Sequence[str]) -> float:
    started = time.perf_counter()
    encoder.encode(texts)
    return time.perf_counter() - started


def _speed(what: str, texts: list[str], ours: MiniLm, theirs: TorchMiniLm) -> Row:
    pairs = [(_seconds(ours, texts), _seconds(theirs, texts)) for _ in range(ROUNDS + 1)][1:]
    ratios = [peer / mine for mine, peer in pairs]
    mine, peer = (
        statistics.median(len(texts) / side for side in one) for one in zip(*pairs, strict=True)
    )
    return Row(
        f"embedding, {what}",
        f"{mine:,.0f} texts/s",
        f"{peer:,.0f} texts/s (torch fp32)",
        round(statistics.median(ratios), 3),
        f"median of {ROUNDS} pairs ({min(ratios):.2f} … {max(ratios):.2f}), {len(texts)} texts, "
        f"{torch.get_num_threads()} threads; torch in batches of {BATCH}",
    )


def _overhead(ours: MiniLm) -> Row:
    texts = _texts(LONG, 160)
    embedder = load_embedder("minilm")
    embedder.embed(["warm"])
    pairs = []
    for _ in range(ROUNDS):
        bare = _seconds(ours, texts)
        started = time.perf_counter()
        embedder.embed(texts)
        pairs.append((time.perf_counter() - started, bare))
    ratios = [bare / whole for whole, bare in pairs]
    return Row(
        "embedder, against its bare encoder",
        f"{statistics.median(one[0] for one in pairs):.2f} s",
        f"{statistics.median(one[1] for one in pairs):.2f} s",
        round(statistics.median(ratios), 3),
        f"median of {ROUNDS} pairs ({min(ratios):.2f} … {max(ratios):.2f}); lists on top; at least 0.9 is asked",
    )


def _both(ours: MiniLm) -> Row:
    texts, muse = _texts(LONG, 160), load_muse(muse_folder())
    pairs = [(_seconds(ours, texts), _seconds(muse, texts)) for _ in range(ROUNDS + 1)][1:]
    ratios = [alone / (alone + other) for alone, other in pairs]
    both = statistics.median(len(texts) / sum(pair) for pair in pairs)
    alone = statistics.median(len(texts) / first for first, _ in pairs)
    return Row(
        "embedding by both shipped embedders, 600 characters",
        f"{both:,.0f} texts/s",
        f"{alone:,.0f} texts/s (MiniLM alone)",
        round(statistics.median(ratios), 3),
        f"median of {ROUNDS} pairs ({min(ratios):.2f} … {max(ratios):.2f}), {len(texts)} texts; at least 0.7 is asked",
    )


def _loss(one: Set, ours: MiniLm, theirs: TorchMiniLm) -> Row:
    names = sorted(one.documents, key=lambda name: len(one.documents[name]))
    texts = [one.documents[name] for name in names]
    asked = list(one.questions)
    questions = [one.questions[i] for i in asked]

    def ndcg(documents: np.ndarray, queries: np.ndarray) -> float:
        found = []
        for i, vector in zip(asked, queries, strict=True):
            best = np.argsort(-(documents @ vector), kind="stable")[:10]
            ranked = [names[place] for place in best]
            grades = dict.fromkeys(one.relevant[i], 1.0)
            found.append(judge(ranked, lambda name: name, grades)["ndcg@10"])
        return statistics.fmean(found)

    eight = ndcg(ours.encode(texts), ours.encode(questions))
    whole = ndcg(theirs.encode(texts), theirs.encode(questions))
    return Row(
        f"embedding, {one.name} nDCG@10 of vectors alone",
        f"{eight:.4f}",
        f"{whole:.4f} (torch fp32)",
        round(eight / whole, 4),
        f"{len(texts):,} documents cut at {WordPieces.window} tokens; a loss of 0.005 is allowed",
    )
