"""One side of the ingest benchmark: `python -m tests.benchmarks.retrieval.ingest_side SIDE FOLDER SCRATCH`.

Prints one JSON object: seconds from files to an index that can be searched, chunks, and the process's peak memory. Models
are loaded and warm before the clock starts. Sides: `ours`; `peer`, llama-index's `IngestionPipeline` with
sentence-transformers as llama-index-embeddings-huggingface has it; `peer-our-embedder`, the same pipeline with our embedder,
so that only the pipelines differ.
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import chromadb
import psutil
from chromadb.config import Settings as ChromaSettings
from llama_index.core import Document as IndexDocument
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.vector_stores.chroma import ChromaVectorStore
from pydantic import PrivateAttr

from adapt.embedding.encoders.minilm import WordPieces
from adapt.embedding.load import load_embedder
from adapt.embedding.shipped import minilm_folder
from adapt.workspace.folder import Workspace
from retrieval.chunks.cut import ChunkSettings
from retrieval.collections.collection import Collection

Encode = Callable[[list[str]], list[list[float]]]


class PlainEmbedding(BaseEmbedding):
    """An embedding for llama-index; it hands over batches of ten, in document order."""

    _encode: Encode = PrivateAttr()

    def __init__(self, encode: Encode) -> None:
        super().__init__(model_name="minilm")
        self._encode = encode

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._encode(texts)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._encode([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._encode([query])[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._encode([query])[0]


def ours(folder: Path, scratch: Path) -> tuple[float, int]:
    """Ingest a folder as `adapt ingest` does."""
    embedder = load_embedder("minilm")
    embedder.embed(["warm"])
    collection = Collection.open_or_create(Workspace(scratch / "workspace"), "bench", embedder)
    started = time.perf_counter()
    chunks = collection.ingest([folder]).chunks
    return time.perf_counter() - started, chunks


def peer(folder: Path, scratch: Path, encode: Encode) -> tuple[float, int]:
    """Ingest it with llama-index, cut to the same size by the same tokenizer."""
    encode(["warm"])
    pieces = WordPieces(minilm_folder())
    chosen = ChunkSettings()
    splitter = SentenceSplitter(
        chunk_size=chosen.tokens,
        chunk_overlap=chosen.overlap,
        tokenizer=lambda text: range(pieces.counts([text])[0]),
    )
    client = chromadb.PersistentClient(
        str(scratch / "chroma"), settings=ChromaSettings(anonymized_telemetry=False)
    )
    store = ChromaVectorStore(chroma_collection=client.create_collection("index"))
    pipeline = IngestionPipeline(
        transformations=[splitter, PlainEmbedding(encode)], vector_store=store
    )
    started = time.perf_counter()
    documents = [
        IndexDocument(text=path.read_text(encoding="utf-8"), metadata={"file_name": path.name})
        for path in sorted(folder.iterdir())
    ]
    nodes = pipeline.run(documents=documents)
    return time.perf_counter() - started, len(nodes)


def plain_encode() -> Encode:
    """Return what sentence-transformers does."""
    from sentence_transformers import SentenceTransformer  # torch's memory is this side's alone

    model = SentenceTransformer(str(minilm_folder()))

    def encode(texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = model.encode(texts, show_progress_bar=False).tolist()
        return vectors

    return encode


class Peak(threading.Thread):
    """Looks at the memory of this process and what it starts, shared pages counted in each, and keeps the most, in bytes.

    `ru_maxrss` would not do: Linux hands a process the peak of the one that started it.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self.over = threading.Event()

    def run(self) -> None:
        """Look until it is over."""
        own = psutil.Process()
        while not self.over.wait(0.02):
            total = 0
            for process in (own, *own.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += process.memory_info().rss
            self.most = max(self.most, total)


def main() -> None:
    """Run one side."""
    side, folder, scratch = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    peak = Peak()
    peak.start()
    if side == "ours":
        seconds, chunks = ours(folder, scratch)
    else:
        encode = load_embedder("minilm").embed if side == "peer-our-embedder" else plain_encode()
        seconds, chunks = peer(folder, scratch, encode)
    peak.over.set()
    print(json.dumps({"seconds": seconds, "chunks": chunks, "peak": peak.most}))  # noqa: T201


if __name__ == "__main__":
    main()
