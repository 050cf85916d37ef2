import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from adapt.errors import ModelError
from merge.weights.safetensors_file import TensorFile, TensorRecord, read_tensor_file, write_header


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "x.safetensors"
    save_file(
        {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(5, dtype=torch.bfloat16)}, path
    )
    return path


def test_what_the_library_writes_is_read(saved: Path) -> None:
    file = read_tensor_file(saved)

    assert file.tensors["a"].shape == (2, 3)
    assert torch.frombuffer(file.read("a"), dtype=torch.float32).tolist() == list(range(6))
    assert b"".join(file.chunks("b")) == file.read("b")


@given(
    shapes=st.lists(st.lists(st.integers(0, 4), max_size=3).map(tuple), min_size=1, max_size=5),
    name=st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable() and s != "__metadata__"),
)
def test_what_is_written_the_library_reads(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[tuple[int, ...]], name: str
) -> None:
    path = tmp_path_factory.mktemp("w") / "x.safetensors"
    records = [TensorRecord(f"{name}{i}", "F32", shape) for i, shape in enumerate(shapes)]
    with path.open("wb") as file:
        size = write_header(file, records)
        start = file.tell()
        file.write(bytes(size))

    with safe_open(path, "pt") as opened:
        assert sorted(opened.keys()) == sorted(r.name for r in records)
        assert all(opened.get_tensor(r.name).shape == r.shape for r in records)
        assert opened.metadata() == {"format": "pt"}
    assert start % 8 == 0


def cut(data: bytes) -> bytes:
    return data[:-3]


def cut_in_header(data: bytes) -> bytes:
    return data[:20]


def with_header(change: dict[str, object]) -> bytes:
    header = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **change}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(8)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "header is cut short"),
        (b"12345", "header is cut short"),
        (b"\xff" * 40, "header is cut short"),
        ((20).to_bytes(8, "little") + b"not json at all........", "header is not readable"),
        ((4).to_bytes(8, "little") + b"[1] ", "header is not a table"),
        (with_header({"dtype": "Q4"}), "unknown dtype Q4"),
        (with_header({"shape": [-2]}), "no valid shape"),
        (with_header({"shape": [3]}), "the place of 'a' is wrong"),
        (with_header({"data_offsets": [4, 12]}), "the place of 'a' is wrong"),
        (with_header({}) + b"more", "bytes where its header says"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(data)

    with pytest.raises(ModelError, match=rf"broken\.safetensors: damaged .*{sentence}"):
        read_tensor_file(path)


@pytest.mark.parametrize("change", [cut, cut_in_header])
def test_a_file_cut_short_is_refused(saved: Path, change: Callable[[bytes], bytes]) -> None:

    saved.write_bytes(change(saved.read_bytes()))

    with pytest.raises(ModelError, match="damaged safetensors file"):
        read_tensor_file(saved)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_tensor_file(tmp_path / "none.safetensors")


def test_a_file_that_shrinks_after_it_was_opened_is_noticed(saved: Path) -> None:
    file: TensorFile = read_tensor_file(saved)
    saved.write_bytes(saved.read_bytes()[:-30])

    with pytest.raises(ModelError, match="ended inside"):
        file.read("a")
    with pytest.raises(ModelError, match="ended inside"):
        list(file.chunks("a"))
