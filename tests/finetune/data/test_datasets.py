"""Reading data files: every known format is read, every fault is one sentence with file and line."""

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from adapt.errors import DataError
from adapt.records import Message
from finetune.data.datasets import read_examples
from tests.finetune.conftest import WriteRows

GOOD = {"prompt": "Hi", "completion": "Hello"}
TURN = {"role": "user", "content": "Hi"}
REPLY = {"role": "assistant", "content": "Hello"}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("messages", {"messages": [TURN, REPLY]}),
        ("prompt/completion", GOOD),
        ("prompt/completion", {"prompt": [TURN], "completion": [REPLY]}),
        ("alpaca", {"instruction": "Hi", "input": "", "output": "Hello"}),
        ("question/answer", {"question": "Hi", "answer": "Hello"}),
        (
            "sharegpt",
            {
                "conversations": [
                    {"from": "human", "value": "Hi"},
                    {"from": "gpt", "value": "Hello"},
                ]
            },
        ),
        (
            "messages",
            {
                "messages": [
                    {"role": "customer", "content": "Hi"},
                    {"role": "agent", "content": "Hello"},
                ]
            },
        ),
    ],
)
def test_each_format_gives_the_same_example(
    write_rows: WriteRows, name: str, row: dict[str, object]
) -> None:
    data = read_examples([write_rows([row])])

    assert data.format == name
    assert data.examples[0].messages == (Message("user", "Hi"), Message("assistant", "Hello"))


def test_alpaca_input_follows_the_instruction_and_system_comes_first(write_rows: WriteRows) -> None:
    path = write_rows(
        [{"instruction": "Sort", "input": "b a", "output": "a b", "system": "Be terse"}]
    )

    messages = read_examples([path]).examples[0].messages

    assert messages[0] == Message("system", "Be terse")
    assert messages[1] == Message("user", "Sort\n\nb a")


def test_the_same_rows_are_read_from_every_kind_of_file(tmp_path: Path) -> None:
    rows = [{"prompt": 'a, "b"\nc', "completion": "ñ"}, {"prompt": "2", "completion": "x"}]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + lines.encode())
    (tmp_path / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "a.csv").write_text('prompt,completion\n"a, ""b""\nc",ñ\n2,x\n', encoding="utf-8")
    (tmp_path / "a.tsv").write_text(
        'prompt\tcompletion\n"a, ""b""\nc"\tñ\n2\tx\n', encoding="utf-8"
    )
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")

    read = {path.name: read_examples([path]).examples for path in tmp_path.iterdir()}

    assert len(read) == 6
    assert set(read.values()) == {read["a.jsonl"]}
    assert read["a.jsonl"][0].answer == "ñ"


def test_the_files_are_recorded_with_hash_and_rows(write_rows: WriteRows) -> None:
    first, second = write_rows([GOOD], "a.jsonl"), write_rows([GOOD, GOOD], "b.jsonl")

    records = read_examples([first, second]).files

    assert [(r.name, r.rows) for r in records] == [("a.jsonl", 1), ("b.jsonl", 2)]
    assert all(len(r.sha256) == 64 for r in records)


