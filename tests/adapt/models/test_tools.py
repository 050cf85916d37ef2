"""Files of tools: what is read, how it stands in a prompt, and what is refused in one sentence."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from adapt.errors import DataError
from adapt.models.decoding.tools import list_tools, read_tools
from adapt.models.rendering import render
from adapt.records import Message

FUNCTION = {
    "name": "start_timer",
    "description": "Start a timer",
    "parameters": {"type": "object", "properties": {"minutes": {"type": "integer"}}},
}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "content",
    [FUNCTION, [FUNCTION], {"type": "function", "function": FUNCTION}, [{"function": FUNCTION}]],
)
def test_one_tool_or_a_list_with_or_without_its_wrapping(tmp_path: Path, content: object) -> None:
    (tool,) = read_tools(write(tmp_path / "tools.json", content))

    assert tool == {"type": "function", "function": FUNCTION}


def test_tools_stand_in_a_prompt_as_the_starters_template_writes_them(tmp_path: Path) -> None:
    tools = read_tools(write(tmp_path / "tools.json", [FUNCTION, {"name": "stop"}]))
    starter = AutoTokenizer.from_pretrained(Path(str(files("adapt.starter"))) / "model")
    ours = [Message("system", f"Hi.\n\n{list_tools(tools)}"), Message("user", "Go")]

    theirs = starter.apply_chat_template(
        [{"role": "system", "content": "Hi."}, {"role": "user", "content": "Go"}],
        tools=list(tools),
        tokenize=False,
        add_generation_prompt=True,
    )

    assert render(starter, ours, add_generation_prompt=True) == theirs


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[", "not JSON"),
        ("[]", "no tools"),
        ("3", "not a list of tools"),
        ('[{"description": "nameless"}]', "not a list of tools"),
        ('[{"name": "a"}, {"name": "a"}]', "two tools are called 'a'"),
    ],
)
def test_what_is_no_list_of_tools_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "tools.json"
    path.write_text(content)

    with pytest.raises(DataError, match=says):
        read_tools(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.json: cannot be read"):
        read_tools(tmp_path / "nowhere.json")
