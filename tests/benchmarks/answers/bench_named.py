"""Search for what a person names: articles, annexes, numbers, names of files; and pairs that differ in a word, none dropped.

The documents are made here (`named_documents`); ingest, search and embedder are the product's own, with their defaults.
"""

import tempfile
from pathlib import Path

from adapt.embedding.load import load_embedder
from adapt.protocols import TextEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.index.filters import Filter
from tests.benchmarks.answers.named_documents import (
    Kind,
    annexes,
    articles,
    file_names,
    numbers,
    pairs,
    repeats,
)
from tests.benchmarks.report import Row

GOAL = 0.95  # share of the questions whose document or section is first
PAIR = 2
LEAST_DROPPED = 0.9  # of true repeats


def run() -> list[Row]:
    """Measure each kind in a collection of its own, then all in one."""
    embedder = load_embedder()
    kinds = [articles(), annexes(), numbers(), file_names()]
    every = Kind("all of these in one collection")
    for kind in kinds:
        every.documents |= kind.documents
        every.questions += kind.questions
    rows = [_first(kind, embedder) for kind in [*kinds, every]]
    return [*rows, *_distinct(embedder)]


def _first(kind: Kind, embedder: TextEmbedder) -> Row:
    with tempfile.TemporaryDirectory() as name:
        collection = _ingested(Path(name), kind.documents, embedder)
        missed = []
        for question, document, holds in kind.questions:
            passages = collection.search(question)
            first = passages[0].chunk if passages else None
            if first is None or first.document != document or holds not in f"{first.text}\n":
                missed.append(question)
        collection.close()
    count = len(kind.questions)
    share = 1 - len(missed) / count
    return Row(
        f"{kind.name}: asked for by name, first",
        f"{count - len(missed)} of {count}",
        f"goal {GOAL:.0%}",
        share / GOAL,
        f"{len(kind.documents)} documents" + (f"; not: {'; '.join(missed[:6])}" if missed else ""),
    )


def _distinct(embedder: TextEmbedder) -> list[Row]:
    """Search pairs that differ in a word, and pairs that do not; of each pair only the two are looked at."""
    counts = []
    for cases in (pairs(), repeats()):
        documents = {
            f"{n}/{name}.txt": text
            for n, case in enumerate(cases)
            for name, text in zip("ab", case[:PAIR], strict=True)
        }
        with tempfile.TemporaryDirectory() as name:
            collection = _ingested(Path(name), documents, embedder)
            given = [
                {p.chunk.document for p in collection.search(question, only=Filter(documents=(f"{n}/*",)))}
                for n, (_, _, question) in enumerate(cases)
            ]  # fmt: skip
            collection.close()
        counts.append((sum(len(words) < PAIR for words in given), len(cases)))
    (differing, pairs_), (same, repeats_) = counts
    return [
        Row(
            "pairs that differ in a word, in seven languages: one of the two not given",
            f"{differing} of {pairs_}", "limit 0", 1 / (1 + differing), "a negation, a number, a day, a name, an opposite",
        ),
        Row(
            "pairs that say the same, set otherwise: the repeat left out",
            f"{same} of {repeats_}", f"goal {LEAST_DROPPED:.0%}", same / repeats_ / LEAST_DROPPED,
            "capitals, line ends, list marks, accents, commas, bold",
        ),
    ]  # fmt: skip


def _ingested(root: Path, documents: dict[str, str], embedder: TextEmbedder) -> Collection:
    folder = root / "documents"
    folder.mkdir()
    for file, text in documents.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    collection = Collection.open_or_create(Workspace(root / "workspace"), "c", embedder)
    collection.ingest([folder])
    return collection
