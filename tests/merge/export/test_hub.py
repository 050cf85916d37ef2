"""Upload against a Hub on this machine: one private commit with card and hashes, no path; refusals are sentences."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from adapt.workspace.folder import Workspace
from tests.merge.export.exported import publish_adapter, publish_model
from tests.merge.export.fake_hub import Hub, serve

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve() as hub:
        yield hub


def run(workspace: Workspace, *words: str, **env: str) -> tuple[int, str, str]:
    """Run `adapt` as a person would; huggingface_hub reads its address when it is imported."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    home = str(workspace.path / "home")
    done = subprocess.run(
        [sys.executable, "-m", "ui.cli.main", *words, "--workspace", str(workspace.path)],
        env={**kept, "HF_HOME": home, "HF_HUB_DISABLE_XET": "1", **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_model_is_uploaded_whole_private_and_with_its_card(
    workspace: Workspace, hub: Hub, tiny_folder: Path, tiny_adapter: Path
) -> None:
    publish_adapter(workspace, "support", tiny_adapter, tiny_folder)
    team = publish_model(workspace, "team", tiny_folder, parents=("support@1",))
    hub.files["model-00001-of-00002.safetensors"] = b"of an earlier model"
    env = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token}

    code, out, err = run(
        workspace, "export", "team", "--to", "hub", "--repo", "me/team", "--json", **env
    )

    assert code == 0, err
    printed = json.loads(out)
    assert printed["path"] == f"{hub.url}/me/team"
    assert printed["verified"] is True
    assert f"all {len(hub.files)} files are on the Hub" in printed["verification"]["said"]
    assert hub.repositories["me/team"]["private"] is True
    assert hub.commits == ["Upload team@1 with Adapt"]
    assert set(hub.files) == (set(team.card.files) | {"README.md"})
    assert hub.files["model.safetensors"] == (team.path / "model.safetensors").read_bytes()
    card = hub.files["README.md"].decode()
    assert yaml.safe_load(card.split("---")[1])["license"] == "mit"
    everything = b"".join(
        data for name, data in hub.files.items() if name.endswith((".json", ".md"))
    )
    assert str(workspace.path.parent).encode() not in everything
    assert str(tiny_folder).encode() not in everything
    assert hub.token not in out + err


def test_an_adapters_base_stands_there_by_its_name(
    workspace: Workspace, hub: Hub, tiny_folder: Path, tiny_adapter: Path
) -> None:
    publish_adapter(workspace, "support", tiny_adapter, tiny_folder)

    code, out, err = run(
        workspace, "export", "support", "--to", "hub", "--repo", "me/support", "--public", "--no-verify",
        "--json", HF_ENDPOINT=hub.url, HF_TOKEN=hub.token,
    )  # fmt: skip

    assert code == 0, err
    assert json.loads(out)["verified"] is False
    assert hub.repositories["me/support"]["private"] is False
    config = json.loads(hub.files["adapter_config.json"])
    assert config["base_model_name_or_path"] == tiny_folder.name


@pytest.mark.parametrize(
    ("env", "spoils", "says"),
    [
        ({}, False, "--to hub needs a token that may write: set HF_TOKEN"),
        ({"HF_TOKEN": "hf_wrong"}, False, "the Hub did not accept team@1 as me/team"),
        ({"HF_TOKEN": "hf_test"}, True, "the Hub holds other bytes of"),
        (
            {"HF_TOKEN": "hf_test", "HF_ENDPOINT": "http://127.0.0.1:9"},
            False,
            "the Hub did not accept",
        ),
        ({"HF_TOKEN": "hf_test", "HF_HUB_OFFLINE": "1"}, False, "the Hub did not accept"),
    ],
    ids=["no token", "wrong token", "other bytes", "nobody there", "offline"],
)
def test_what_goes_wrong_is_said_in_a_sentence(
    workspace: Workspace,
    hub: Hub,
    tiny_folder: Path,
    env: dict[str, str],
    spoils: bool,
    says: str,
) -> None:
    publish_model(workspace, "team", tiny_folder, licence="MIT")
    hub.spoils = spoils

    code, _, err = run(
        workspace, "export", "team", "--to", "hub", "--repo", "me/team", "--no-verify",
        **{"HF_ENDPOINT": hub.url, **env},
    )  # fmt: skip

    assert code == 2, err
    assert says in err
    assert "Traceback" not in err
