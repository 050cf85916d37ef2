"""Commands that only look make nothing, a workspace is its user's alone, and one that cannot be written is a sentence."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from tests.ui.driver import ROOT
from tests.ui.shell import Shell

LOOKS = [
    ["models", "list"],
    ["models", "show", "a@1"],
    ["models", "verify"],
    ["documents", "list"],
    ["documents", "delete", "--collection", "a"],
    ["search", "hello", "--collection", "a"],
    ["jobs", "list"],
    ["feedback", "list"],
    ["export", "a", "--to", "hf", "--out", "out"],
    ["doctor"],
]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_a_command_that_looks_makes_no_workspace(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    said = Shell(tmp_path / "mistyped", capsys)(*words)

    assert said.code == 2
    assert "there is no workspace; check --workspace" in said.all.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("open_umask")
def test_a_new_workspace_is_its_users_alone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new")
    Database(workspace).close()

    assert mode(workspace.path) == 0o700
    assert {mode(p) for p in workspace.path.iterdir() if p.is_dir()} == {0o700}
    assert mode(workspace.path / "adapt.db") == 0o600
    assert workspace.open_to_others == []


@pytest.mark.usefixtures("open_umask")
def test_doctor_names_what_others_can_read_in_an_old_workspace_and_ends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path / "old")
    Database(workspace).close()
    workspace.path.chmod(0o755)
    (workspace.path / "collections").chmod(0o755)
    (workspace.path / "adapt.db").chmod(0o644)
    adapt = Shell(workspace.path, capsys)
    words = ["--json", "doctor"]

    before, mended, after = adapt(*words), adapt(*words, "--fix"), adapt(*words)

    assert before.code == 2
    assert "others can read old, collections, adapt.db" in before.out
    assert "for this user alone" in mended.out
    assert "for this user alone" in after.out
    assert mode(workspace.path) == 0o700
    assert mode(workspace.path / "adapt.db") == 0o600


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or shutil.which("unshare") is None, reason="no unshare")
def test_a_workspace_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    path = Workspace(tmp_path / "kept").path
    adapt = f"{sys.executable} -m ui.cli.main --workspace {path} models list"
    mount = f"mount --bind {path} {path} && mount -o remount,ro,bind {path}"
    unshare = str(shutil.which("unshare"))
    if subprocess.run([unshare, "-rm", "sh", "-c", mount], check=False).returncode:
        pytest.skip("this user may not mount here")

    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", f"{mount} && exec {adapt}"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == 2
    assert "kept: cannot be written; make it writable" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["../few", "none"])
def test_a_collection_that_is_not_there_is_said_before_anybody_is_asked(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Workspace(tmp_path / "w")

    said = Shell(tmp_path / "w", capsys)("documents", "delete", "--collection", name)

    assert said.code == 2
    assert name in said.err
    assert "Remove the collection" not in said.all
