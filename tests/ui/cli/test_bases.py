"""The list of bases on the command line and in the app, and a fetch in the background."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapt.errors import AdaptError
from adapt.registry.bases.known import KNOWN
from tests.adapt.registry.download_hub import DownloadHub, serve
from tests.tiny import make_base
from tests.ui.driver import App
from tests.ui.shell import Shell
from ui.actions import bases as base_actions
from ui.components import choices
from ui.context import Context

SMALLEST, FETCHED = KNOWN[0].id, KNOWN[1].id


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "workspace", capsys)


@pytest.fixture
def cache(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache of the hub in which one base of the list is."""
    from huggingface_hub import constants

    repository = tmp_path / "hub" / f"models--{FETCHED.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    for file in tiny_folder.iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def memory(monkeypatch: pytest.MonkeyPatch, *, available: int, total: int) -> None:
    real = base_actions.psutil.virtual_memory()
    faked = real._replace(available=available, total=total)
    monkeypatch.setattr(base_actions.psutil, "virtual_memory", lambda: faked)


def test_the_list_says_what_is_here_and_what_fits(
    shell: Shell, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory(monkeypatch, available=KNOWN[0].chat_bytes, total=2 * KNOWN[0].training_bytes)

    result = shell("bases", "--json")

    bases = {base["id"]: base for base in json.loads(result.out)["bases"]}
    assert list(bases) == [known.id for known in KNOWN]
    assert [name for name, base in bases.items() if base["here"]] == [FETCHED]
    assert bases[SMALLEST]["fits_chat"] == "yes"
    assert bases[SMALLEST]["fits_training"] == "if others close"
    memory(monkeypatch, available=10**9, total=KNOWN[-1].chat_bytes)
    assert json.loads(shell("bases", "--json").out)["bases"][-1]["fits_chat"] == "no"


def test_the_table_is_for_people_and_the_help_has_examples(shell: Shell, cache: Path) -> None:
    result = shell("bases")
    helped = shell("bases", "fetch", "--help")

    assert result.code == 0
    assert all(known.id in result.out for known in KNOWN)
    assert "gemma (gated)" in result.out
    assert "adapt bases fetch ID" in result.err
    assert "HF_TOKEN" in helped.out
    assert "adapt bases fetch Qwen/Qwen3-0.6B" in helped.out


def test_offline_a_fetch_is_one_sentence(
    shell: Shell, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    result = shell("bases", "fetch", SMALLEST)

    assert result.code == 2
    assert result.err == (
        f"error: base '{SMALLEST}' is not here, and HF_HUB_OFFLINE forbids to fetch it; unset it, or name a local folder\n"
    )


def test_what_was_fetched_is_among_the_models_of_the_chat(cache: Path, tmp_path: Path) -> None:
    assert choices.models(Context(tmp_path / "w")) == ["starter", FETCHED]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[DownloadHub]:
    with serve() as hub:
        hub.hold(make_base(tmp_path / "model"))
        hub.name = SMALLEST
        yield hub


@pytest.mark.slow
def test_the_app_fetches_a_base_in_the_background_and_offers_it(
    app: App, hub: DownloadHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    for name in [name for name in os.environ if name.startswith("HF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    app.run()
    app.page.switch_page("views/models.py")
    app.run()
    table = app.page.dataframe[-1].value
    assert list(table["base"]) == [known.id for known in KNOWN]

    app.page.selectbox(key="fetch_base").set_value(SMALLEST)
    app.run()
    app.page.button(key="fetch_base_now").click()
    app.run()
    (job,) = [job for job in app.ctx.jobs.list() if job.kind == "fetch"]
    with pytest.raises(AdaptError, match="is being fetched already"):
        base_actions.start_fetch(app.ctx, SMALLEST)
    list(app.ctx.jobs.watch(job.job_id))

    done = app.ctx.jobs.get(job.job_id)
    assert (done.status, done.error) == ("done", "")
    assert isinstance(done.result, dict)
    assert done.result["id"] == SMALLEST
    app.run()
    assert app.page.dataframe[-1].value["here"].tolist()[:2] == ["yes", ""]
    assert SMALLEST in choices.models(app.ctx)
