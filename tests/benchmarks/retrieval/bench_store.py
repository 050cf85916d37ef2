"""Both vector stores: all vectors compared, beside Chroma's index in the folders of segments (`[collections] store`).

Vectors of 384 numbers are drawn, by a normal distribution around the centres of clusters of 100 that are drawn likewise
(two of one cluster have a cosine of about 0.5), and scaled to length 1; questions likewise. Segments are as an ingest
writes them, of 100,000 chunks. A question asks for as many as a search does (`CANDIDATES`); both are asked in turn.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil

from adapt.protocols import no_progress
from adapt.records import Chunk
from retrieval.chunks.ids import chunk_id, document_key
from retrieval.index.segment_index import SegmentIndex
from retrieval.index.stores.chroma.folders import ChromaFolders
from retrieval.index.stores.store import ExactStore, Near, VectorStore
from retrieval.index.vectors import Rows, Vectors, save
from retrieval.search.rank import CANDIDATES
from retrieval.versions.next_version import SEGMENT_CHUNKS
from retrieval.versions.segment import SegmentWriter
from tests.benchmarks.report import Row

SIZES = (10_000, 100_000, 1_000_000)
DIMENSIONS = 384
CLUSTER = 100
QUESTIONS = 200
BYTES_EACH = 8_000  # of memory, at most, for a vector in both stores


def run() -> list[Row]:
    """Measure the sizes that this machine's memory holds."""
    rows = []
    for size in SIZES:
        if psutil.virtual_memory().available > size * BYTES_EACH:
            with tempfile.TemporaryDirectory() as folder:
                rows += _compared(Path(folder), size)
    return rows


def _compared(folder: Path, size: int) -> list[Row]:
    chance = np.random.default_rng(size)
    centres = _unit(chance.normal(size=(size // CLUSTER, DIMENSIONS)))
    plain = 0.0
    for number, start in enumerate(range(0, size, SEGMENT_CHUNKS)):
        vectors = _drawn(centres, min(SEGMENT_CHUNKS, size - start), chance)
        plain += _write(folder, number, vectors)
    segments = {path.name: SegmentIndex(path) for path in sorted(folder.iterdir())}
    stores: dict[str, VectorStore] = {"exact": ExactStore(), "chroma": ChromaFolders(folder)}
    indexed = _seconds(lambda: stores["chroma"].keep(segments, segments, no_progress))
    times: dict[str, list[float]] = {"exact": [], "chroma": []}
    recalls: dict[int, list[float]] = {10: [], CANDIDATES: []}
    for vector in _drawn(centres, QUESTIONS, chance):
        near = Near(vector, 0, CANDIDATES, (None,) * len(segments))
        answers = {}
        for name, store in stores.items():
            started = time.perf_counter()
            answers[name] = store.near(segments, near)
            times[name].append((time.perf_counter() - started) * 1e3)
        for count, recall in recalls.items():
            best = {name: _best(segments, rows, vector, count) for name, rows in answers.items()}
            recall.append(len(best["exact"] & best["chroma"]) / count)
    for store in stores.values():
        store.close()
    found = ", ".join(f"recall@{n} {statistics.mean(one):.3f}" for n, one in recalls.items())
    middle, late = ({k: np.percentile(v, q) for k, v in times.items()} for q in (50, 95))
    return [
        Row(
            f"{CANDIDATES} nearest of {size:,} vectors, p50, all compared beside Chroma's index",
            f"{middle['exact']:.2f} ms",
            f"{middle['chroma']:.2f} ms",
            float(middle["chroma"] / middle["exact"]),
            f"p95 {late['exact']:.2f} and {late['chroma']:.2f} ms; Chroma {found}; {len(segments)} segments",
        ),
        Row(
            f"writing {size:,} vectors so that they can be searched, beside Chroma's index besides",
            f"{plain:.1f} s",
            f"{indexed:.1f} s",
            indexed / plain,
            f"{_bytes(folder, 'chroma'):.0f} MB more than {_bytes(folder, '*-0.npy'):.0f} MB",
        ),
    ]


def _write(folder: Path, number: int, vectors: Vectors) -> float:
    """Write a segment; return how long its vectors alone take, in seconds."""
    key = document_key(f"{number}", "1")
    chunks = [Chunk(chunk_id(key, i), f"{number}", "1", "text") for i in range(len(vectors))]
    writer = SegmentWriter(folder / f"{number:02d}")
    writer.add(chunks, (vectors,))
    writer.seal()
    with tempfile.TemporaryDirectory() as scratch:
        return _seconds(lambda: save(Path(scratch), vectors))


def _drawn(centres: Vectors, count: int, chance: np.random.Generator) -> Vectors:
    picked = centres[chance.integers(len(centres), size=count)]
    return _unit(picked + _unit(chance.normal(size=(count, DIMENSIONS))))


def _unit(vectors: np.ndarray) -> Vectors:
    scaled: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def _best(
    segments: dict[str, SegmentIndex], rows: list[Rows], vector: Vectors, count: int
) -> set[tuple[int, int]]:
    found = [
        (float(segment.near[0].vectors[row] @ vector), place, int(row))
        for place, (segment, own) in enumerate(zip(segments.values(), rows, strict=True))
        for row in own
    ]
    return {(place, row) for _, place, row in sorted(found, reverse=True)[:count]}


def _bytes(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in _files(folder.glob(f"*/{pattern}"))) / 1e6


def _files(paths: Iterator[Path]) -> Iterator[Path]:
    for path in paths:
        yield from (one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
