"""What every vector store does, by one set of tests: the nearest that count, live versions, readers, removal for good."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.protocols import no_progress
from adapt.records import Chunk
from adapt.workspace.folder import Workspace
from retrieval.chunks.ids import chunk_id, document_key
from retrieval.collections.collection import Collection
from retrieval.collections.owner import delete, remove, rollback
from retrieval.index.segment_index import SegmentIndex
from retrieval.index.stores.chroma.folders import ChromaFolders
from retrieval.index.stores.store import ExactStore, Near, VectorStore
from retrieval.index.vectors import Vectors
from retrieval.search.search import SearchSettings
from retrieval.versions.segment import SegmentWriter

pytestmark = pytest.mark.slow

STORES = ("exact", "chroma")
ALL = SearchSettings(min_score=-1, lexical=False, strict=False)
SIZES = (700, 300, 40)  # of the segments
ROOT = Path(__file__).parents[4]
READER = """
import sys
from pathlib import Path
from adapt.embedding.hash_embedder import HashEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.search.search import SearchSettings

ask = SearchSettings(min_score=-1, lexical=False, strict=False)
collection = Collection.open(Workspace(Path(sys.argv[1])), "c", HashEmbedder())
while line := sys.stdin.readline():
    found = collection.search(line.strip(), top_k=1_000, settings=ask)
    print(len({one.chunk.document for one in found}), flush=True)
