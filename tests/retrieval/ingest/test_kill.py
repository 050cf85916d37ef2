"""`kill -9` at random moments of an ingest: a search sees the version before or the one after, nothing between."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.search.search import SearchSettings
from retrieval.versions.manifest import named_segments

ROOT = Path(__file__).parents[3]
KILLS = 20
DOCUMENTS = 40
PARTS = 3  # chunks of each document
ALL = SearchSettings(min_score=-1)


def write_generation(folder: Path, generation: int) -> None:
    """Write documents whose every chunk says which generation it is of."""
    for i in range(DOCUMENTS):
        sentence = f"Document {i} of generation {generation} goes on and on about its own subject. "
        (folder / f"{i}.md").write_text(
            "\n\n".join(f"# Part {part}\n\n{sentence * 5}" for part in range(PARTS))
        )


def seen(workspace: Workspace) -> dict[str, list[int]]:
    """Return, for each document that a search sees, the generation of each of its chunks."""
    if not Collection.list(workspace):
        return {}
    collection = Collection.open(workspace, "c", HashEmbedder())
    generations: dict[str, list[int]] = {}
    passages = collection.search("generation", top_k=100_000, settings=ALL)
    collection.close()
    for passage in passages:
        generation = int(passage.chunk.text.split("generation ")[1].split()[0])
        generations.setdefault(passage.chunk.document, []).append(generation)
    return generations


def whole(generation: int) -> dict[str, list[int]]:
    """Return what is seen of a whole generation."""
    return {f"{i}.md": [generation] * PARTS for i in range(DOCUMENTS)}


@pytest.mark.slow
@pytest.mark.faults
def test_a_kill_at_any_moment_of_an_ingest_leaves_one_whole_version(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    command = [
        sys.executable,
        "-m",
        "tests.retrieval.ingest.ingest_worker",
        str(workspace.path),
        str(folder),
    ]
    moments = random.Random(7)
    before, outcomes = 0, []
    longest = None  # seconds that an ingest takes here, at most
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        # the first is not killed: it shows how long one takes
        for generation in range(1, KILLS + 2):
            write_generation(folder, generation)
            worker.stdin.write("go\n")
            child, started = int(worker.stdout.readline()), time.monotonic()
            if longest is not None:
                time.sleep(moments.uniform(0.0, longest))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            outcome = worker.stdout.readline().strip()
            if outcome == "exit 0":
                longest = min(longest or 60.0, time.monotonic() - started)
            outcomes.append(outcome)

            after = seen(workspace)

            assert after in ({}, whole(before), whole(generation)), f"generation {generation}"
            assert after or not before
            if after == whole(generation):
                before = generation
        worker.stdin.close()

    collection = Collection.open_or_create(workspace, "c", HashEmbedder())
    collection.ingest([folder])
    assert seen(workspace) == whole(KILLS + 1)
    left = {p.name for p in (collection.folder / "segments").iterdir()}
    assert left == named_segments(collection.folder)
    assert not (collection.folder / "staged").exists()
    assert set(outcomes) <= {"killed", "exit 0"}
    # kills that come too late prove nothing
    assert outcomes.count("killed") >= KILLS // 2, outcomes
