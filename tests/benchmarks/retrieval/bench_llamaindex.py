"""What it costs to cut through llama-index's `NodeParser`, as an ingest does; what a search through its retriever would."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from adapt.embedding.load import load_embedder
from adapt.protocols import TextEmbedder
from adapt.records import Document
from adapt.workspace.folder import Workspace
from retrieval.chunks.cut import ChunkSettings, chunk
from retrieval.collections.collection import Collection
from retrieval.llamaindex.node_parser import ChunkParser
from retrieval.llamaindex.nodes import to_chunk, to_pages
from retrieval.llamaindex.retriever import CollectionRetriever
from retrieval.readers.read import read
from tests.benchmarks.report import Row
from tests.benchmarks.retrieval.bench_retrieval import write_documents
from tests.benchmarks.starter.bench_starter import ROOT

PAIRS = 5
QUERIES = 200
IMPORTS = {
    "a search": "import retrieval.collections.collection",
    "a search and the retriever": (
        "import retrieval.collections.collection, retrieval.llamaindex.retriever"
    ),
}


def run() -> list[Row]:
    """Measure in turn, the parser in processor time of this process."""
    embedder = load_embedder("minilm")
    embedder.embed(["warm"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "documents"
        folder.mkdir()
        what = write_documents(folder)
        collection = Collection.open_or_create(Workspace(Path(name) / "w"), "bench", embedder)
        started = time.process_time()
        collection.ingest([folder])
        whole = time.process_time() - started
        documents = [read(path) for path in sorted(folder.iterdir())]
        return [_cut(documents, embedder, whole, what), _asked(collection), _imported()]


def _cut(documents: list[Document], embedder: TextEmbedder, whole: float, what: str) -> Row:
    parser = ChunkParser.of(embedder, include_prev_next_rel=False)

    def alone() -> None:
        for one in documents:
            chunk(
                one,
                ChunkSettings(),
                count_tokens=embedder.count_tokens,
                count_all=embedder.count_tokens_batch,
            )

    def through() -> None:
        for one in documents:
            list(map(to_chunk, parser.get_nodes_from_documents(to_pages(one))))

    pairs = [(_taken(through), _taken(alone)) for _ in range(PAIRS)]
    ours, plain = (statistics.median(one) for one in zip(*pairs, strict=True))
    share = statistics.median(a - b for a, b in pairs) / whole
    return Row(
        "cutting through the NodeParser, beside the cutter alone",
        f"{ours:.2f} s",
        f"{plain:.2f} s",
        plain / ours,
        f"processor time, median of {PAIRS} pairs; {what}; the difference is {share:.1%} of the whole ingest by MiniLM",
    )


def _asked(collection: Collection) -> Row:
    retriever = CollectionRetriever(collection, top_k=5)
    questions = [f"what is said of rule {number} and water?" for number in range(QUERIES)]
    ours, plain = [], []
    for question in ["warm", *questions]:
        ours.append(_seconds(lambda asked=question: retriever.retrieve(asked)))
        plain.append(_seconds(lambda asked=question: collection.search(asked, top_k=5)))
    mine, other = statistics.median(ours[1:]) * 1e3, statistics.median(plain[1:]) * 1e3
    return Row(
        "a question through the retriever, beside the search alone, p50",
        f"{mine:.2f} ms",
        f"{other:.2f} ms",
        other / mine,
        f"{QUERIES} questions in turn, {collection.size:,} chunks, embedded by MiniLM",
    )


def _imported() -> Row:
    times = {
        name: min(
            _seconds(
                lambda code=code: subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
            )
            for _ in range(3)
        )
        for name, code in IMPORTS.items()
    }
    without, within = times.values()
    return Row(
        "starting a process that searches, with the retriever beside without",
        f"{within:.2f} s",
        f"{without:.2f} s",
        without / within,
        "imports alone, best of 3; why our own search asks the collection itself",
    )


def _taken(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
