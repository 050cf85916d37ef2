"""An ingest on a real Ray cluster of two nodes on this machine, one of which is lost meanwhile."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
from ray.cluster_utils import Cluster  # noqa: E402

from adapt.embedding.hash_embedder import HashEmbedder  # noqa: E402
from adapt.errors import ModelError  # noqa: E402
from adapt.records import ProgressEvent  # noqa: E402
from adapt.workspace.folder import Workspace  # noqa: E402
from retrieval.collections.collection import Collection  # noqa: E402
from retrieval.ingest.ingest import IngestSettings  # noqa: E402
from retrieval.ingest.prepared import IngestFile  # noqa: E402
from retrieval.ingest.ray import batches, distribute_on, prepare_files  # noqa: E402
from retrieval.versions.next_version import live_rows  # noqa: E402

HERE = ["127.0.0.1", "::1", ray.util.get_node_ip_address()]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Return a cluster whose head computes nothing, with two nodes of one processor each."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    )
    started = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    yield started
    ray.shutdown()
    started.shutdown()


def rows(collection: Collection) -> dict[str, tuple[str, bytes]]:
    """Return text and vector of every live chunk, by its id."""
    manifest = collection.index.manifest()
    return {
        chunk.chunk_id: (chunk.text, b"".join(vector.tobytes() for vector in each))
        for chunks, vectors in live_rows(collection.folder, manifest, list(manifest.segments))
        for chunk, *each in zip(chunks, *vectors, strict=True)
    }


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.allow_hosts(HERE)
@pytest.mark.timeout(180)
def test_a_cluster_that_loses_a_node_gives_the_same_index_as_one_machine(
    cluster: Cluster, workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for i in range(150):
        (folder / f"{i:03d}.md").write_text(
            f"# Rule {i}\n\n" + f"Door {i} opens at {i % 24}. " * 20
        )
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    events: list[ProgressEvent] = []

    def lose_one(event: ProgressEvent) -> None:
        events.append(event)
        if event.stage == "on the cluster" and len(nodes) == 2:
            cluster.remove_node(nodes.pop(), allow_graceful=False)

    spread = Collection.open_or_create(workspace, "spread", HashEmbedder())
    distribute = distribute_on(cluster.address, "hash", HashEmbedder().identity, progress=lose_one)
    report = spread.ingest([folder], progress=lose_one, distribute=distribute)
    alone = Collection.open_or_create(workspace, "alone", HashEmbedder())
    expected = alone.ingest([folder])

    assert len(nodes) == 1
    assert (report.added, report.failed) == (expected.added, expected.failed)
    assert len(report.added) == 150
    assert rows(spread) == rows(alone)
    assert not (spread.folder / "staged").exists()


def test_a_machine_with_another_embedder_of_that_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="hash@256 on one of the machines and other@1 here"):
        prepare_files("[]", str(tmp_path), IngestSettings(), "hash", "other@1")


def test_tasks_are_small_in_files_and_in_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.txt" for i in range(130)]
    for i, path in enumerate(paths):
        path.write_bytes(b"x" * (1_500_000 if i in (3, 4) else 10))
    sources = [IngestFile(path.name, path, "") for path in [*paths, tmp_path / "gone.txt"]]

    groups = list(batches(sources))

    assert [source for batch in groups for source in batch] == sources
    assert [len(batch) for batch in groups] == [4, 64, 63]
