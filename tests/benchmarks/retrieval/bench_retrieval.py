"""Ingest against llama-index's `IngestionPipeline`, each side in a process of its own; search against Chroma by hand."""

import gzip
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import chromadb
import numpy as np
from chromadb.config import Settings as ChromaSettings

from adapt.embedding.load import load_embedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.search.search import SearchSettings
from tests.benchmarks.report import Row
from tests.benchmarks.starter.bench_starter import DATA, ROOT

PAIRS = 3
SIDES = ("ours", "peer", "peer-our-embedder")
QUERIES = 30
LONGEST = 3_000  # characters of a file, so that two hundred of them take a few seconds
TAKEN = {"docs_es_tech": 60, "scifact_beir": 100, "leyes_uy": 40}
TOPICS = ("holidays", "expenses", "travel", "safety", "training", "pensions", "meetings", "parking")
VERBS = ("must be asked for", "are approved", "are described", "may be refused", "are checked")
WHEN = ("within ten days", "before the end of the month", "by the head of the office", "in writing")


def run() -> list[Row]:
    """Measure, in turn on one machine."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = root / "documents"
        folder.mkdir()
        what = write_documents(folder)
        sides = {side: [] for side in SIDES}  # type: dict[str, list[dict[str, float]]]
        for pair in range(PAIRS):
            for side in SIDES if pair % 2 == 0 else SIDES[::-1]:
                sides[side].append(_side(side, folder, root / f"{side}-{pair}"))
        return [*_ingested(sides, what), *_searched(root, folder)]


def write_documents(folder: Path) -> str:
    """Write real documents, or where there are none handbooks of uneven length; return what they are."""
    if not all((DATA / name).is_dir() for name in TAKEN):
        _write_handbooks(folder)
        return "60 made handbooks"
    pages = sorted((DATA / "docs_es_tech").rglob("*.md"))
    found: dict[str, Iterable[tuple[str, str]]] = {
        "docs_es_tech": (
            (f"{i}.md", one.read_text(encoding="utf-8")) for i, one in enumerate(pages)
        ),
        "scifact_beir": (
            (f"{row['_id']}.txt", f"{row['title']}\n\n{row['text']}")
            for row in _rows(DATA / "scifact_beir" / "corpus.jsonl.gz")
        ),
        "leyes_uy": (
            (f"{row['_id']}.md", row["text"])
            for row in _rows(DATA / "leyes_uy" / "corpus.jsonl.gz")
        ),
    }
    for source, files in found.items():
        short = (one for one in files if 500 < len(one[1]) <= LONGEST)
        for name, text in islice(short, TAKEN[source]):
            (folder / f"{source}-{name}").write_text(text, encoding="utf-8")
    written = [path.stat().st_size for path in folder.iterdir()]
    return f"{len(written)} pages, abstracts and laws, {sum(written) / 1e6:.1f} MB"


def _rows(path: Path) -> Iterable[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _write_handbooks(folder: Path) -> None:
    chance = random.Random(1)
    for i in range(60):
        parts = []
        for section in range(chance.randint(1, 6)):
            topic = chance.choice(TOPICS)
            lines = [
                f"{topic.capitalize()} of unit {i} {chance.choice(VERBS)} {chance.choice(WHEN)}."
                for _ in range(chance.randint(1, 14))
            ]
            parts.append(f"# {topic.capitalize()} {section}\n\n" + " ".join(lines))
        (folder / f"{i:03d}.md").write_text("\n\n".join(parts), encoding="utf-8")


def _side(side: str, folder: Path, scratch: Path) -> dict[str, float]:
    scratch.mkdir()
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.retrieval.ingest_side",
        side,
        str(folder),
        str(scratch),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{side}: {done.stderr[-2_000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _ingested(sides: dict[str, list[dict[str, float]]], what: str) -> list[Row]:
    middle = {
        side: {key: statistics.median(one[key] for one in found) for key in found[0]}
        for side, found in sides.items()
    }
    rows = []
    for side, name in (
        ("peer", "llama-index IngestionPipeline, sentence-transformers, Chroma"),
        ("peer-our-embedder", "the same pipeline with our embedder"),
    ):
        pairs = zip(sides["ours"], sides[side], strict=True)
        ratios = [theirs["seconds"] / mine["seconds"] for mine, theirs in pairs]
        rows.append(
            Row(
                f"ingest, against {name}",
                f"{middle['ours']['seconds']:.1f} s, {middle['ours']['chunks']:,.0f} chunks",
                f"{middle[side]['seconds']:.1f} s, {middle[side]['chunks']:,.0f} chunks",
                round(statistics.median(ratios), 3),
                f"median of {PAIRS} pairs ({min(ratios):.2f} … {max(ratios):.2f}), a process each; {what}",
            )
        )
    mine, theirs = middle["ours"]["peak"], middle["peer"]["peak"]
    rows.append(
        Row(
            "peak memory of the ingest, against the first of these",
            f"{mine / 2**20:,.0f} MiB",
            f"{theirs / 2**20:,.0f} MiB",
            round(theirs / mine, 3),
            "of the whole process, libraries and models in it",
        )
    )
    return rows


def _searched(root: Path, folder: Path) -> list[Row]:
    embedder = load_embedder()
    embedder.embed(["warm"])
    collection = Collection.open_or_create(Workspace(root / "searched"), "bench", embedder)
    started = time.perf_counter()
    collection.ingest([folder])
    whole = time.perf_counter() - started
    started = time.perf_counter()
    collection.ingest([folder])
    again = time.perf_counter() - started

    client = chromadb.PersistentClient(
        str(root / "chroma"), settings=ChromaSettings(anonymized_telemetry=False)
    )
    raw = client.create_collection(
        "raw", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    texts = [path.read_text(encoding="utf-8")[:600] for path in sorted(folder.iterdir())]
    raw.add(
        ids=list(map(str, range(len(texts)))), embeddings=embedder.embed(texts), documents=texts
    )
    questions = [f"When are the {TOPICS[i % 8]} of unit {i} approved?" for i in range(QUERIES)]
    everything = SearchSettings(min_score=-1)
    mine = median_ms(lambda q: collection.search(q, top_k=4, settings=everything), questions)
    theirs = median_ms(
        lambda q: raw.query(query_embeddings=np.asarray(embedder.embed([q])), n_results=4),
        questions,
    )
    return [
        Row(
            "ingest of an unchanged folder, against its first ingest",
            f"{again * 1_000:.0f} ms",
            f"{whole * 1_000:.0f} ms",
            round(whole / again, 1),
        ),
        Row(
            "search p50, against our embedder and Chroma's query by hand",
            f"{mine:.1f} ms",
            f"{theirs:.1f} ms",
            round(theirs / mine, 3),
            "the peer looks by vectors alone, among one chunk a file",
        ),
    ]


def median_ms(ask: Callable[[str], object], questions: list[str]) -> float:
    """Return the median time of a query in milliseconds; the first ones warm up."""
    times = []
    for question in questions:
        started = time.perf_counter()
        ask(question)
        times.append(1_000 * (time.perf_counter() - started))
    return statistics.median(times[3:])