"""


class DenseEmbedder(HashEmbedder):
    """Draws a vector for each text, no number of which is 0, so that any four of them are known again."""

    name, identity = "dense", "dense@1"

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        drawn = [np.random.default_rng(seed).normal(size=64) for seed in seeds]
        return [(vector / np.linalg.norm(vector)).tolist() for vector in drawn]


def draw(count: int, seed: int) -> Vectors:
    """Return vectors of length 1 around a few centres."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(12, 48))
    vectors = centres[chance.integers(12, size=count)] + chance.normal(size=(count, 48))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for segments."""
    return tmp_path_factory.mktemp("segments")


@pytest.fixture(scope="module")
def segments(root: Path) -> dict[str, SegmentIndex]:
    """Return three segments with the vectors of two embedders; every third chunk is in Spanish."""
    for place, size in enumerate(SIZES):
        writer = SegmentWriter(root / f"s{place}")
        key = document_key(f"{place}", "1")
        chunks = [
            Chunk(chunk_id(key, i), f"{place}", "1", "text", language=("es", "en", "en")[i % 3])
            for i in range(size)
        ]
        writer.add(chunks, (draw(size, place), draw(size, place + 10)))
        writer.seal()
    return {path.name: SegmentIndex(path) for path in sorted(root.iterdir())}


@pytest.fixture(scope="module", params=STORES)
def store(
    request: pytest.FixtureRequest, segments: dict[str, SegmentIndex], root: Path
) -> Iterator[VectorStore]:
    """Return each store over these segments."""
    opened: VectorStore = ExactStore() if request.param == "exact" else ChromaFolders(root)
    opened.keep(segments, segments, no_progress)
    yield opened
    opened.close()


def near(vector: Vectors, count: int, **changes: object) -> Near:
    return Near(
        **{"vector": vector, "embedder": 0, "count": count, "masks": (None,) * 3, **changes}
    )


def true_nearest(
    segments: dict[str, SegmentIndex],
    asked: Near,
    counts: Callable[[int, int], bool] = lambda _segment, _row: True,
) -> set[tuple[int, int]]:
    """Return the nearest by comparing all in double precision."""
    scored = [
        (float(row_vector.astype(np.float64) @ asked.vector), place, row)
        for place, segment in enumerate(segments.values())
        for row, row_vector in enumerate(segment.near[asked.embedder].vectors)
        if counts(place, row)
    ]
    return {(place, row) for _, place, row in sorted(scored, reverse=True)[: asked.count]}


def found_by(
    store: VectorStore, segments: dict[str, SegmentIndex], asked: Near
) -> set[tuple[int, int]]:
    rows = store.near(segments, asked)
    assert all(list(segment_rows) == sorted(segment_rows) for segment_rows in rows)
    return {(place, int(row)) for place, segment_rows in enumerate(rows) for row in segment_rows}


def recall(proposed: list[set[tuple[int, int]]], true: list[set[tuple[int, int]]]) -> float:
    assert [len(pairs) for pairs in proposed] == [len(pairs) for pairs in true]
    return sum(len(a & b) for a, b in zip(proposed, true, strict=True)) / sum(map(len, true))


@pytest.mark.parametrize("embedder", [0, 1])
@pytest.mark.parametrize("count", [1, 10, 100])
def test_the_nearest_of_all_segments_are_found(
    store: VectorStore, segments: dict[str, SegmentIndex], count: int, embedder: int
) -> None:
    asked = [near(vector, count, embedder=embedder) for vector in draw(30, 99)]

    proposed = [found_by(store, segments, query) for query in asked]

    assert recall(proposed, [true_nearest(segments, query) for query in asked]) >= 0.99


def test_what_is_not_live_takes_the_place_of_nothing_however_near(
    store: VectorStore, segments: dict[str, SegmentIndex]
) -> None:
    proposed, true = [], []
    for vector in draw(30, 99):
        dead = true_nearest(segments, near(vector, 200))
        masks = tuple(
            np.array([(place, row) not in dead for row in range(size)])
            for place, size in enumerate(SIZES)
        )
        asked = near(vector, 10, masks=masks)
        proposed.append(found_by(store, segments, asked))
        true.append(true_nearest(segments, asked, lambda *at, dead=dead: at not in dead))

    assert recall(proposed, true) >= 0.99


def test_languages_narrow_what_is_looked_at(
    store: VectorStore, segments: dict[str, SegmentIndex]
) -> None:
    asked = [near(vector, 10, languages=("es",)) for vector in draw(30, 99)]

    proposed = [found_by(store, segments, query) for query in asked]

    true = [true_nearest(segments, query, lambda _, row: row % 3 == 0) for query in asked]
    assert recall(proposed, true) >= 0.99


def test_where_fewer_count_than_are_asked_for_these_are_all(
    store: VectorStore, segments: dict[str, SegmentIndex]
) -> None:
    masks = tuple(np.arange(size) < 3 for size in SIZES)
    [vector] = draw(1, 5)

    proposed = found_by(store, segments, near(vector, 10, masks=masks))
    none = store.near(segments, near(vector, 10, masks=tuple(mask & False for mask in masks)))

    assert proposed == {(place, row) for place in range(3) for row in range(3)}
    assert [len(rows) for rows in none] == [0, 0, 0]


def test_a_closed_store_opens_again(store: VectorStore, segments: dict[str, SegmentIndex]) -> None:
    asked = near(draw(1, 5)[0], 10)
    before = found_by(store, segments, asked)

    store.close()

    assert found_by(store, segments, asked) == before


@pytest.fixture(params=STORES)
def setting(request: pytest.FixtureRequest, workspace: Workspace) -> str:
    """Return each setting, written into the workspace's file."""
    name: str = request.param
    (workspace.path / "adapt.toml").write_text(f'[collections]\nstore = "{name}"\n')
    return name


@pytest.fixture
def collection(setting: str, workspace: Workspace) -> Collection:
    """Return a collection that is kept in each store."""
    del setting
    return Collection.open_or_create(workspace, "c", HashEmbedder())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of rules."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for i in range(60):
        (docs / f"{i:03d}.txt").write_text(f"Rule {i * 7919} of room {i % 17} concerns door {i}.")
    return docs


def chroma_folders(collection: Collection) -> list[Path]:
    return sorted(collection.folder.glob("segments/*/chroma*"))


def documents(collection: Collection, question: str, top_k: int = 1_000) -> list[str]:
    return [
        passage.chunk.document for passage in collection.search(question, top_k=top_k, settings=ALL)
    ]


@pytest.mark.slow
def test_a_search_sees_the_live_version_and_one_that_is_brought_back(
    collection: Collection, setting: str, folder: Path
) -> None:
    collection.ingest([folder])
    (folder / "007.txt").write_text("The lift is out of order.")
    (folder / "008.txt").unlink()

    collection.ingest([folder], prune=True)
    now = collection.search("The lift is out of order", top_k=100, settings=ALL)
    rollback(collection)
    then = documents(collection, "Rule 55433 of room 7 concerns door 7", 60)

    assert now[0].chunk.document == "007.txt"
    assert len({passage.chunk.document for passage in now}) == 59
    assert len(set(then)) == 60
    assert then[0] == "007.txt"
    live = [
        collection.folder / "segments" / segment for segment in collection.versions()[0].segments
    ]
    assert [(path / "chroma").is_dir() for path in live] == [setting == "chroma"] * len(live)


