"""Rows of every format: tools and calls come out as the chat has them, preferences and thumbs as what they are."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from adapt.errors import DataError
from adapt.models.decoding.tools import HEADING
from adapt.records import Feedback, Message, PreferencePair, RatedAnswer
from feedback.dataset import export
from finetune.data.datasets import Layout, read_dataset, read_examples
from tests.finetune.conftest import WriteRows

TAKES = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "get_room", "description": "", "parameters": TAKES}
ARGUMENTS = '{"city": "Ana"}'
CALL = '{"name": "get_room", "arguments": {"city": "Ana"}}'
ASKED, SAID = Message("user", "A room in Ana?"), Message("assistant", "Room 4.")


@pytest.mark.parametrize(
    "row",
    [
        {
            "messages": [
                {"role": "user", "content": ASKED.content},
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "get_room", "arguments": ARGUMENTS}}
                ]},
                {"role": "tool", "tool_call_id": "1", "content": "4"},
                {"role": "assistant", "content": SAID.content},
            ],
            "tools": [{"type": "function", "function": TOOL}],
        },
        {
            "conversations": [
                {"from": "human", "value": ASKED.content},
                {"from": "function_call", "value": CALL},
                {"from": "observation", "value": "4"},
                {"from": "gpt", "value": SAID.content},
            ],
            "tools": json.dumps([TOOL]),
        },
    ],
    ids=["messages", "sharegpt"],
)  # fmt: skip
def test_tools_and_calls_come_out_as_the_chat_has_them(
    write_rows: WriteRows, row: dict[str, object]
) -> None:
    messages = read_examples([write_rows([row])]).examples[0].messages

    assert messages[0].role == "system"
    assert messages[0].content.startswith(HEADING)
    assert '"name": "get_room"' in messages[0].content
    assert messages[1] == ASKED
    assert json.loads(messages[2].content)["arguments"]["city"] == "Ana"
    assert messages[3] == Message("user", "The tool says: 4")
    assert messages[4] == SAID


def test_an_argument_that_is_null_is_kept_and_one_that_a_table_filled_up_with_null_is_not(
    write_rows: WriteRows, tmp_path: Path
) -> None:
    calls = [
        {"function": {"name": "a", "arguments": arguments}}
        for arguments in ({"x": 1, "y": None}, '{"x": null}')
    ]
    turns = [{"role": "user", "content": "Go"}, {"role": "assistant", "tool_calls": calls}]
    table = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(
            [
                {"messages": [turns[0], {"role": "assistant", "tool_calls": [call]}]}
                for call in (calls[0], {"function": {"name": "b", "arguments": {"z": 2}}})
            ]
        ),
        table,
    )

    (written,) = read_examples([write_rows([{"messages": turns}])]).examples
    first, second = read_examples([table]).examples

    assert written.answer == (
        '{"name": "a", "arguments": {"x": 1, "y": null}}\n{"name": "a", "arguments": {"x": null}}'
    )
    assert first.answer == '{"name": "a", "arguments": {"x": 1}}'
    assert second.answer == '{"name": "b", "arguments": {"z": 2}}'


def test_earlier_turns_of_alpaca_and_contents_in_parts_are_read(write_rows: WriteRows) -> None:
    alpaca = {"instruction": "And now?", "output": "Four.", "history": [["One?", "Two."]]}
    parts = [{"type": "text", "text": "One?"}, {"type": "text", "text": "Two?"}]
    openai = {
        "messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "x"}]
    }

    first, second = read_examples([write_rows([alpaca, openai])]).examples

    assert [m.content for m in first.messages] == ["One?", "Two.", "And now?", "Four."]
    assert second.messages[0] == Message("user", "One?Two?")


PROMPT = [{"role": "user", "content": "Hi"}]
GOOD, BAD = {"role": "assistant", "content": "Hello"}, {"role": "assistant", "content": "No"}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "chosen": "Hello", "rejected": "No"},
        {"prompt": PROMPT, "chosen": [GOOD], "rejected": [BAD]},
        {"chosen": [*PROMPT, GOOD], "rejected": [*PROMPT, BAD]},
    ],
)
def test_preferences_are_read_in_all_their_forms(
    write_rows: WriteRows, row: dict[str, object]
) -> None:
    data = read_dataset([write_rows([row])])

    assert data.format == "preference"
    assert data.examples == (PreferencePair((Message("user", "Hi"),), "Hello", "No"),)


@pytest.mark.parametrize(("label", "good"), [(True, True), (0, False), ("TRUE", True), (1.0, True)])
def test_thumbs_are_read_with_any_spelling_of_true(
    write_rows: WriteRows, label: object, good: bool
) -> None:
    row = {"prompt": "Hi", "completion": "Hello", "label": label}

    (read,) = read_dataset([write_rows([row])]).examples

    assert read == RatedAnswer((Message("user", "Hi"),), "Hello", good)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Hi", "chosen": "x", "rejected": "x"}, "are the same"),
        ({"chosen": [GOOD], "rejected": [BAD]}, "must begin with the user"),
        ({"prompt": "Hi", "chosen": "x", "rejected": " "}, "'rejected' is empty"),
        ({"prompt": "Hi", "chosen": [*PROMPT, GOOD], "rejected": "x"}, "'chosen' must be one answer"),
        ({"prompt": "Hi", "completion": "x", "label": "maybe"}, "'label' must be true or false"),
        ({"prompt": "Hi", "completion": "x", "label": float("nan")}, "'label' must be true or false"),
    ],
)  # fmt: skip
def test_a_faulty_preference_is_named(
    write_rows: WriteRows, row: dict[str, object], reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        read_dataset([write_rows([row])])


def test_rows_of_two_kinds_are_refused_and_pairs_are_no_examples(write_rows: WriteRows) -> None:
    pair = {"prompt": "Hi", "chosen": "Hello", "rejected": "No"}

    with pytest.raises(
        DataError, match=r"b.jsonl:2: preference pairs .* has examples; give each kind"
    ):
        read_dataset([write_rows([{"prompt": "Hi", "completion": "x"}, pair], "b.jsonl")])
    with pytest.raises(DataError, match=r"preference pairs \(preference\), where examples"):
        read_examples([write_rows([pair], "c.jsonl")])


def test_columns_of_any_name_stand_for_the_fields_of_a_format(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text("id,text,sql\n7,How many?,SELECT 1\n", encoding="utf-8")
    layout = Layout("prompt/completion", {"prompt": "text", "completion": "sql"})

    data = read_examples([path], layout=layout)

    assert data.examples[0].messages == (
        Message("user", "How many?"),
        Message("assistant", "SELECT 1"),
    )
    with pytest.raises(DataError, match="not of the format alpaca, which needs instruction"):
        read_examples([path], layout=Layout("alpaca"))
    with pytest.raises(DataError, match="no format named 'chatml'; there is: preference, messages"):
        Layout("chatml")
    with pytest.raises(DataError, match="no format has a key 'ask'"):
        Layout(columns={"ask": "text"})


def test_running_text_is_cut_at_paragraphs_and_keeps_its_places(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text(
        "\n\n".join(f"Paragraph {n}. " + "word " * 300 for n in range(6)), encoding="utf-8"
    )

    data = read_examples([path])

    assert data.format == "text"
    assert all(one.plain for one in data.examples)
    assert len(data.examples) == 3
    assert data.places[:2] == (f"{path}:1", f"{path}:5")
    assert "\n\n".join(one.answer for one in data.examples).split() == path.read_text().split()


def test_exported_feedback_is_read_as_rated_answers(tmp_path: Path) -> None:
    corrected = Feedback("1", "Open?", "No.", rating=-1, correction="At eight.")
    liked = Feedback("2", "Closed?", "At six.", rating=1)
    export([corrected, liked], tmp_path / "feedback.jsonl")

    data = read_dataset([tmp_path / "feedback.jsonl"])

    opened, closed = (Message("user", asked) for asked in ("Open?", "Closed?"))
    assert data.format == "thumbs, preference"
    assert data.examples == (
        RatedAnswer((opened,), "At eight.", good=True),
        RatedAnswer((opened,), "No.", good=False),
        RatedAnswer((opened,), "No.", good=False),
        RatedAnswer((closed,), "At six.", good=True),
    )
    assert len(data.places) == 4


def test_a_text_that_looks_like_a_list_stays_the_answer_that_it_is(write_rows: WriteRows) -> None:
    row = {"prompt": "Names?", "completion": '[{"name": "Ana"}]'}

    assert read_examples([write_rows([row])]).examples[0].answer == '[{"name": "Ana"}]'


def test_a_text_with_a_category_is_learned_as_text_only_where_that_is_said(
    write_rows: WriteRows,
) -> None:
    path = write_rows([{"text": "Where is my card?", "category": "card_arrival"}])

    with pytest.raises(DataError, match="no known format; its fields are text, category"):
        read_examples([path])
    assert read_examples([path], layout=Layout("text")).examples[0].plain
    sourced = write_rows([{"text": "A page.", "url": "x", "license": "CC0"}], "sourced.jsonl")
    assert read_examples([sourced]).examples[0].plain
