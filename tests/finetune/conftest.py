"""Fixtures of the fine-tuning tests: small data files, tiny bases of four architectures."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.tiny import make_base

WriteRows = Callable[..., Path]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Compute on one thread: models of 30,000 weights gain nothing from two, and lose much where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def write_rows(tmp_path: Path) -> WriteRows:
    """Return a function that writes rows as JSONL and returns the file."""

    def write(rows: list[object], name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def colours(write_rows: WriteRows) -> Path:
    """Return a file of 40 prompts, each answered with one of four colours."""
    names = ("red", "green", "blue", "black")
    rows: list[object] = [
        {"prompt": f"Colour of item {n}?", "completion": names[n % 4]} for n in range(40)
    ]
    return write_rows(rows, "colours.jsonl")


@pytest.fixture
def three(write_rows: WriteRows) -> dict[str, Path]:
    """Return three domains: short rows, rows of very different lengths, more rows than a step of the others has."""
    short: list[object] = [{"prompt": f"Colour of {n}?", "completion": "red"} for n in range(24)]
    uneven: list[object] = [
        {"prompt": "Count " * (1 + n % 9), "completion": str(n)} for n in range(30)
    ]
    many: list[object] = [{"prompt": f"Say {n}", "completion": f"{n} it is"} for n in range(50)]
    return {
        "short": write_rows(short, "short.jsonl"),
        "uneven": write_rows(uneven, "uneven.jsonl"),
        "many": write_rows(many, "many.jsonl"),
    }


@pytest.fixture(scope="session", params=["llama", "qwen3", "mistral", "gemma"])
def any_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny base, of each architecture in turn; Gemma's template refuses a system message."""
    return make_base(tmp_path_factory.mktemp("any") / str(request.param), request.param)
