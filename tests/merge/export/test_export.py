"""Export: what is written is whole, answers as the artifact does, and says its licences; or nothing is there."""

import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from adapt.errors import AdaptError, ModelError, WorkspaceError
from adapt.registry.artifacts import Artifact
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.export import folder as export_folder
from merge.export.engines import has_llama_cpp
from merge.export.export import Exported, export
from merge.export.job import Request
from merge.export.verify import PROMPTS
from tests.merge.export.exported import publish_adapter, publish_model


@pytest.fixture
def team(workspace: Workspace, tiny_folder: Path, tiny_adapter: Path) -> Artifact:
    """Return a model of two adapters, all in the registry."""
    publish_adapter(workspace, "support", tiny_adapter, tiny_folder)
    publish_adapter(workspace, "dates", tiny_adapter, tiny_folder, licence="Apache-2.0")
    return publish_model(workspace, "team", tiny_folder, parents=("support@1", "dates@1"))


def run(workspace: Workspace, *names: str, out: Path | None, **asked: object) -> Exported:
    return export(workspace, names, out, replace(Request(), **asked))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_folder_is_a_copy_that_answers_alike_with_a_card_of_all_it_is_made_of(
    workspace: Workspace, team: Artifact, tmp_path: Path
) -> None:
    exported = run(workspace, "team", out=tmp_path / "out")

    printed = exported.as_json()
    assert (printed["artifact"], printed["verified"], printed["licence"]) == (
        "team@1",
        True,
        "MIT AND Apache-2.0",
    )
    assert exported.verification.figures["same"] == len(PROMPTS)
    copied = {path.name for path in (tmp_path / "out").iterdir()}
    assert copied == {path.name for path in team.path.iterdir()} - {"card.json"} | {"README.md"}
    weights = (tmp_path / "out" / "model.safetensors").read_bytes()
    assert weights == (team.path / "model.safetensors").read_bytes()
    card = (tmp_path / "out" / "README.md").read_text()
    for part in (
        "| support@1 | adapter | MIT |",
        "| dates@1 | adapter | Apache-2.0 |",
        "train.jsonl",
        '"merge_method": "ties"',
        '"retention": 0.9',
        "All of them together: MIT AND Apache-2.0.",
        "20 of 20 answers",
    ):
        assert part in card, part
    assert str(tmp_path) not in card
    assert "license_name: MIT AND Apache-2.0" in card


