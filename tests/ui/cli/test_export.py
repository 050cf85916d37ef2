"""`adapt export`: one JSON object with what is verified, licences on stderr, and faults as sentences."""

import json
from pathlib import Path

import pytest

from adapt.workspace.folder import Workspace
from tests.merge.export.exported import publish_adapter, publish_model
from tests.ui.cli.test_main import Run, run, two_adapters

__all__ = ["run", "two_adapters"]  # fixtures


@pytest.fixture
def team(tmp_path: Path, two_adapters: tuple[Path, Path, Path]) -> str:
    """Return a model of two adapters in the workspace that `run` works on."""
    base, first, second = two_adapters
    workspace = Workspace(tmp_path / "workspace")
    publish_adapter(workspace, "support", first, base, licence="GPL-2.0-only")
    publish_adapter(workspace, "dates", second, base, licence="Apache-2.0")
    publish_adapter(workspace, "plain", second, base, licence="")
    publish_model(workspace, "clash", base, parents=("support@1", "dates@1"))
    return publish_model(workspace, "team", base, parents=("plain@1",)).reference


@pytest.mark.slow
def test_an_export_tells_what_it_is_and_whether_it_was_opened_again(
    run: Run, tmp_path: Path, team: str
) -> None:
    code, out, err = run("export", "team", "--out", tmp_path / "out", "--json")

    printed = json.loads(out)
    assert code == 0, err
    assert (printed["artifact"], printed["path"], printed["form"], printed["verified"]) == (
        team,
        str(tmp_path / "out"),
        "hf",
        True,
    )
    assert printed["verification"]["same"] == 20
    assert "licences: plain@1: no licence is stated" in err


def test_types_are_read_in_small_letters_and_nothing_is_claimed_without_opening(
    run: Run, tmp_path: Path, team: str
) -> None:
    file = tmp_path / "team.gguf"
    words = ("--to", "gguf", "--type", "Q8_0", "--out", file, "--no-verify", "--json")

    code, out, err = run("export", team, *words)

    assert code == 0, err
    assert json.loads(out)["verified"] is False
    assert file.read_bytes()[:4] == b"GGUF"


def test_several_adapters_go_to_vllm(run: Run, tmp_path: Path, team: str) -> None:
    words = ("--to", "vllm", "--out", tmp_path / "v", "--no-verify", "--accept-licences")

    code, out, err = run("export", "support", "dates", *words)

    assert code == 0, err
    assert f"support@1, dates@1 → {tmp_path / 'v'}\nnot verified: --no-verify was given" in out
    assert "licences: support@1 (GPL-2.0-only) and dates@1 (Apache-2.0)" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("team", "--to", "onnx", "--out", "x"), "there are hf, gguf, ollama, vllm, hub"),
        (("plain", "--to", "gguf", "--out", "x"), "merge it first: adapt merge NAME --adapter"),
        (("clash", "--out", "x"), "support@1 (GPL-2.0-only) and dates@1 (Apache-2.0)"),
        (("clash", "--out", "x"), "--accept-licences"),
        (("team",), "--out names the new file or folder"),
        (("team", "plain", "--out", "x"), "vllm takes several adapters"),
    ],
)
def test_faults_are_sentences(
    run: Run, team: str, words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    words = tuple(str(tmp_path / word) if word == "x" else word for word in words)

    code, out, err = run("export", *words)

    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "x").exists()


def test_the_help_shows_every_form(run: Run) -> None:
    code, out, _ = run("export", "--help")

    assert code == 0
    for part in ("--to gguf", "--to ollama", "--to vllm", "--to hub", "--accept-licences"):
        assert part in out
