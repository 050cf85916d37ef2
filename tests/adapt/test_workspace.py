from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapt.errors import AdaptError, WorkspaceError
from adapt.workspace.folder import Workspace, default_path
from adapt.workspace.settings import Settings, read_section


class Sample(Settings):
    top_k: int = 3


def test_a_workspace_is_made_and_opened_again(tmp_path: Path) -> None:
    first = Workspace(tmp_path / "new" / "deep")
    second = Workspace(tmp_path / "new" / "deep")

    assert first.artifacts.is_dir()
    assert second.database_url == f"sqlite:///{first.path / 'adapt.db'}"


def test_the_environment_names_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADAPT_WORKSPACE", str(tmp_path / "mine"))

    assert default_path() == tmp_path / "mine"


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(WorkspaceError, match="holds other things"):
        Workspace(tmp_path)

    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(WorkspaceError, match="a file is in the way"):
        Workspace(tmp_path / "file")


@pytest.mark.parametrize(
    ("marker", "message"), [('{"format": 99}', "format 99"), ("{", "damaged"), ("[]", "damaged")]
)
def test_a_foreign_or_damaged_marker_is_one_sentence(
    tmp_path: Path, marker: str, message: str
) -> None:
    (tmp_path / "workspace.json").write_text(marker)

    with pytest.raises(WorkspaceError, match=message):
        Workspace(tmp_path)


def test_settings_come_from_the_file_and_fall_back_to_their_default(tmp_path: Path) -> None:
    file = tmp_path / "adapt.toml"
    assert read_section(file, "sample", Sample).top_k == 3
    file.write_text("[sample]\ntop_k = 9\n")

    assert read_section(file, "sample", Sample).top_k == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sample]\ntopk = 9\n", r"sample\.topk: unknown key, did you mean top_k\?"),
        ("[sample]\ntop_k = 'many'\n", r"sample\.top_k: .*got 'many'"),
        ("[sample\n", "not valid TOML"),
    ],
)
def test_a_fault_in_the_settings_names_its_key(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "adapt.toml"
    file.write_text(text)

    with pytest.raises(AdaptError, match=message):
        read_section(file, "sample", Sample)


def test_processes_that_open_a_new_workspace_at_once_all_open_it(tmp_path: Path) -> None:
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / ".workspace.json.0123.tmp").write_text("{")  # what one of them may see
    Workspace(tmp_path / "killed")

    with ThreadPoolExecutor(8) as pool:
        for number in range(10):
            opened = list(pool.map(Workspace, [tmp_path / str(number)] * 8))
            assert len(opened) == 8
