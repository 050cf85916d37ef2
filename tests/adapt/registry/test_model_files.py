"""What others put into a model's folder: refused in a sentence before a library waits for it or breaks on it."""

import json
import os
from pathlib import Path

import pytest

from adapt.errors import ModelError
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from merge.weights.adapters import open_adapter
from merge.weights.checkpoint import open_checkpoint
from merge.weights.lora_config import CONFIG
from tests.tiny import make_adapter, make_base

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_base(tmp_path / "base")


def refusal(name: Path, workspace: Workspace) -> str:
    with pytest.raises(ModelError) as refused:
        find_base(str(name), workspace)
    text = str(refused.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer_config.json"])
def test_a_named_pipe_is_no_file_of_a_base(base: Path, workspace: Workspace, name: str) -> None:
    (base / name).unlink()
    os.mkfifo(base / name)

    assert f"{name}: not a plain file" in refusal(base, workspace)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_named_pipe_is_no_file_of_an_adapter(base: Path, tmp_path: Path, name: str) -> None:
    folder = make_adapter(tmp_path / "adapter", base)
    (folder / name).unlink()
    os.mkfifo(folder / name)

    with pytest.raises(ModelError, match=f"{name}: not a plain file"):
        open_adapter(folder, reference="a")


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_json_of_a_hundred_thousand_brackets_is_refused(
    base: Path, workspace: Workspace, name: str
) -> None:
    (base / name).write_text(DEEP)

    assert f"{name}: nested too deeply" in refusal(base, workspace)


def test_so_is_an_adapters_configuration(base: Path, tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "adapter", base)
    (folder / CONFIG).write_text(DEEP)

    with pytest.raises(ModelError, match="nested too deeply"):
        open_adapter(folder, reference="a")


def test_more_layers_than_the_weights_have_room_for_are_refused(
    base: Path, workspace: Workspace
) -> None:
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 10**9}))

    assert "says 1,000,000,000 layers" in refusal(base, workspace)


def test_an_index_that_names_a_file_elsewhere_is_refused(
    base: Path, workspace: Workspace, tmp_path: Path
) -> None:
    outside = (base / "model.safetensors").rename(tmp_path / "outside.safetensors")
    (base / "model.safetensors").write_bytes(outside.read_bytes())
    index = {"weight_map": {"lm_head.weight": "../outside.safetensors"}}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))

    assert "'../outside.safetensors', which is no file of this folder" in refusal(base, workspace)
    with pytest.raises(ModelError, match="no file of this folder"):
        open_checkpoint(base)


def test_links_into_a_cache_of_downloads_are_plain_files(
    base: Path, workspace: Workspace, tmp_path: Path
) -> None:
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for file in base.iterdir():
        (snapshot / file.name).symlink_to(file)

    assert find_base(str(snapshot), workspace).sha256 == find_base(str(base), workspace).sha256


def test_a_pattern_that_backtracks_without_end_is_refused(base: Path, tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "adapter", base)
    config = json.loads((folder / CONFIG).read_text())
    config["rank_pattern"] = {"(.|..)+[A-Z]": 4}
    (folder / CONFIG).write_text(json.dumps(config))

    with pytest.raises(ModelError, match=r"the pattern '.*' takes over 0\.5 s"):
        open_adapter(folder, reference="a")