@pytest.mark.slow
def test_an_adapter_is_opened_again_on_its_base(
    workspace: Workspace, team: Artifact, tmp_path: Path
) -> None:
    exported = run(workspace, "support", out=tmp_path / "out")

    assert exported.verification.verified
    assert "peft" in exported.verification.engine
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_an_adapter_without_its_base_is_exported_and_that_is_said(
    workspace: Workspace, tiny_adapter: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    base = shutil.copytree(tiny_folder, tmp_path / "base")
    publish_adapter(workspace, "alone", tiny_adapter, base)
    shutil.rmtree(base)

    exported = run(workspace, "alone", out=tmp_path / "out")

    assert not exported.verification.verified
    assert exported.verification.sentence.startswith(
        "not verified: alone@1 itself cannot be opened here"
    )


@pytest.mark.slow
def test_a_copy_that_answers_otherwise_is_refused_and_nothing_is_left(
    workspace: Workspace, team: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = export_folder.copy_files

    def spoils(artifact: Artifact, folder: Path) -> None:
        copy(artifact, folder)
        path = folder / "model.safetensors"
        save_file({name: weight * -1 for name, weight in load_file(path).items()}, path)

    monkeypatch.setattr("merge.export.folder.copy_files", spoils)

    with pytest.raises(AdaptError, match="nothing is exported, what was written differs in trans"):
        run(workspace, "team", out=tmp_path / "place" / "out")
    assert not list((tmp_path / "place").iterdir())

    exported = run(workspace, "team", out=tmp_path / "place" / "out", verify=False)
    assert exported.verification.sentence == "not verified: --no-verify was given"


def test_a_damaged_artifact_is_not_exported(
    workspace: Workspace, team: Artifact, tmp_path: Path
) -> None:
    (team.path / "config.json").write_text("{}")

    with pytest.raises(AdaptError, match=r"team@1 is not exported: .*config.json was changed"):
        run(workspace, "team", out=tmp_path / "out")


def test_licences_that_conflict_stop_an_export_unless_accepted(
    workspace: Workspace, tiny_folder: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    publish_adapter(workspace, "old", tiny_adapter, tiny_folder, licence="GPL-2.0-only")
    publish_adapter(workspace, "new", tiny_adapter, tiny_folder, licence="Apache-2.0")
    publish_model(workspace, "both", tiny_folder, parents=("old@1", "new@1"))

    with pytest.raises(AdaptError, match=r"old@1 \(GPL-2.0-only\) and new@1 \(Apache-2.0\)"):
        run(workspace, "both", out=tmp_path / "out", verify=False)
    assert not (tmp_path / "out").exists()

    exported = run(workspace, "both", out=tmp_path / "out", verify=False, accept_licences=True)
    assert len(exported.as_json()["licence_conflicts"]) == 1  # type: ignore[arg-type]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "In conflict, and accepted by the person who exported this" in card


def test_a_parent_that_was_removed_leaves_what_the_merge_itself_says(
    workspace: Workspace, team: Artifact, tmp_path: Path
) -> None:
    Registry(workspace).remove("dates@1", force=True)

    exported = run(workspace, "team", out=tmp_path / "out", verify=False)

    assert "team@1: no licence is stated" in exported.licences.warnings
    assert exported.licences.licences["support@1"] == "MIT"


@pytest.mark.parametrize(
    ("asked", "names", "out", "says"),
    [
        ({"form": "onnx"}, ("team",), "x", "--to onnx is not known; there are hf, gguf, ollama"),
        ({}, ("team", "support"), "x", "--to hf takes one model or adapter"),
        ({"kind": "f16"}, ("team",), "x", "--type is for --to gguf"),
        ({"form": "gguf", "kind": "q9"}, ("team",), "x", "--type q9 is not known; there are f32"),
        ({"form": "hub"}, ("team",), None, "--repo OWNER/NAME and --to hub go together"),
        ({"repository": "a/b"}, ("team",), "x", "--repo OWNER/NAME and --to hub go together"),
        ({"form": "hub", "repository": "a/b"}, ("team",), "x", "--to hub has none"),
        ({}, ("team",), None, "--out names the new file or folder"),
        ({"form": "gguf"}, ("support",), "x", "support@1 is an adapter; GGUF holds a whole model"),
        ({"form": "ollama"}, ("support",), "x", "merge it first: adapt merge NAME --adapter supp"),
        ({"form": "vllm"}, ("team", "support"), "x", "--to vllm takes one model, or adapters"),
        ({}, ("nobody",), "x", "no model named 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(  # noqa: PLR0917  three fixtures and a row
    workspace: Workspace,
    team: Artifact,
    tmp_path: Path,
    asked: dict[str, object],
    names: tuple[str, ...],
    out: str | None,
    says: str,
) -> None:
    with pytest.raises(AdaptError, match=says.replace("(", r"\(")):
        run(workspace, *names, out=tmp_path / out if out else None, **asked)

    assert not (tmp_path / "x").exists()


def test_other_kinds_of_artifact_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    with Registry(workspace).stage("pairs") as staging:
        (staging.path / "pairs.jsonl").write_text("{}\n")
        staging.publish("preferences")

    with pytest.raises(AdaptError, match="pairs@1 is a preferences; models and adapters are"):
        run(workspace, "pairs", out=tmp_path / "x")


@pytest.mark.parametrize("form", ["hf", "gguf", "ollama", "vllm"])
def test_what_is_there_stays_and_an_empty_folder_is_taken(
    workspace: Workspace, team: Artifact, tmp_path: Path, form: str
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine").write_text("mine")

    with pytest.raises(AdaptError, match="exists; name another one with --out"):
        run(workspace, "team", out=target, form=form, verify=False)
    assert (target / "mine").read_text() == "mine"

    (target / "mine").unlink()
    assert run(workspace, "team", out=target, form=form, verify=False).path == str(target)


@pytest.mark.parametrize("form", ["hf", "gguf", "ollama", "vllm"])
def test_a_full_disk_leaves_nothing_and_the_next_run_succeeds(
    workspace: Workspace, team: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    place = tmp_path / "place"
    with monkeypatch.context() as patched:
        patched.setattr("merge.export.folder.shutil.copytree", full)
        patched.setattr("merge.export.gguf.writer.tensor_bytes", full)
        with pytest.raises(WorkspaceError, match="the disk is full"):
            run(workspace, "team", out=place / "out", form=form, verify=False)
    assert not list(place.iterdir())

    assert Path(run(workspace, "team", out=place / "out", form=form, verify=False).path).exists()


KILLED = """
import sys, time
from pathlib import Path
from adapt.workspace.folder import Workspace
import merge.export.gguf.writer
from merge.export.export import export
from merge.export.job import Request
tensor_bytes = merge.export.gguf.writer.tensor_bytes
def slowly(*a, **k):
    time.sleep(0.05)
    return tensor_bytes(*a, **k)
merge.export.gguf.writer.tensor_bytes = slowly
print("ready", flush=True)
export(Workspace(Path(sys.argv[1])), ["team"], Path(sys.argv[2]), Request(form="gguf", verify=False))
"""


@pytest.mark.faults
@pytest.mark.slow
def test_a_killed_export_leaves_no_file_of_that_name_and_the_next_one_cleans_up(
    workspace: Workspace, team: Artifact, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    for wait in (0.2, 0.6):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(workspace.path), str(place / "m.gguf")],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert not (place / "m.gguf").exists()

    run(workspace, "team", out=place / "m.gguf", form="gguf", verify=False)

    assert [path.name for path in place.iterdir()] == ["m.gguf"]


def test_without_llama_cpp_a_gguf_file_is_written_and_said_to_be_unverified(
    workspace: Workspace, team: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merge.export.gguf.export.has_llama_cpp", lambda: False)

    exported = run(workspace, "team", out=tmp_path / "m.gguf", form="gguf", kind="q8_0")

    assert exported.as_json()["verified"] is False
    assert exported.verification.sentence == (
        "not verified: llama.cpp is not installed (pip install llama-cpp-python)"
    )
    assert (tmp_path / "m.gguf").read_bytes()[:4] == b"GGUF"


def test_without_llama_cpp_there_are_no_k_quants(
    workspace: Workspace, team: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merge.export.gguf.types._quantizer", lambda: "")

    with pytest.raises(ModelError, match=r"q4_k_m is made by llama\.cpp, which is not installed"):
        run(workspace, "team", out=tmp_path / "m.gguf", form="gguf", kind="q4_k_m")


@pytest.mark.slow
@pytest.mark.skipif(not has_llama_cpp(), reason="llama-cpp-python is not installed")
def test_with_llama_cpp_a_gguf_file_is_verified_and_one_with_wrong_weights_refused(
    workspace: Workspace, team: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = run(workspace, "team", out=tmp_path / "m.gguf", form="gguf")
    assert exported.as_json()["verified"] is True
    assert "llama.cpp" in exported.verification.engine

    monkeypatch.setattr("merge.export.gguf.writer.rotate_halves", lambda weight, _heads: weight)
    with pytest.raises(AdaptError, match="nothing is exported, what was written differs in llama"):
        run(workspace, "team", out=tmp_path / "wrong.gguf", form="gguf")
    assert not (tmp_path / "wrong.gguf").exists()


@pytest.mark.slow
def test_an_executable_called_llama_quantize_makes_the_k_quants(
    workspace: Workspace, team: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    tool = tools / "llama-quantize"
    tool.write_text('#!/bin/sh\necho "main: quantizing to $3" >&2\nexit 1\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")

    with pytest.raises(
        ModelError, match="llama-quantize gave up on q6_k: main: quantizing to Q6_K"
    ):
        run(workspace, "team", out=tmp_path / "place" / "m.gguf", form="gguf", kind="q6_k")
    assert not list((tmp_path / "place").iterdir())


def test_a_model_folder_without_tokenizer_is_exported_and_said_to_be_unverified(
    workspace: Workspace, tiny_folder: Path, tmp_path: Path
) -> None:
    bare = shutil.copytree(tiny_folder, tmp_path / "bare")
    for file in [*bare.glob("tokenizer*"), *bare.glob("special*")]:
        file.unlink()
    publish_model(workspace, "bare", bare, licence="MIT")

    exported = run(workspace, "bare", out=tmp_path / "out")

    assert not exported.verification.verified
    assert "no usable tokenizer" in exported.verification.sentence
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "llama"