BAD_ROWS: list[tuple[object, str]] = [
    ([1, 2], "must be an object"),
    ({"txt": "x"}, "no known format; its fields are txt"),
    ({"prompt": "Hi", "completion": " "}, "the answer is empty"),
    ({"prompt": "Hi", "completion": None}, "no known format"),
    ({"prompt": "Hi", "completion": 5}, "'completion' must be text, this is a int"),
    ({"prompt": "", "completion": "x"}, "message 1, of the user, is empty"),
    ({"prompt": "a\0b", "completion": "x"}, "null character"),
    ({"messages": []}, "no messages"),
    ({"messages": "Hi"}, "must be a list of messages"),
    ({"messages": [TURN]}, "last message must be of the assistant"),
    ({"messages": [REPLY]}, "must begin with the user"),
    ({"messages": [TURN, {"role": "system", "content": "x"}, REPLY]}, "may only come first"),
    (
        {"messages": [{"role": "narrator", "content": "x"}, REPLY]},
        "'messages' 1: has the role 'narrator'",
    ),
    ({"messages": [{"role": "user", "content": ["x"]}, REPLY]}, "'content' must be text; pictures"),
    ({"messages": [TURN, REPLY], "tools": [{}]}, "'tools' is not a list of tools"),
    (
        {"messages": [TURN, {"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}]},
        "a tool call must be an object",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}, REPLY]},
        "pictures and other parts",
    ),
    ({"instruction": "a", "output": "b", "history": [["c"]]}, "each a question and an answer"),
    ({"text": " "}, "the text is empty"),
    ({"question": float("nan"), "answer": "x"}, "'question' must be text, this is a float"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_a_bad_row_is_named_by_file_and_line(
    write_rows: WriteRows, row: object, reason: str
) -> None:
    path = write_rows([GOOD, row])

    with pytest.raises(DataError) as caught:
        read_examples([path])

    assert str(caught.value).startswith(f"{path}:2: ")
    assert reason in str(caught.value)


BAD_FILES: list[tuple[str, bytes, str]] = [
    ("a.jsonl", b"", "no rows in it"),
    ("a.jsonl", b"\n \n", "no rows in it"),
    ("a.json", b"[]", "no rows in it"),
    ("a.csv", b"prompt,completion\n", "no rows in it"),
    ("a.jsonl", b'{"prompt": "a", "completion": "b"}\n{"prompt": ', ":2: broken JSON"),
    ("a.jsonl", b"[" * 100_000, "a.jsonl: "),
    ("a.jsonl", '{"prompt": "a", "completion": "ñ"}'.encode("latin-1"), ":1: not UTF-8"),
    ("a.jsonl", b'{"prompt": "a"}\n\0\n', ":2: a null byte"),
    (
        "a.jsonl.gz",
        gzip.compress(b'{"prompt": "a", "completion": "b"}' * 9, mtime=0)[:-9],
        "damaged gzip",
    ),
    ("a.csv", b"prompt,prompt\na,b\n", "column 'prompt' occurs twice"),
    ("a.csv", b"prompt,completion\na,b\na\n", ":3: 1 cells where the header has 2"),
    ("a.csv", b'prompt,completion\na,"b\n', "broken table"),
    ("a.parquet", b"not parquet", "damaged or not a Parquet file"),
    ("a.json", b'"text"', "a list of rows is expected"),
    ("a.docx", b"x", "unknown kind of file '.docx'"),
]


@pytest.mark.parametrize(("name", "content", "reason"), BAD_FILES)
def test_a_bad_file_is_one_sentence_that_names_it(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_examples([path])

    assert str(path) in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_empty_folder_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_examples([tmp_path / "none.jsonl"])
    with pytest.raises(DataError, match="no data file in this folder"):
        read_examples([tmp_path])


def test_bad_rows_are_set_aside_in_a_file_with_their_faults(
    write_rows: WriteRows, tmp_path: Path
) -> None:
    path = write_rows([GOOD, {"prompt": "Hi", "completion": ""}, GOOD])
    aside = tmp_path / "bad.jsonl"

    data = read_examples([path], skip_bad=aside)

    assert (len(data.examples), data.set_aside) == (2, 1)
    stored = json.loads(aside.read_text())
    assert stored["place"] == f"{path}:2"
    assert stored["fault"] == "the answer is empty"
    assert json.loads(stored["row"]) == {"prompt": "Hi", "completion": ""}


def test_a_file_of_nothing_but_bad_rows_is_an_error_even_when_they_are_set_aside(
    write_rows: WriteRows, tmp_path: Path
) -> None:
    path = write_rows([{"txt": "x"}])

    with pytest.raises(DataError, match="no good row in the data; the first fault"):
        read_examples([path], skip_bad=tmp_path / "bad.jsonl")
