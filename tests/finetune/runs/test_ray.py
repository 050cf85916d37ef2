"""Domains as tasks of a real Ray cluster of two nodes on this machine, one of which is lost in mid-training."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
from ray.cluster_utils import Cluster  # noqa: E402

from adapt.errors import AdaptError  # noqa: E402
from adapt.records import ProgressEvent  # noqa: E402
from adapt.registry.bases.find import find_base  # noqa: E402
from adapt.registry.registry import Registry  # noqa: E402
from adapt.workspace.folder import Workspace  # noqa: E402
from finetune.runs.ray import finetune_on, share_of, train_run  # noqa: E402
from finetune.runs.request import begin_run, list_runs  # noqa: E402
from finetune.runs.run import finetune  # noqa: E402
from finetune.settings import SftSettings  # noqa: E402
from tests.finetune.runs.test_many import PLAIN, assert_same, requests_of  # noqa: E402

HERE = ["127.0.0.1", "::1", ray.util.get_node_ip_address()]
LONG = SftSettings(epochs=60, rank=4, alpha=8, checkpoint_seconds=0, scored_examples=2)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Return a cluster whose head computes nothing, with two nodes of one processor each."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    )
    head = {"num_cpus": 0, "include_dashboard": False}
    started = Cluster(initialize_head=True, head_node_args=head)
    yield started
    ray.shutdown()
    started.shutdown()


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.allow_hosts(HERE)
@pytest.mark.timeout(180)
def test_all_domains_are_published_once_though_a_node_is_lost(
    cluster: Cluster,
    tiny_folder: Path,
    three: dict[str, Path],
    workspace: Workspace,
    tmp_path: Path,
) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    requests = requests_of({name: three[name] for name in ("short", "uneven")}, tiny_folder, LONG)
    seen: list[str] = []

    def lose_one(event: ProgressEvent) -> None:
        seen.append(event.stage)
        training = {stage for stage in seen if stage.endswith("train")}
        if len(training) == 2 and len(nodes) == 2 and event.done > 5:
            cluster.remove_node(nodes.pop(), allow_graceful=False)

    published = finetune_on(cluster.address, requests, workspace=workspace, progress=lose_one)

    assert len(nodes) == 1
    assert sorted(artifact.reference for artifact in Registry(workspace).list()) == [
        "short@1",
        "uneven@1",
    ]
    assert list_runs(workspace) == []
    assert_same(
        published,
        [finetune(request, workspace=Workspace(tmp_path / request.domain)) for request in requests],
    )


@pytest.mark.slow
def test_a_task_that_is_tried_again_after_it_published_publishes_nothing(
    tiny_folder: Path,
    three: dict[str, Path],
    workspace: Workspace,
) -> None:
    (request,) = requests_of({"short": three["short"]}, tiny_folder, PLAIN)
    record = begin_run(request, find_base(request.base, workspace), workspace)

    first = train_run(record.model_dump_json(), str(workspace.path))
    again = train_run(record.model_dump_json(), str(workspace.path))

    assert first == again == ("short@1", "")
    assert [artifact.reference for artifact in Registry(workspace).list()] == ["short@1"]


def test_a_cluster_that_is_not_there_is_one_sentence(
    tiny_folder: Path,
    three: dict[str, Path],
    workspace: Workspace,
) -> None:
    requests = requests_of({"short": three["short"]}, tiny_folder, PLAIN)

    with pytest.raises(AdaptError, match=r"no Ray cluster at 127\.0\.0\.1:1: .*refused"):
        finetune_on("127.0.0.1:1", requests, workspace=workspace)

    assert list_runs(workspace) == []


def test_a_task_asks_for_no_more_than_the_smallest_machine_has() -> None:
    head: dict[str, float] = {}  # computes nothing

    assert share_of([head, {"CPU": 4.0}, {"CPU": 8.0}], 1) == {"num_cpus": 4}
    assert share_of([{"CPU": 8.0}], 4) == {"num_cpus": 2}
    assert share_of([{"CPU": 2.0}], 4) == {"num_cpus": 1}
    assert share_of([{"CPU": 8.0}, {"CPU": 8.0, "GPU": 1.0}], 2) == {"num_cpus": 1, "num_gpus": 1}
