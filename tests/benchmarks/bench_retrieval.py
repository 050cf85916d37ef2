"""Ingest and search against llama-index and plain Chroma on the same documents, with the same model and chunk size."""

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import chromadb
import numpy as np
from chromadb.config import Settings as ChromaSettings
from llama_index.core import Document as IndexDocument
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.node_parser import SentenceSplitter
from llama_index.vector_stores.chroma import ChromaVectorStore
from pydantic import PrivateAttr
from sentence_transformers import SentenceTransformer

from adapt.embedding import load_embedder, minilm_folder
from adapt.protocols import TextEmbedder
from adapt.workspace import Workspace
from retrieval.chunking import ChunkSettings
from retrieval.collection import Collection
from retrieval.search import SearchSettings
from tests.benchmarks.report import Row

DOCUMENTS = 60
QUERIES = 30
ROUNDS = 2
TOPICS = ("holidays", "expenses", "travel", "safety", "training", "pensions", "meetings", "parking")
VERBS = ("must be asked for", "are approved", "are described", "may be refused", "are checked")
WHEN = ("within ten days", "before the end of the month", "by the head of the office", "in writing")


class PlainEmbedding(BaseEmbedding):
    """What llama-index-embeddings-huggingface does: sentence-transformers, batches of ten in document order."""

    _model: SentenceTransformer = PrivateAttr()

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__(model_name="minilm")
        self._model = model

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self._model.encode(texts, show_progress_bar=False).tolist()
        return vectors

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embeddings([query])[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


def write_documents(folder: Path) -> None:
    """Write handbooks of uneven length."""
    chance = random.Random(1)
    for i in range(DOCUMENTS):
        parts = []
        for section in range(chance.randint(1, 6)):
            topic = chance.choice(TOPICS)
            lines = [
                f"{topic.capitalize()} of unit {i} {chance.choice(VERBS)} {chance.choice(WHEN)}."
                for _ in range(chance.randint(1, 14))
            ]
            parts.append(f"# {topic.capitalize()} {section}\n\n" + " ".join(lines))
        (folder / f"{i:03d}.md").write_text("\n\n".join(parts))


def timed(work: Callable[[int], int], number: int) -> float:
    """Return how many chunks a second were brought in."""
    started = time.perf_counter()
    chunks = work(number)
    return chunks / (time.perf_counter() - started)


def median_ms(ask: Callable[[str], object], questions: list[str]) -> float:
    """Return the median time of a query in milliseconds; the first ones warm up."""
    times = []
    for question in questions:
        started = time.perf_counter()
        ask(question)
        times.append(1_000 * (time.perf_counter() - started))
    return statistics.median(times[3:])


def run() -> list[Row]:
    """Measure, in one run after another on one machine."""
    embedder = load_embedder()
    plain = SentenceTransformer(str(minilm_folder()))
    embedder.embed(["warm"])
    plain.encode(["warm"])
    with tempfile.TemporaryDirectory() as scratch:
        return _measure(Path(scratch), embedder, plain)


def _measure(root: Path, embedder: TextEmbedder, plain: SentenceTransformer) -> list[Row]:
    folder = root / "docs"
    folder.mkdir()
    write_documents(folder)
    workspace = Workspace(root / "workspace")
    client = chromadb.PersistentClient(
        str(root / "chroma"), settings=ChromaSettings(anonymized_telemetry=False)
    )
    settings = ChunkSettings()
    splitter = SentenceSplitter(
        chunk_size=settings.tokens,
        chunk_overlap=settings.overlap,
        tokenizer=lambda text: range(embedder.count_tokens(text)),
    )
    texts = [path.read_text() for path in sorted(folder.iterdir())]

    def ours(number: int) -> int:
        target = Collection.open_or_create(workspace, f"bench-{number}", embedder)
        return target.ingest([folder]).chunks

    def theirs(number: int) -> int:
        store = ChromaVectorStore(chroma_collection=client.create_collection(f"index-{number}"))
        VectorStoreIndex.from_documents(
            [IndexDocument(text=text) for text in texts],
            storage_context=StorageContext.from_defaults(vector_store=store),
            embed_model=PlainEmbedding(plain),
            transformations=[splitter],
        )
        return client.get_collection(f"index-{number}").count()

    def by_hand(number: int) -> int:
        raw = client.create_collection(
            f"raw-{number}", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        chunks = [piece for text in texts for piece in splitter.split_text(text)]
        vectors = plain.encode(chunks, show_progress_bar=False)
        raw.add(ids=[str(i) for i in range(len(chunks))], embeddings=vectors, documents=chunks)
        return len(chunks)

    # In turn, and the best of each: the speed of a shared machine swings within a minute.
    rates = [[timed(work, number) for work in (ours, theirs, by_hand)] for number in range(ROUNDS)]
    best, index, hand = map(max, zip(*rates, strict=True))
    collection = Collection.open(workspace, "bench-0", embedder)
    raw = client.get_collection("raw-0", embedding_function=None)
    whole = sum(entry.chunks for entry in collection.documents().values()) / best
    started = time.perf_counter()
    collection.ingest([folder])
    again = time.perf_counter() - started

    questions = [f"When are the {TOPICS[i % 8]} of unit {i} approved?" for i in range(QUERIES)]
    everything = SearchSettings(min_score=-1)
    search_ms = median_ms(lambda q: collection.search(q, top_k=4, settings=everything), questions)
    raw_ms = median_ms(
        lambda q: raw.query(query_embeddings=np.asarray(plain.encode([q])), n_results=4), questions
    )
    rate = f"{best:.0f} chunks/s"
    return [
        Row(
            "ingest, against llama-index VectorStoreIndex on Chroma",
            rate,
            f"{index:.0f} chunks/s",
            best / index,
        ),
        Row(
            "ingest, against sentence-transformers encode and Chroma add",
            rate,
            f"{hand:.0f} chunks/s",
            best / hand,
            "the peer reads no files and keeps no versions",
        ),
        Row(
            "ingest of an unchanged folder, against its first ingest",
            f"{again * 1_000:.0f} ms",
            f"{whole * 1_000:.0f} ms",
            whole / again,
        ),
        Row(
            "search p50, against encode and Chroma query by hand",
            f"{search_ms:.1f} ms",
            f"{raw_ms:.1f} ms",
            raw_ms / search_ms,
        ),
    ]
