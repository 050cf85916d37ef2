"""Fields that change what a row means: honoured, or the row is refused with its place; what is not read is named."""

from pathlib import Path

import pytest

from adapt.errors import DataError
from adapt.records import Message, PreferencePair, RatedAnswer
from finetune.data.datasets import Layout, read_dataset, read_examples
from tests.finetune.conftest import WriteRows

USER, OFF, ON = (
    {"role": "user", "content": "Where?"},
    {"role": "assistant", "content": "Go away.", "weight": 0},
    {"role": "assistant", "content": "Desk 4.", "weight": 1},
)
MORE = {"role": "user", "content": "Please."}
ASKED, SAID = Message("user", "Where?"), Message("assistant", "Desk 4.")


@pytest.mark.parametrize(
    "mark", [{"weight": 0}, {"weight": 0.0}, {"train": False}, {"masked": True}, {"mask": 1}]
)
def test_a_turn_that_is_not_to_be_learned_stands_in_the_conversation_unlearned(
    mark: dict[str, object], write_rows: WriteRows
) -> None:
    turns = [USER, {"role": "assistant", "content": "Go away.", **mark}, MORE, ON]

    (example,) = read_examples([write_rows([{"messages": turns}])]).examples

    assert [message.content for message in example.messages] == [
        "Where?",
        "Go away.",
        "Please.",
        "Desk 4.",
    ]
    assert example.unlearned == {1}


def test_what_follows_the_last_learned_answer_is_left_out(write_rows: WriteRows) -> None:
    (example,) = read_examples([write_rows([{"messages": [USER, ON, MORE, OFF]}])]).examples

    assert example.messages == (ASKED, SAID)
    assert example.unlearned == frozenset()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"messages": [USER, OFF]}, "no answer in it is to be learned"),
        (
            {"messages": [USER, {**ON, "weight": 0.5}]},
            r"'messages' 2: has the weight 0\.5; known are 1 and 0",
        ),
        (
            {"messages": [USER, {**ON, "reasoning_content": "Hm."}]},
            r"'messages\[\]\.reasoning_content' changes",
        ),
        (
            {"messages": [USER, ON], "images": ["a.png"]},
            "'images' changes what the row means: only text",
        ),
        (
            {"messages": [USER, ON], "label": "sport"},
            "'label' must be true or false, this is 'sport'",
        ),
        ({"prompt": "a", "completion": "b", "weight": 2}, "'weight' changes what the row means"),
        ({"messages": [USER, ON, {**ON}]}, "messages 2 and 3 are both of the assistant"),
        ({"messages": [USER, ON, {**ON}, MORE, ON]}, "messages 2 and 3 are both of the assistant"),
    ],
)
def test_a_row_whose_meaning_cannot_be_kept_is_refused_with_its_place(
    row: dict[str, object], said: str, write_rows: WriteRows
) -> None:
    path = write_rows([row])

    with pytest.raises(DataError, match=rf"{path.name}:1: {said}"):
        read_dataset([path])


def test_such_a_row_can_be_set_aside(write_rows: WriteRows, tmp_path: Path) -> None:
    path = write_rows([{"messages": [USER, ON, ON]}, {"messages": [USER, ON]}])

    data = read_dataset([path], skip_bad=tmp_path / "bad.jsonl")

    assert (len(data.examples), data.set_aside) == (1, 1)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"messages": [USER, ON]}, "messages + label"),
        (
            {
                "conversations": [
                    {"from": "human", "value": "Where?"},
                    {"from": "gpt", "value": "Desk 4."},
                ]
            },
            "sharegpt + label",
        ),
        ({"instruction": "Where?", "input": "", "output": "Desk 4."}, "alpaca + label"),
        ({"question": "Where?", "answer": "Desk 4."}, "question/answer + label"),
        ({"prompt": "Where?", "completion": "Desk 4."}, "thumbs"),
    ],
)
@pytest.mark.parametrize("key", ["label", "kto_tag"])
def test_a_rating_is_read_in_every_layout(
    row: dict[str, object], name: str, key: str, write_rows: WriteRows
) -> None:
    data = read_dataset([write_rows([{**row, key: True}, {**row, key: "0"}])])

    assert data.examples == (
        RatedAnswer((ASKED,), "Desk 4.", good=True),
        RatedAnswer((ASKED,), "Desk 4.", good=False),
    )
    assert data.format == name


