"""Fetching a base from a Hub on this machine: resumed after a kill, compared with its hashes, refused in one sentence."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapt.errors import CancelledError, ModelError
from adapt.records import ProgressEvent
from adapt.registry.bases import fetch as base_fetch
from adapt.registry.bases.check import check_folder
from adapt.registry.bases.find import find_base
from adapt.registry.bases.known import known_ids
from adapt.registry.bases.listing import near
from adapt.workspace.folder import Workspace
from tests.adapt.registry.download_hub import COMMIT, NAME, DownloadHub, index_of, serve
from tests.tiny import make_base

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
LARGE = 24_000_000  # bytes: huggingface_hub writes, and so keeps, 10 MB at a time
Fetch = Callable[..., base_fetch.Fetched]


def pad_weights(file: Path, size: int) -> None:
    """Make a safetensors file larger by a tensor that no model has."""
    data = file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    header["padding"] = {
        "dtype": "U8",
        "shape": [size],
        "data_offsets": [len(body), len(body) + size],
    }
    text = json.dumps(header).encode()
    padding = bytes(range(256)) * (size // 256 + 1)
    file.write_bytes(struct.pack("<Q", len(text)) + text + body + padding[:size])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder as a repository holds it, with a large weight file, and with what is never fetched."""
    folder = make_base(tmp_path_factory.mktemp("hub") / "model")
    pad_weights(folder / "model.safetensors", LARGE)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Tiny\n")
    (folder / "LICENSE").write_text("the text of the licence")
    (folder / "modeling_tiny.py").write_text("raise SystemExit('run')")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    return folder


@pytest.fixture
def hub(model: Path) -> Iterator[DownloadHub]:
    with serve() as hub:
        hub.hold(model)
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / "hub"


