"""Real text in two languages as chunks, and questions that people asked of it: what the speed of search is taken on."""

import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from adapt.records import Chunk
from retrieval.chunks.ids import chunk_id, document_key
from tests.benchmarks.starter.bench_starter import DATA

DIMENSIONS = (384, 512)  # of both shipped embedders
LENGTH = 600  # characters: 140 tokens, the product's own measure, of these texts
SENTENCE = re.compile(r"(?<=[.!?;:])\s+|\n+")
SETS = {  # file → language
    "leyes_uy/corpus.jsonl.gz": "es",
    "scifact_beir/corpus.jsonl.gz": "en",
    "text_en_openstax/openstax_en.jsonl.gz": "en",
    "text_es_openstax/openstax_es.jsonl.gz": "es",
    "mlqa_es/test_es_corpus.jsonl.gz": "es",
    "feedbackqa/passages.jsonl.gz": "en",
    "text_es_novels/eltec_spa_20.jsonl.gz": "es",
    "text_en_books/books_train.jsonl.gz": "en",
}
QUESTIONS = {  # file → field
    "leyes_uy/queries_title.jsonl.gz": "text",
    "scifact_beir/queries.jsonl": "text",
    "mlqa_es/test_es_queries.jsonl.gz": "text",
    "feedbackqa/qa_test.jsonl.gz": "question",
}


def chunks(count: int) -> list[Chunk]:
    """Return chunks of whole documents drawn from all sets, in both languages, until there are `count`."""
    documents = [one for place, language in SETS.items() for one in _documents(place, language)]
    random.Random(1).shuffle(documents)
    found: list[Chunk] = []
    for name, title, text, language in documents:
        key = document_key(name, "1")
        for number, (start, end) in enumerate(_spans(text)):
            found.append(
                Chunk(
                    chunk_id=chunk_id(key, number), document=name, revision="1", text=text[start:end],
                    heading=title, start=start, end=end, language=language,
                )
            )  # fmt: skip
        if len(found) >= count:
            return found[:count]
    raise ValueError(f"the sets hold {len(found)} chunks, not {count}")


def questions(count: int) -> list[str]:
    """Return questions of all sets in turn."""
    texts = []
    for place, field in QUESTIONS.items():
        own = [str(row[field]) for row in _rows(DATA / place)]
        texts += random.Random(2).sample(own, count // len(QUESTIONS))
    random.Random(3).shuffle(texts)
    return texts


def vectors(
    count: int, *, seed: int, dimensions: int, like: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """Return vectors of length 1, shape [count, dimensions]: drawn around a few hundred topics, or near some of `like`."""
    draw, root = np.random.default_rng(seed), np.float32(dimensions**0.5)
    noise = draw.standard_normal((count, dimensions), np.float32) / root
    if like is None:
        topics = draw.standard_normal((400, dimensions), np.float32) / root
        found = topics[draw.integers(0, len(topics), count)] + noise
    else:
        found = like[draw.integers(0, len(like), count)] + noise
    lengths: npt.NDArray[np.float32] = np.linalg.norm(found, axis=1, keepdims=True)
    return found / lengths


def _documents(place: str, language: str) -> Iterator[tuple[str, str, str, str]]:
    folder = place.split("/", 1)[0]
    for number, row in enumerate(_rows(DATA / place)):
        title = str(row.get("title", ""))[:150]
        yield f"{folder}/{number:05d}.txt", title, str(row["text"]), language


def _rows(path: Path) -> list[dict[str, object]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield spans of whole sentences, each about `LENGTH` long."""
    start = 0
    for match in SENTENCE.finditer(text):
        if match.start() - start >= LENGTH:
            yield start, match.start()
            start = match.end()
    if text[start:].strip():
        yield start, len(text)
