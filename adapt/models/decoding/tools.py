"""Tools that a model may call: JSON schemas in the prompt, and as the answer one JSON object of a name and arguments.

A tool is a dict in the form that `apply_chat_template(tools=…)` and OpenAI's API take:
`{"type": "function", "function": {"name": …, "description": …, "parameters": JSON schema}}`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from adapt.errors import DataError

# What stands before the tools in a prompt; the starter was trained on it, and its chat template writes the same.
HEADING = "Tools. To use one, answer with a JSON object of its name and arguments."
# An object is written as Python's json does, so that a model has one way to say a thing.
_SEPARATORS = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
Tool = dict[str, Any]


class _Function(BaseModel):
    name: str = Field(min_length=1)
    description: str = ""
    parameters: dict[str, Any] = {"type": "object", "properties": {}}


class _Wrapped(BaseModel):
    function: _Function


_FILE = TypeAdapter(list[_Wrapped | _Function])


def read_tools(path: Path) -> tuple[Tool, ...]:
    """Read a JSON file of one tool or a list of them, each with or without its `{"type": "function", …}` around it.

    Raises:
        DataError: the file is missing, is not JSON, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    try:
        return parse_tools(content)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def parse_tools(content: object) -> tuple[Tool, ...]:
    """Return one tool or a list of them, each with or without its `{"type": "function", …}`, in the full form.

    Raises:
        DataError: it is something else; the text says what, not where.
    """
    try:
        parsed = _FILE.validate_python(content if isinstance(content, list) else [content])
    except ValidationError as error:
        raise DataError(
            "not a list of tools, each with a name and parameters (a JSON schema)"
        ) from error
    functions = [tool.function if isinstance(tool, _Wrapped) else tool for tool in parsed]
    names = [function.name for function in functions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if not functions or twice:
        raise DataError(f"two tools are called {twice!r}" if twice else "no tools")
    return tuple({"type": "function", "function": function.model_dump()} for function in functions)


def list_tools(tools: Sequence[Tool]) -> str:
    """Return the tools as they stand in a prompt: the heading, then a schema a line."""
    return "\n".join([HEADING, *(json.dumps(tool, ensure_ascii=False) for tool in tools)])


def tell_result(content: str) -> str:
    """Return what a tool gave back as the user's next message, since here the user carries it."""
    return f"The tool says: {content}"


def call_schema(tool: Tool) -> dict[str, Any]:
    """Return the JSON schema of a call: an object of the tool's name and arguments, in this order and spacing."""
    function = tool["function"]
    arguments = {"additionalProperties": False, **function.get("parameters", {"type": "object"})}
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
        "x-guidance": _SEPARATORS,
    }
