"""Folders, parts and packed files: what is named is found, and only the part that is asked for is read."""

import bz2
import json
import lzma
import random
from pathlib import Path

import datasets
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
from huggingface_hub import constants

from adapt.errors import DataError
from finetune.data.datasets import read_examples
from finetune.data.files import read_rows
from finetune.data.sources import find_files, locate


def row(name: str) -> str:
    return json.dumps({"prompt": name, "completion": "x"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "set"
    (made / "data").mkdir(parents=True)
    for name in ("data/train-00000.jsonl", "data/train-00001.jsonl", "data/test-00000.jsonl"):
        (made / name).write_text(row(name), encoding="utf-8")
    (made / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    (made / "dataset_infos.json").write_text("{}", encoding="utf-8")
    (made / ".cache.jsonl").write_text("broken", encoding="utf-8")
    return made


def test_only_the_part_that_is_asked_for_is_read(folder: Path) -> None:
    train = read_examples([folder])
    test = read_examples([folder], part="test")

    assert [e.prompt[0].content for e in train.examples] == [
        "data/train-00000.jsonl",
        "data/train-00001.jsonl",
    ]
    assert [e.prompt[0].content for e in test.examples] == ["data/test-00000.jsonl"]


def test_a_datasets_card_names_the_licence_of_rows_that_do_not(folder: Path) -> None:
    own = json.dumps({"prompt": "a", "completion": "x", "license": "CC0"})
    (folder / "data/train-00001.jsonl").write_text(own, encoding="utf-8")

    assert read_examples([folder]).licences == {"mit": 1, "CC0": 1}
    assert [file.licence for file in read_examples([folder]).files] == ["mit", "CC0"]
    (folder / "README.md").write_text("---\nlicense: [mit, gpl]\n---\n# A set\n")
    assert read_examples([folder]).licences == {"mit": 1, "gpl": 1, "CC0": 1}
    for card in ("# A set\nlicense: mit\n", "---\nlicense: [\n---\n", "---\n- mit\n---\n", "---\n"):
        (folder / "README.md").write_text(card)
        assert read_examples([folder]).licences == {"CC0": 1}, card
        assert [file.licence for file in read_examples([folder]).files] == ["", "CC0"]


def test_files_that_name_no_part_are_for_training_and_a_missing_part_is_said(
    tmp_path: Path,
) -> None:
    (tmp_path / "contest.jsonl").write_text(row("a"), encoding="utf-8")
    (tmp_path / "dev.jsonl").write_text(row("b"), encoding="utf-8")

    assert [path.name for path in find_files([tmp_path])] == ["contest.jsonl"]
    assert [path.name for path in find_files([tmp_path], part="test")] == ["dev.jsonl"]
    (tmp_path / "dev.jsonl").unlink()
    with pytest.raises(DataError, match="none of its files is named as test or validation"):
        find_files([tmp_path], part="test")


def test_what_datasets_saved_is_read(tmp_path: Path) -> None:
    made = datasets.Dataset.from_list([{"prompt": str(n), "completion": "x"} for n in range(5)])
    made.save_to_disk(str(tmp_path / "saved"))

    data = read_examples([tmp_path / "saved"])

    assert [e.prompt[0].content for e in data.examples] == list("01234")


def test_columns_that_datasets_keeps_as_json_are_read_as_what_they_were(tmp_path: Path) -> None:
    reply = {"role": "assistant", "content": "x", "extra": {"n": 1}}
    rows = [
        {"messages": [{"role": "user", "content": "a"}, reply]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "b"}]}, reply]},
        {"messages": None},
    ]
    lines = tmp_path / "mixed.jsonl"
    lines.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    features = datasets.Features({"messages": datasets.List(datasets.Json())})
    made = datasets.Dataset.from_list(rows, features=features)
    made.to_parquet(str(tmp_path / "mixed.parquet"))
    made.save_to_disk(str(tmp_path / "saved"))
    (saved,) = (tmp_path / "saved").glob("*.arrow")

    read = [
        [row.value for row in read_rows(path)]
        for path in (lines, tmp_path / "mixed.parquet", saved)
    ]

    assert read == [rows, rows, rows]


def test_a_value_kept_as_json_that_is_none_is_a_bad_row(tmp_path: Path) -> None:
    values = pyarrow.array(['["a"]', "[", None], pyarrow.json_())
    pyarrow.parquet.write_table(pyarrow.table({"x": values}), tmp_path / "a.parquet")

    good, bad, empty = read_rows(tmp_path / "a.parquet")

    assert (good.value, empty.value) == ({"x": ["a"]}, {"x": None})
    assert bad.place.endswith("a.parquet: row 2")
    assert bad.fault.startswith("a value that is kept as JSON is broken (Expecting value")


@pytest.mark.parametrize("kind", ["file", "stream", "parquet"])
def test_a_columnar_file_with_wrong_bytes_ends_in_rows_or_one_sentence(
    tmp_path: Path, kind: str
) -> None:
    turns = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "x"}]
    table = pyarrow.Table.from_pylist([{"messages": turns, "n": n} for n in range(20)])
    path = tmp_path / "a.arrow"
    if kind == "file":
        pyarrow.feather.write_feather(table, path, compression="uncompressed")
    elif kind == "stream":
        with pyarrow.OSFile(str(path), "wb") as out, pyarrow.ipc.new_stream(out, table.schema) as w:
            w.write_table(table)
    else:
        path = tmp_path / "a.parquet"
        pyarrow.parquet.write_table(table, path)
    whole, draw, outcomes = path.read_bytes(), random.Random(3), []

    for _ in range(150):  # without a check of each batch a damaged Arrow file ends the process
        data = bytearray(whole)
        for _ in range(draw.choice([1, 3, 10])):
            data[draw.randrange(8, len(data))] = draw.choice([0, 255, draw.randrange(256)])
        path.write_bytes(data)
        try:
            rows = list(read_rows(path))
            outcomes.append([row.place for row in rows if row.fault])
        except DataError as error:
            outcomes.append([] if "damaged or not a" in str(error) else [str(error)])

    assert outcomes == [[]] * 150


def test_packed_and_arrow_files_are_told_by_what_they_hold(tmp_path: Path) -> None:
    table = pyarrow.Table.from_pylist([{"prompt": "a", "completion": "x"}])
    pyarrow.feather.write_feather(table, tmp_path / "a.feather")
    pyarrow.feather.write_feather(table, tmp_path / "wrong.csv")
    (tmp_path / "a.jsonl.bz2").write_bytes(bz2.compress(row("a").encode()))
    (tmp_path / "a.json.xz").write_bytes(lzma.compress(row("a").encode()))
    (tmp_path / "lines.csv").write_text(row("a"), encoding="utf-8")

    for path in sorted(tmp_path.iterdir()):
        assert read_examples([path]).examples[0].prompt[0].content == "a", path.name


def test_a_dataset_of_the_hub_that_is_not_here_is_one_sentence() -> None:
    with pytest.raises(
        DataError, match="nobody/nothing: neither a file or folder here, nor a dataset"
    ):
        locate(Path("nobody/nothing"))
    with pytest.raises(DataError, match="no such file"):
        locate(Path("folder/rows.jsonl"))


def test_a_dataset_of_the_hub_that_was_fetched_before_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "datasets--someone--set"
    snapshot = stored / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text("a" * 40)
    (snapshot / "train-00000.jsonl").write_text(row("of the hub"), encoding="utf-8")
    (snapshot / "README.md").write_text("# Set\n", encoding="utf-8")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    data = read_examples([Path("someone/set")])

    assert data.examples[0].prompt[0].content == "of the hub"
