"""Ingests of real documents with the default embedder, killed with SIGKILL at random moments again and again.

After every kill a search sees one whole version or none; at the end the index equals a clean build's, chunk for chunk.
`ADAPT_INGEST_KILLS` says how many kills (50 unless set).
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from adapt.embedding.load import load_embedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.versions.manifest import named_segments
from retrieval.versions.next_version import live_rows
from tests.benchmarks.report import Row

KILLS = int(os.environ.get("ADAPT_INGEST_KILLS", "50"))
ROOT = Path(__file__).parents[3]
DOCUMENTS, CHANGED = 160, 40
Rows = dict[str, tuple[str, bytes]]


def run() -> list[Row]:
    """Kill until the number is reached, then compare."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = root / "docs"
        folder.mkdir()
        for i in range(DOCUMENTS):
            _write(folder, i, 0, draw)
        workspace = Workspace(root / "killed")
        began = time.monotonic()
        _start(workspace, folder).wait()
        whole = time.monotonic() - began
        kills = at_work = torn = rounds = 0
        while kills < KILLS:
            rounds += 1
            for i in draw.sample(range(DOCUMENTS), CHANGED):
                _write(folder, i, rounds, draw)
            before = _version(workspace)
            process = _start(workspace, folder)
            time.sleep(draw.uniform(0, whole))
            process.send_signal(signal.SIGKILL)
            at_work += process.wait() == -signal.SIGKILL
            kills += 1
            torn += _version(workspace) not in (before, before + 1) or not _is_whole(workspace)
        _start(workspace, folder).wait()
        expected = Workspace(root / "clean")
        _start(expected, folder).wait()
        same = _rows(workspace) == _rows(expected)
        collection = workspace.collections / "c"
        left = {path.name for path in (collection / "segments").iterdir()}
        orphans = len(left - named_segments(collection)) + (collection / "staged").exists()
    return [
        Row(
            "kill -9 in an ingest: versions half seen, or an index unlike a clean build's",
            f"{torn + (not same)} of {kills}",
            "0",
            1.0 if same and not torn else 0.0,
            f"{at_work} kills came at work, {DOCUMENTS} documents of which {CHANGED} change each time; afterwards "
            f"{'equal' if same else 'UNEQUAL'} chunk for chunk (text and vector), {orphans} files left over",
        )
    ]


def _write(folder: Path, number: int, generation: int, draw: random.Random) -> None:
    lines = [
        f"Unit {number} says in its letter {draw.randint(0, 9_999)}, number {generation}."
        for _ in range(40)
    ]
    (folder / f"{number:03d}.md").write_text(f"# Unit {number}\n\n" + " ".join(lines))


def _start(workspace: Workspace, folder: Path) -> "subprocess.Popen[bytes]":
    words = [
        "ingest",
        str(folder),
        "--collection",
        "c",
        "--prune",
        "--workspace",
        str(workspace.path),
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "ui.cli.main", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _version(workspace: Workspace) -> int:
    return Collection.open(workspace, "c", load_embedder("minilm")).version


def _is_whole(workspace: Workspace) -> bool:
    """Return whether every document that the version names has all its chunks."""
    collection = Collection.open(workspace, "c", load_embedder("minilm"))
    counts: dict[str, int] = {}
    for chunk in collection.index.live_chunks():
        counts[chunk.document] = counts.get(chunk.document, 0) + 1
    return counts == {name: entry.chunks for name, entry in collection.documents().items()}


def _rows(workspace: Workspace) -> Rows:
    collection = Collection.open(workspace, "c", load_embedder("minilm"))
    manifest = collection.index.manifest()
    return {
        chunk.chunk_id: (chunk.text, b"".join(vector.tobytes() for vector in each))
        for chunks, vectors in live_rows(collection.folder, manifest, list(manifest.segments))
        for chunk, *each in zip(chunks, *vectors, strict=True)
    }