@pytest.mark.slow
def test_readers_in_other_processes_see_whole_versions_while_one_writes(
    collection: Collection, folder: Path
) -> None:
    collection.ingest([folder])
    command = [sys.executable, "-c", READER, str(collection.workspace.path)]
    readers = [
        subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    seen: list[int] = []
    try:
        for turn in range(3):
            for reader in readers:  # they answer while the ingest is under way
                assert reader.stdin is not None
                reader.stdin.write("door 7\n" * 3)
                reader.stdin.flush()
            (folder / f"new-{turn}.txt").write_text(f"Rule of the new door {turn}.")
            collection.ingest([folder])
            for reader in readers:
                assert reader.stdout is not None
                seen += [int(reader.stdout.readline()) for _ in range(3)]
    finally:
        for reader in readers:
            reader.communicate(timeout=60)

    assert [reader.returncode for reader in readers] == [0, 0, 0]
    assert set(seen) <= {60, 61, 62, 63}
    assert len(seen) == 27


@pytest.mark.slow
def test_what_is_removed_for_good_leaves_no_byte(
    setting: str, workspace: Workspace, folder: Path
) -> None:
    embedder = DenseEmbedder()
    collection = Collection.open_or_create(workspace, "c", embedder)
    rule = "The vault of room 99 opens by the word quokka."
    (folder / "vault.txt").write_text(rule)
    collection.ingest([folder])
    passages = collection.search("door", top_k=100, settings=ALL)
    [chunk] = [passage.chunk for passage in passages if passage.chunk.document == "vault.txt"]
    vector = np.array(embedder.embed([rule])[0], np.float32)
    fours = [vector[start : start + 4].tobytes() for start in range(61)]
    # a file's name, and the digest in its chunks' ids, are not to stay either
    traces = {"text": [b"quokka", b"vault.txt"], "id": [chunk.chunk_id.encode()], "vector": fours}
    holders = {name: files_with(collection.folder, trace) for name, trace in traces.items()}

    remove(collection, "vault.txt")
    collection.search("door", settings=ALL)

    assert all(holders.values())
    in_chroma = {name: any("chroma" in file for file in files) for name, files in holders.items()}
    uses = setting == "chroma"
    assert in_chroma == {"text": False, "id": uses, "vector": uses}
    left = {name: files_with(collection.folder, trace) for name, trace in traces.items()}
    assert left == {"text": [], "id": [], "vector": []}
    assert len(chroma_folders(collection)) == (1 if uses else 0)


@pytest.mark.slow
def test_a_deleted_collection_leaves_nothing(collection: Collection, folder: Path) -> None:
    collection.ingest([folder])
    collection.search("door", settings=ALL)

    delete(collection)

    assert not collection.folder.exists()


def files_with(folder: Path, traces: list[bytes]) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(trace in path.read_bytes() for trace in traces)
    ]


def test_nothing_is_left_of_the_other_store_when_the_setting_changes(
    workspace: Workspace, folder: Path
) -> None:
    answers = {}
    for name in ("exact", "chroma", "exact"):
        (workspace.path / "adapt.toml").write_text(f'[collections]\nstore = "{name}"\n')
        collection = Collection.open_or_create(workspace, "c", HashEmbedder())
        collection.ingest([folder])
        answers[name] = documents(collection, "door 7", 5)
        assert bool(chroma_folders(collection)) == (name == "chroma")
    assert answers["exact"] == answers["chroma"]


def test_a_segment_that_chroma_lacks_is_compared_whole_and_made_by_the_next_ingest(
    workspace: Workspace, folder: Path
) -> None:
    (workspace.path / "adapt.toml").write_text('[collections]\nstore = "chroma"\n')
    collection = Collection.open_or_create(workspace, "c", HashEmbedder())
    collection.ingest([folder])
    expected = documents(collection, "door 7", 5)
    [path] = chroma_folders(collection)
    collection.close()
    shutil.rmtree(path)

    answered = documents(collection, "door 7", 5)
    collection.ingest([folder])

    assert answered == expected
    assert chroma_folders(collection) == [path]
