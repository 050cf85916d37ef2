"""Lists of turns as datasets hold them → messages as the chat sends them; tools and their calls included.

In this product a tool stands in the system message and a call is the assistant's answer, one JSON object
(`adapt.models.decoding.tools`). Rows that give tools by a field of their own, calls by `tool_calls` and results by a role
are brought into that form, so that training and chat show a model the same.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from adapt.errors import DataError
from adapt.models.decoding.tools import list_tools, parse_tools, tell_result
from adapt.records import Message, Role
from finetune.data.fields import Fields
from finetune.data.row import RowError

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
YES = {"true": True, "1": True, "false": False, "0": False}
NO = {said: not learned for said, learned in YES.items()}


class Turn(NamedTuple):
    """A message, and whether it is learned where it is the assistant's."""

    message: Message
    is_learned: bool = True


def text_of(fields: Mapping[str, object], key: str, default: str | None = None) -> str:
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


def read_turns(row: Fields, key: str) -> list[Turn]:
    """Return a field that is a list of turns, each {role, content} or {from, value}; or that is one turn alone.

    Raises:
        RowError: the list, one of its turns, or a call in it has another form.
    """
    value = row[key]
    if isinstance(value, str) and value.lstrip().startswith("["):  # a list in a cell of a table
        value = _json(value, key)
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        raise RowError(f"'{key}' must be a list of messages, this is a {kind_of(value)}")
    turns: list[Turn] = []
    for number, entry in enumerate(value, start=1):
        if not isinstance(entry, Mapping):
            raise RowError(f"'{key}' {number}: must be an object, this is a {kind_of(entry)}")
        fields = Fields(entry)
        try:
            turn = _turn(fields)
        except RowError as fault:
            raise RowError(f"'{key}' {number}: {fault}") from fault
        row.within |= {f"{key}[].{name}" for name in fields.unread()}
        if turns and turn.message.role == "user" and turns[-1].message.role == "user":
            # several results, or a result and what the user adds; templates want turns to alternate
            before = turns.pop().message.content
            turn = Turn(Message("user", f"{before}\n\n{turn.message.content}"))
        turns.append(turn)
    return turns


def _turn(turn: Fields) -> Turn:
    role_name, content_name = ("from", "value") if "from" in turn else ("role", "content")
    role = turn.get(role_name)
    speaker = SPEAKERS.get(role) if isinstance(role, str) else None
    if speaker is None:
        known = ", ".join(SPEAKERS)
        raise RowError(f"has the {role_name} {role!r}; known are {known}")
    is_learned = _is_learned(turn)
    if speaker == "assistant" and (calls := turn.get("tool_calls")):
        text = _content(turn, content_name) if content_name in turn else ""
        content = "\n".join([*([text] if text.strip() else []), *_calls(calls)])
        return Turn(Message("assistant", content), is_learned)
    content = _content(turn, content_name)
    if speaker == "call":
        return Turn(Message("assistant", _call(_json(content, content_name))), is_learned)
    if speaker == "result":
        for name in ("name", "tool_call_id"):
            turn.get(name)  # whose result it is, its place says
        return Turn(Message("user", tell_result(content)))
    return Turn(Message(speaker, content), is_learned)


def _is_learned(turn: Fields) -> bool:
    """Return what a turn says of itself: `weight` 0 or 1 (OpenAI), `train` or `masked` (axolotl, mistral-finetune)."""
    answers = []
    for name, learned in (
        ("weight", {"1": True, "0": False}),
        ("train", YES),
        ("masked", NO),
        ("mask", NO),
    ):
        if name not in turn:
            continue
        said = str(turn[name]).strip().lower().removesuffix(".0")
        if said not in learned:
            raise RowError(f"has the {name} {turn[name]!r}; known are {' and '.join(learned)}")
        answers.append(learned[said])
    return all(answers)


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
    return "".join(texts)


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
    try:
        text = json.dumps(
            {"name": call["name"], "arguments": arguments}, ensure_ascii=False, allow_nan=False
        )
    except ValueError as error:
        raise RowError(
            "a tool call holds a number that JSON does not have (infinity, NaN)"
        ) from error
    return _sound(text, "tool_calls")


def _json(text: str, key: str) -> object:
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowError(f"'{key}' is not JSON ({type(error).__name__})") from error
    return parsed


def with_system(fields: Fields, turns: Sequence[Turn]) -> list[Turn]:
    """Return turns with what the row says besides: a `system` text before them, and `tools` at the end of it.

    Raises:
        RowError: either has another form.
    """
    rest = list(turns)
    parts = [text_of(fields, key, "") for key in ("system", "system_prompt")]
    if rest and rest[0].message.role == "system":
        parts.append(rest.pop(0).message.content)
    if tools := fields.get("tools"):
        parts.append(_tools(tools))
    system = "\n\n".join(part for part in parts if part.strip())
    return [Turn(Message("system", system)), *rest] if system else rest


def _tools(tools: object) -> str:
    try:
        parsed = parse_tools(_json(tools, "tools") if isinstance(tools, str) else tools)
    except DataError as error:
        raise RowError(f"'tools' is {error}") from error
    return _sound(list_tools(parsed), "tools")