@pytest.mark.parametrize(
    "prompt",
    [
        {"conversations": [{"from": "human", "value": "Where?"}]},
        {"messages": [USER]},
        {"instruction": "Where?", "input": ""},
        {"question": "Where?"},
        {"prompt": "Where?"},
    ],
    ids=lambda prompt: next(iter(prompt)),
)
@pytest.mark.parametrize("form", ["text", "from", "role", "list"])
def test_a_ranking_is_read_in_every_layout(
    prompt: dict[str, object], form: str, write_rows: WriteRows
) -> None:
    def side(text: str) -> object:
        if form == "text":
            return text
        turn = (
            {"from": "gpt", "value": text}
            if form == "from"
            else {"role": "assistant", "content": text}
        )
        return [turn] if form == "list" else turn

    data = read_dataset(
        [write_rows([{**prompt, "chosen": side("Desk 4."), "rejected": side("No idea.")}])]
    )

    assert data.examples == (PreferencePair((ASKED,), "Desk 4.", "No idea."),)
    assert data.unread == {}


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        (
            {"system_prompt": "Be brief.", "question": "Where?", "answer": "x"},
            ["Be brief.", "Where?"],
        ),
        ({"context": "The house.", "question": "Where?", "answer": "x"}, ["The house.\n\nWhere?"]),
        (
            {"instruction": "Where?", "context": "The house.", "response": "x"},
            ["Where?\n\nThe house."],
        ),
        (
            {"instruction": "Where?", "input": "A.", "context": "B.", "output": "x"},
            ["Where?\n\nA.\n\nB."],
        ),
        ({"messages": [USER, ON], "system_prompt": "Be brief."}, ["Be brief.", "Where?"]),
    ],
)
def test_system_and_context_are_part_of_the_prompt(
    row: dict[str, object], prompt: list[str], write_rows: WriteRows
) -> None:
    (example,) = read_examples([write_rows([row])]).examples

    assert [message.content for message in example.prompt] == prompt


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_a_number_that_json_does_not_have_is_refused_in_a_call(number: str, tmp_path: Path) -> None:
    call = '{"function": {"name": "limit", "arguments": {"max": ' + number + "}}}"
    turns = (
        '[{"role": "user", "content": "go"}, {"role": "assistant", "tool_calls": [' + call + "]}]"
    )
    path = tmp_path / "rows.jsonl"
    path.write_text('{"messages": ' + turns + "}\n")

    with pytest.raises(DataError, match=r"rows\.jsonl:1: 'messages' 2: a tool call holds a number"):
        read_dataset([path])


def test_a_name_that_stands_twice_in_an_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a", "completion": "b", "prompt": "c"}\n')

    with pytest.raises(DataError, match=r"rows\.jsonl:1: 'prompt' stands twice in one object"):
        read_dataset([path])


def test_what_is_read_and_what_is_not_is_counted_and_strict_makes_it_an_error(
    write_rows: WriteRows,
) -> None:
    turn = {"role": "user", "content": "Where?", "name": "ana"}
    path = write_rows(
        [{"messages": [turn, ON], "topic": "house", "id": 7, "license": "MIT", "images": []}]
    )

    data = read_dataset([path])

    assert data.fields == {"messages": 1}
    assert data.unread == {"messages[].name": 1, "topic": 1, "id": 1}
    with pytest.raises(DataError, match=r":1: 'id' is not read, and --strict wants all of it"):
        read_dataset([path], layout=Layout(strict=True))


def test_a_format_that_is_named_leaves_other_fields_out_and_says_so(write_rows: WriteRows) -> None:
    path = write_rows([{"prompt": "a", "completion": "b", "label": "sport", "weight": 3}])

    data = read_dataset([path], layout=Layout("prompt/completion"))

    assert data.format == "prompt/completion"
    assert data.unread == {"label": 1, "weight": 1}


def test_every_field_of_a_row_is_in_the_account(write_rows: WriteRows) -> None:
    """Whatever else a row holds, each of its names is read, not read, or makes the row an error."""
    extra = {f"field_{n}": f"value {n}" for n in range(12)}
    for row in (
        {"messages": [{**USER, **extra}, ON], **extra},
        {"prompt": "a", "completion": "b", **extra},
        {"instruction": "a", "output": "b", **extra},
        {"question": "a", "answer": "b", **extra},
        {"prompt": "a", "chosen": "b", "rejected": "c", **extra},
    ):
        data = read_dataset([write_rows([row])])

        assert {*data.fields, *(name for name in data.unread if "[]" not in name)} == set(row)
        if "messages" in row:
            assert {f"messages[].{name}" for name in extra} <= set(data.unread)


def test_json_in_a_column_of_a_table_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('prompt,completion\nGo,"{""a"": null, ""a"": 1}"\n')

    (example,) = read_examples([path]).examples

    assert example.answer == '{"a": null, "a": 1}'