@pytest.fixture
def fetch(
    hub: DownloadHub, cache: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> Fetch:
    """Return what fetches from the hub of the test into a cache of the test; huggingface_hub is in use already."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))

    def run(name: str = NAME, **given: object) -> base_fetch.Fetched:
        opened: list[Path] = []
        fetched = base_fetch.fetch_base(
            name,
            workspace,
            opens=lambda _, folder: opened.append(folder),
            known=known_ids(),
            **given,  # type: ignore[arg-type]
        )
        assert opened == [fetched.base.path]
        return fetched

    return run


def partials(cache: Path) -> list[Path]:
    return list(cache.rglob("*.incomplete"))


def test_a_base_is_fetched_whole_and_found_by_its_id_without_the_hub(
    fetch: Fetch, hub: DownloadHub, model: Path, workspace: Workspace
) -> None:
    events: list[ProgressEvent] = []

    fetched = fetch(progress=events.append)
    asked = len(hub.ranges)
    hub.files = {}

    base = find_base(NAME, workspace)
    assert base == fetched.base
    assert base.sha256 == fetched.base.sha256
    fetched_names = {path.name for path in base.path.iterdir()}
    assert fetched_names == {path.name for path in model.iterdir()} - {
        "modeling_tiny.py",
        "pytorch_model.bin",
    }
    assert (fetched.commit, fetched.licence) == (COMMIT, "apache-2.0")
    assert fetched.bytes == fetched.downloaded > LARGE
    assert fetched.notes == (
        "left on the hub, since reading them can run code: modeling_tiny.py, pytorch_model.bin",
    )
    assert hub.ranges == [""] * asked == [""]
    done = [event.done for event in events if event.stage == "fetch, MB"]
    assert done == sorted(done)
    assert done[-1] == pytest.approx((model / "model.safetensors").stat().st_size / 1e6, abs=0.1)


def test_what_is_here_is_not_fetched_again(fetch: Fetch, hub: DownloadHub) -> None:
    fetch()
    hub.ranges.clear()

    again = fetch()

    assert (again.downloaded, hub.ranges) == (0, [])


@pytest.mark.slow
def test_a_lost_connection_is_taken_up_where_it_ended(fetch: Fetch, hub: DownloadHub) -> None:
    hub.cuts = 1

    fetch()

    assert hub.ranges == ["", "bytes=10485760-"]


def test_ctrl_c_keeps_what_was_fetched_and_the_next_run_fetches_the_rest(
    fetch: Fetch, hub: DownloadHub, cache: Path
) -> None:
    hub.pause = 0.002

    def press(event: ProgressEvent) -> None:
        if event.stage == "fetch, MB" and event.done > 10:
            raise KeyboardInterrupt

    with pytest.raises(
        CancelledError, match=r"13\.\d MB of owner/tiny are still to come; 'adapt bases fetch"
    ):
        fetch(progress=press)
    (partial,) = partials(cache)
    kept = partial.stat().st_size
    with pytest.raises(ModelError):
        find_base_offline(cache)
    hub.pause = 0
    fetched = fetch()

    assert kept == 10_485_760
    assert hub.ranges == ["", f"bytes={kept}-"]
    assert fetched.downloaded == fetched.bytes - kept - small_bytes(hub)
    assert partials(cache) == []


def small_bytes(hub: DownloadHub) -> int:
    """Return the size of what was fetched before the large file."""
    left = ("modeling_tiny.py", "pytorch_model.bin", "model.safetensors")
    return sum(len(data) for name, data in hub.files.items() if name not in left)


def find_base_offline(cache: Path) -> None:
    """Ask for the base as it is with nothing but the cache."""
    from huggingface_hub import constants

    assert str(cache) == constants.HF_HUB_CACHE
    from adapt.registry.bases.find import find_hub_folder

    if find_hub_folder(NAME) is None:
        raise ModelError("not here")


@pytest.mark.slow
def test_a_hub_that_ignores_ranges_gives_the_whole_file(fetch: Fetch, hub: DownloadHub) -> None:
    hub.cuts = 1
    hub.ignores_ranges = True

    assert fetch().bytes > LARGE


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_other_bytes_than_the_hub_names_are_thrown_away(
    fetch: Fetch, hub: DownloadHub, cache: Path, name: str
) -> None:
    hub.tampers = {name}

    with pytest.raises(ModelError, match=rf"{name} .*discarded, run the same command again"):
        fetch()
    assert partials(cache) == []
    with pytest.raises(ModelError):
        find_base_offline(cache)
    hub.tampers = set()

    assert fetch().base.path.name == COMMIT


def test_a_file_that_was_changed_on_the_disk_is_noticed_and_fetched_anew(
    fetch: Fetch, hub: DownloadHub
) -> None:
    path = fetch().base.path / "model.safetensors"
    with path.resolve().open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x00")

    with pytest.raises(ModelError, match=r"model\.safetensors is not what the hub's own hash says"):
        fetch()

    assert fetch().downloaded >= LARGE


def test_a_newer_version_becomes_the_base_only_once_all_of_it_is_here(
    fetch: Fetch, hub: DownloadHub, workspace: Workspace
) -> None:
    old = fetch().base
    hub.commit = "b" * 40
    hub.files["model.safetensors"] = hub.files["model.safetensors"][:-1] + b"\x01"
    hub.tampers = {"model.safetensors"}

    with pytest.raises(ModelError):
        fetch()
    between = find_base(NAME, workspace)
    hub.tampers = set()
    new = fetch().base

    assert between.path == old.path
    assert new.path.name == "b" * 40
    assert find_base(NAME, workspace).sha256 == new.sha256 != old.sha256


def test_a_disk_that_is_too_small_is_told_before_the_download(
    fetch: Fetch, hub: DownloadHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = base_fetch.shutil.disk_usage("/")
    monkeypatch.setattr(base_fetch.shutil, "disk_usage", lambda _: usage._replace(free=100_000_000))

    with pytest.raises(ModelError, match=r"24\.\d MB are to be fetched, and .* has 0\.10 GB free"):
        fetch()
    assert hub.ranges == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"gated": True},
            "is gated: accept its terms at https://huggingface.co/owner/tiny, then set HF_TOKEN",
        ),
        ({"name": "owner/other"}, "the hub has no model 'owner/tiny'"),
        (
            {"files": {"config.json": b"{}"}},
            r"has no \*\.safetensors \(other weight files can run code",
        ),
        ({"files": {"model.safetensors": b""}}, "has no config.json"),
    ],
    ids=["gated", "unknown", "pickles alone", "no model"],
)
def test_what_cannot_be_fetched_is_said_before_anything_large_is(
    fetch: Fetch, hub: DownloadHub, change: dict[str, object], says: str
) -> None:
    for name, value in change.items():
        setattr(hub, name, value)

    with pytest.raises(ModelError, match=says):
        fetch()
    assert hub.ranges == []


def test_a_token_without_access_is_told_the_same_and_one_with_it_fetches(
    fetch: Fetch, hub: DownloadHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated = True
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(ModelError, match="is gated: accept its terms"):
        fetch()
    monkeypatch.setenv("HF_TOKEN", hub.token)

    assert fetch().base.id == NAME


def test_offline_says_in_a_sentence_what_is_not_here_and_finds_what_is(
    fetch: Fetch, hub: DownloadHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ModelError, match=r"^base 'owner/tiny' is not here, and HF_HUB_OFFLINE forbids"
    ):
        fetch()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    fetch()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    again = fetch()

    assert again.downloaded == 0
    assert "not compared with the hub's hashes" in again.notes[0]


def test_a_folder_needs_no_fetching(model: Path, workspace: Workspace) -> None:
    with pytest.raises(ModelError, match="is a folder of this machine already"):
        base_fetch.fetch_base(str(model), workspace, opens=lambda *_: None)


@pytest.mark.parametrize(
    ("wrong", "offered"),
    [
        ("Qwen/Qwen3-06B", "Qwen/Qwen3-0.6B"),
        ("gemma-3-1b-it", "google/gemma-3-1b-it"),
        ("bsc-lt/salamandra-2b", "BSC-LT/salamandra-2b-instruct"),
        ("SmolLM3", "HuggingFaceTB/SmolLM3-3B"),
    ],
)
def test_a_wrong_id_gets_the_near_one_of_the_list(wrong: str, offered: str) -> None:
    assert near(wrong, known_ids())[0] == offered


def test_an_id_like_none_of_the_list_is_offered_nothing() -> None:
    assert near("xyz/foo", known_ids()) == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "model.safetensors").write_bytes(b"\x08"), "model.safetensors is damaged"),
        (lambda f: os.truncate(f / "model.safetensors", LARGE), "model.safetensors is damaged"),
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer"),
        (lambda f: (f / "config.json").write_text("[]"), "config.json: not a JSON object"),
        (lambda f: (f / "config.json").write_text("{"), "config.json: not readable JSON"),
        (
            lambda f: (f / "model.safetensors.index.json").write_bytes(
                index_of({"model-00001-of-00002.safetensors": ["lm_head.weight"]})
            ),
            "model-00001-of-00002.safetensors, which its index names, is missing",
        ),
        (
            lambda f: (f / "model.safetensors.index.json").write_bytes(
                index_of({"model.safetensors": ["lm_head.weight", "more.weight"]})
            ),
            "holds more.weight, and it does not",
        ),
        (
            lambda f: (f / "model.safetensors.index.json").write_bytes(
                index_of({"../model.safetensors": ["lm_head.weight"]})
            ),
            r"names '\.\./model.safetensors', which is no file of this folder",
        ),
    ],
)
def test_a_folder_that_is_not_whole_is_told(
    model: Path, tmp_path: Path, spoil: Callable[[Path], object], says: str
) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    spoil(folder)

    with pytest.raises(ModelError, match=says):
        check_folder("tiny", folder)


def test_code_of_the_repository_is_noted_and_a_missing_template_too(
    fetch: Fetch, hub: DownloadHub
) -> None:
    config = json.loads(hub.files["config.json"])
    hub.files["config.json"] = json.dumps({**config, "auto_map": {"AutoModel": "m.X"}}).encode()
    del hub.files["chat_template.jinja"], hub.files["README.md"]
    hub.licence = ""

    notes = " ".join(fetch().notes)

    assert "code of its own, which is not run" in notes
    assert "no chat template" in notes
    assert "states no licence" in notes


@pytest.mark.faults
@pytest.mark.slow
def test_kill_9_in_the_middle_loses_no_more_than_a_piece(
    hub: DownloadHub, tmp_path: Path, cache: Path
) -> None:
    hub.pause = 0.01
    process = subprocess.Popen(command(tmp_path), env=environment(hub, tmp_path), cwd=ROOT)
    deadline = time.monotonic() + 300
    while not any(part.stat().st_size for part in partials(cache)) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    kept = partials(cache)[0].stat().st_size
    hub.pause = 0

    done = subprocess.run(
        command(tmp_path),
        env=environment(hub, tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert kept > 0
    # the kill may come while one of the small files is on its way, which is then asked for whole
    assert hub.ranges == (["", f"bytes={kept}-"] if kept > 10_000 else [""])
    assert printed["id"] == NAME
    assert printed["chat_template"] is True
    assert {"path", "sha256", "bytes", "downloaded", "licence", "commit", "notes"} <= printed.keys()
    assert Path(printed["path"], "model.safetensors").stat().st_size == len(
        hub.files["model.safetensors"]
    )
    assert "fetch, MB: " in done.stderr


def command(tmp_path: Path) -> list[str]:
    words = ["bases", "fetch", NAME, "--json", "--workspace", str(tmp_path / "workspace")]
    return [sys.executable, "-m", "ui.cli.main", *words]


def environment(hub: DownloadHub, tmp_path: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    return {**kept, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
