"""Lists of turns as datasets hold them → messages as the chat sends them; tools and their calls included.

In this product a tool stands in the system message and a call is the assistant's answer, one JSON object
(`adapt.models.decoding.tools`). Rows that give tools by a field of their own, calls by `tool_calls` and results by a role
are brought into that form, so that training and chat show a model the same.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from adapt.errors import DataError
from adapt.models.decoding.tools import list_tools, parse_tools, tell_result
from adapt.records import Message, Role
from finetune.data.row import RowError

Fields = Mapping[str, object]
Speaker = Role | Literal["call", "result"]
SPEAKERS: dict[str, Speaker] = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "customer": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "agent": "assistant",
    "function_call": "call", "tool_call": "call",
    "tool": "result", "function": "result", "observation": "result",
    "function_response": "result", "tool_response": "result",
}  # fmt: skip


def text_of(fields: Fields, key: str, default: str | None = None) -> str:
    """Return a field that must be text.

    Raises:
        RowError: it is something else, or holds what no text holds: a null character, half of a character.
    """
    value = fields.get(key, default)
    if not isinstance(value, str):
        raise RowError(f"'{key}' must be text, this is a {kind_of(value)}")
    return _sound(value, key)


def _sound(text: str, key: str) -> str:
    if "\0" in text:
        raise RowError(f"'{key}' holds a null character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ascii(text[error.start])
        raise RowError(f"'{key}' holds half of a character ({half}); write it as UTF-8") from error
    return text


def kind_of(value: object) -> str:
    """Return what a value is, for people who know JSON."""
    return "null" if value is None else type(value).__name__


def read_turns(value: object, key: str) -> list[Message]:
    """Return a list of turns, each {role, content} or {from, value}, as messages.

    Raises:
        RowError: the list, one of its turns, or a call in it has another form.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):  # a list in a cell of a table
        value = _json(value, key)
    if not isinstance(value, list):
        raise RowError(f"'{key}' must be a list of messages, this is a {kind_of(value)}")
    messages: list[Message] = []
    for number, turn in enumerate(value, start=1):
        try:
            message = _turn(turn)
        except RowError as fault:
            raise RowError(f"'{key}' {number}: {fault}") from fault
        joined = messages and message.role == "user" and messages[-1].role == "user"
        if (
            joined
        ):  # several results, or a result and what the user adds; templates want turns to alternate
            message = Message("user", f"{messages.pop().content}\n\n{message.content}")
        messages.append(message)
    return messages


def _turn(turn: object) -> Message:
    if not isinstance(turn, Mapping):
        raise RowError(f"must be an object, this is a {kind_of(turn)}")
    role_name, content_name = ("from", "value") if "from" in turn else ("role", "content")
    role = turn.get(role_name)
    speaker = SPEAKERS.get(role) if isinstance(role, str) else None
    if speaker is None:
        known = ", ".join(SPEAKERS)
        raise RowError(f"has the {role_name} {role!r}; known are {known}")
    calls = turn.get("tool_calls")
    if calls and speaker == "assistant":
        text = "" if turn.get(content_name) is None else _content(turn, content_name)
        return Message("assistant", "\n".join([*([text] if text.strip() else []), *_calls(calls)]))
    content = _content(turn, content_name)
    if speaker == "call":
        return Message("assistant", _call(_json(content, content_name)))
    if speaker == "result":
        return Message("user", tell_result(content))
    return Message(speaker, content)


def _content(turn: Fields, key: str) -> str:
    """Return the content of a turn; of one in parts, as OpenAI's API writes them, the texts."""
    parts = turn.get(key)
    if not isinstance(parts, list):
        return text_of(turn, key)
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, Mapping) or part.get("type", "text") != "text":
            raise RowError(f"'{key}' must be text; pictures and other parts cannot be learned")
        texts.append(text_of(part, "text"))
    return "\n".join(texts)


def _calls(calls: object) -> list[str]:
    if not isinstance(calls, list):
        raise RowError(f"'tool_calls' must be a list, this is a {kind_of(calls)}")
    return [_call(call) for call in calls]


def _call(call: object) -> str:
    """Return a call as the chat's answers have it: an object of name and arguments."""
    if isinstance(call, Mapping) and isinstance(call.get("function"), Mapping):
        call = call["function"]
    if not isinstance(call, Mapping) or not isinstance(call.get("name"), str):
        raise RowError("a tool call must be an object with a name and arguments")
    arguments = call.get("arguments", call.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = _json(arguments or "{}", "arguments")
    if isinstance(
        arguments, Mapping
    ):  # a table of columns gives every call all arguments of all tools, as null
        arguments = {key: value for key, value in arguments.items() if value is not None}
    return _sound(
        json.dumps({"name": call["name"], "arguments": arguments}, ensure_ascii=False), "tool_calls"
    )


def _json(text: str, key: str) -> object:
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowError(f"'{key}' is not JSON ({type(error).__name__})") from error
    return parsed


def with_system(fields: Fields, messages: Sequence[Message]) -> list[Message]:
    """Return messages with what the row says besides: a `system` text before them, and `tools` at the end of it.

    Raises:
        RowError: either has another form.
    """
    turns = list(messages)
    parts = [text_of(fields, "system", "")]
    if turns and turns[0].role == "system":
        parts.append(turns.pop(0).content)
    if tools := fields.get("tools"):
        parts.append(_tools(tools))
    system = "\n\n".join(part for part in parts if part.strip())
    return [Message("system", system), *turns] if system else turns


def _tools(tools: object) -> str:
    try:
        parsed = parse_tools(_json(tools, "tools") if isinstance(tools, str) else tools)
    except DataError as error:
        raise RowError(f"'tools' is {error}") from error
    return _sound(list_tools(parsed), "tools")
