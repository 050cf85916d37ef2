import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapt.errors import AdaptError, NotFoundError, WorkspaceError
from adapt.registry.artifacts import BaseRecord, DataRecord, FileRecord, sha256_file
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace

PUBLISH = """
import sys
from pathlib import Path
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace

registry = Registry(Workspace(Path(sys.argv[1])))
for _ in range(int(sys.argv[3])):
    with registry.stage(sys.argv[2]) as staging:
        for number in range(4):
            (staging.path / f"part{number}.bin").write_bytes(bytes([number]) * 300_000)
        print(staging.publish("adapter").reference, flush=True)
"""


def publish(registry: Registry, name: str = "support", text: str = "one", **card: object) -> str:
    with registry.stage(name) as staging:
        (staging.path / "weights.txt").write_text(text)
        return staging.publish("adapter", **card).reference  # type: ignore[arg-type]


def test_versions_count_up_and_the_newest_is_the_candidate(registry: Registry) -> None:
    references = [publish(registry), publish(registry)]

    assert references == ["support@1", "support@2"]
    assert registry.aliases("support") == {"candidate": 2}
    assert registry.get("support").reference == "support@2"


def test_a_card_comes_back_equal(registry: Registry) -> None:
    reference = publish(
        registry,
        base=BaseRecord(id="starter", sha256="ab"),
        parents=("other@1",),
        settings={"rank": 16, "targets": ["q", "v"]},
        data=(DataRecord(name="a.jsonl", sha256="cd", rows=3),),
        metrics={"exact": 0.5},
        licence="CC0-1.0",
    )

    card = registry.get(reference).card

    assert card.base == BaseRecord(id="starter", sha256="ab")
    assert card.parents == ("other@1",)
    assert card.settings == {"rank": 16, "targets": ["q", "v"]}
    assert card.data[0].rows == 3
    assert card.metrics == {"exact": 0.5}
    assert set(card.files) == {"weights.txt"}


def test_promotion_and_rollback_move_the_production_alias(registry: Registry) -> None:
    publish(registry)
    registry.promote("support@1")
    publish(registry)

    before = registry.get("support").reference
    registry.promote("support")
    promoted = registry.get("support").reference
    registry.rollback("support")

    assert (before, promoted) == ("support@1", "support@2")
    assert registry.get("support@production").reference == "support@1"
    with pytest.raises(AdaptError, match="no earlier production version"):
        registry.rollback("support")


def test_an_unknown_name_is_answered_with_the_near_one(registry: Registry) -> None:
    publish(registry)

    with pytest.raises(NotFoundError, match="no model named 'suport'; did you mean support"):
        registry.get("suport")
    with pytest.raises(
        NotFoundError, match="no version of 'support' named '7'; there is: 1, candidate"
    ):
        registry.get("support@7")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "a" * 65, "a..b", "x\n"])
def test_a_name_cannot_lead_out_of_the_workspace(registry: Registry, name: str) -> None:
    with pytest.raises(AdaptError, match="cannot name a model"):
        publish(registry, name)
    assert registry.list() == []


def test_an_exception_while_staging_leaves_nothing(
    registry: Registry, workspace: Workspace
) -> None:
    def fail_half_way() -> None:
        with registry.stage("support") as staging:
            (staging.path / "half.bin").write_bytes(b"x")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail_half_way()

    assert registry.list() == []
    assert [p for p in workspace.artifacts.rglob("*") if p.is_file()] == []


def test_removal_spares_parents_and_production_and_never_reuses_a_number(
    registry: Registry,
) -> None:
    publish(registry)
    publish(registry, "merged", parents=("support@1",))
    with pytest.raises(AdaptError, match="merged@1 came from it"):
        registry.remove("support@1")
    registry.promote("merged@1")
    with pytest.raises(AdaptError, match="in production"):
        registry.remove("merged@1")

    registry.remove("merged@1", force=True)
    registry.remove("support@1")

    assert registry.list() == []
    assert publish(registry) == "support@2"


def test_verify_names_what_was_changed_added_and_lost(registry: Registry) -> None:
    publish(registry)
    publish(registry)
    publish(registry)
    folder = registry.get("support@1").path.parent
    (folder / "1" / "weights.txt").write_text("changed")
    (folder / "2" / "weights.txt").unlink()
    (folder / "2" / "extra.txt").write_text("new")
    (folder / "3" / "card.json").write_text("{")

    faults = registry.verify()

    assert faults[0] == "support@1: weights.txt was changed after publication (SHA-256 differs)"
    assert "support@2: weights.txt is missing" in faults
    assert "support@2: extra.txt is not in its card" in faults
    assert "damaged" in faults[3]


def test_a_damaged_card_is_one_sentence(registry: Registry) -> None:
    publish(registry)
    (registry.get("support@1").path / "card.json").write_text("{")

    with pytest.raises(WorkspaceError, match=r"card\.json: damaged"):
        registry.get("support@1")


def test_lineage_reaches_the_oldest_parent_and_marks_what_was_removed(registry: Registry) -> None:
    publish(registry, "a")
    publish(registry, "b", parents=("a@1", "gone@4"))

    rows = [(depth, name, artifact is not None) for depth, name, artifact in registry.lineage("b")]

    assert rows == [(0, "b@1", True), (1, "a@1", True), (1, "gone@4", False)]


@pytest.mark.slow
def test_two_processes_publish_at_once_without_losing_a_version(workspace: Workspace) -> None:
    command = [sys.executable, "-c", PUBLISH, str(workspace.path), "both", "8"]
    first, second = (subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2))

    printed = (first.communicate()[0] + second.communicate()[0]).split()

    registry = Registry(workspace)
    assert sorted(printed) == sorted(f"both@{n}" for n in range(1, 17))
    assert [a.reference for a in registry.versions("both")] == [f"both@{n}" for n in range(1, 17)]
    assert registry.verify() == []


@pytest.mark.faults
@pytest.mark.slow
def test_kill_9_at_20_random_moments_leaves_no_half_entry(workspace: Workspace) -> None:
    draw = random.Random(7)
    registry = Registry(workspace)
    killed_while_staging = 0
    for _ in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", PUBLISH, str(workspace.path), "killed", "1000"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.uniform(0, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        killed_while_staging += len(list((workspace.artifacts / ".staging").glob("*.lock")))
        assert registry.verify() == []

    assert killed_while_staging > 0
    assert len(registry.versions("killed")) >= 20
    publish(registry, "killed")
    assert list((workspace.artifacts / ".staging").iterdir()) == []


def test_the_disk_holds_what_the_card_says(registry: Registry) -> None:
    reference = publish(registry, text="exact")

    card = json.loads((registry.get(reference).path / "card.json").read_text())

    assert card["files"]["weights.txt"]["bytes"] == len("exact")
    assert Path(registry.get(reference).path / "weights.txt").read_text() == "exact"


def test_what_was_hashed_while_it_was_written_is_not_read_again_unless_its_size_differs(
    workspace: Workspace,
) -> None:
    registry = Registry(workspace)
    with registry.stage("model") as staging:
        (staging.path / "a").write_bytes(b"12")
        (staging.path / "b").write_bytes(b"12")
        known = {
            "a": FileRecord(sha256="as told", bytes=2),
            "b": FileRecord(sha256="of another", bytes=3),
        }
        artifact = staging.publish("model", known=known)

    assert artifact.card.files["a"].sha256 == "as told"
    assert artifact.card.files["b"].sha256 == sha256_file(artifact.path / "b")
