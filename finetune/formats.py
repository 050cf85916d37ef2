"""What a row means: the usual dataset formats, recognised by their keys, each turned into one `Example`.

| format | keys |
|---|---|
| messages | `messages`: list of {role, content} |
| sharegpt | `conversations`: list of {from, value} |
| prompt/completion | `prompt`, `completion`: texts, or lists of messages |
| alpaca | `instruction`, `output`, and `input`, `system` where there are any |
| question/answer | `question`, `answer` |
"""

from collections.abc import Callable, Mapping

from adapt.records import Example, Message, Role
from finetune.files import RowError

ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
SHAREGPT_ROLES: dict[str, Role] = {
    **ROLES,
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
}
Fields = Mapping[str, object]


def read_example(value: object) -> tuple[str, Example]:
    """Return the name of a row's format and the example that it holds.

    Raises:
        RowError: the row is of no known format, or it breaks the rules of its own.
    """
    if not isinstance(value, Mapping):
        raise RowError(f"a row must be an object with named fields, this is a {_kind(value)}")
    fields = {key: value[key] for key in value if value[key] is not None}
    for name, (needed, read) in FORMATS.items():
        if all(key in fields for key in needed):
            messages = read(fields)
            _check(messages)
            return name, Example(tuple(messages))
    found = ", ".join(map(str, value)) or "none"
    known = "; ".join(" + ".join(needed) for needed, _ in FORMATS.values())
    raise RowError(f"no known format; its fields are {found[:200]}, known are {known}")


def _check(messages: list[Message]) -> None:
    if not messages:
        raise RowError("no messages")
    if messages[-1].role != "assistant":
        raise RowError(
            f"the last message must be of the assistant, it is of the {messages[-1].role}"
        )
    if not messages[-1].content.strip():
        raise RowError("the answer is empty")
    if any(message.role == "system" for message in messages[1:]):
        raise RowError("a system message may only come first")
    prompt = [message for message in messages[:-1] if message.role != "system"]
    if not prompt or prompt[0].role != "user":
        raise RowError("a conversation must begin with the user")
    for number, message in enumerate(messages[:-1], start=1):
        if message.role != "system" and not message.content.strip():
            raise RowError(f"message {number}, of the {message.role}, is empty")


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _text(fields: Fields, key: str, default: str | None = None) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str):
        raise RowError(f"'{key}' must be text, this is a {_kind(value)}")
    if "\0" in value:
        raise RowError(f"'{key}' holds a null character")
    return value


def _conversation(
    value: object, key: str, *, names: tuple[str, str], roles: dict[str, Role]
) -> list[Message]:
    """Read a list of turns; `names` are the fields of role and content."""
    if not isinstance(value, list):
        raise RowError(f"'{key}' must be a list of messages, this is a {_kind(value)}")
    role_name, content_name = names
    messages = []
    for number, turn in enumerate(value, start=1):
        if not isinstance(turn, Mapping):
            raise RowError(f"'{key}' {number} must be an object, this is a {_kind(turn)}")
        role = turn.get(role_name)
        if not isinstance(role, str) or role not in roles:
            known = ", ".join(roles)
            raise RowError(f"'{key}' {number} has the {role_name} {role!r}; known are {known}")
        try:
            messages.append(Message(roles[role], _text(turn, content_name)))
        except RowError as fault:
            raise RowError(f"'{key}' {number}: {fault}") from fault
    return messages


def _with_system(fields: Fields, messages: list[Message]) -> list[Message]:
    system = _text(fields, "system", "")
    return [Message("system", system), *messages] if system.strip() else messages


def _messages(fields: Fields) -> list[Message]:
    if fields.get("tools"):
        raise RowError("'tools' is not supported yet; remove the field or the row")
    return _conversation(fields["messages"], "messages", names=("role", "content"), roles=ROLES)


def _sharegpt(fields: Fields) -> list[Message]:
    turns = _conversation(
        fields["conversations"], "conversations", names=("from", "value"), roles=SHAREGPT_ROLES
    )
    return _with_system(fields, turns)


def _prompt_completion(fields: Fields) -> list[Message]:
    messages: list[Message] = []
    parts: tuple[tuple[str, Role], ...] = (("prompt", "user"), ("completion", "assistant"))
    for key, role in parts:
        if isinstance(fields[key], str):
            messages.append(Message(role, _text(fields, key)))
        else:
            messages += _conversation(fields[key], key, names=("role", "content"), roles=ROLES)
    return messages


def _alpaca(fields: Fields) -> list[Message]:
    instruction, extra = _text(fields, "instruction"), _text(fields, "input", "")
    if fields.get("history"):
        raise RowError("'history' is not supported yet; give the turns as messages")
    question = f"{instruction}\n\n{extra}" if extra.strip() else instruction
    answer = Message("assistant", _text(fields, "output"))
    return _with_system(fields, [Message("user", question), answer])


def _question_answer(fields: Fields) -> list[Message]:
    answer = Message("assistant", _text(fields, "answer"))
    return _with_system(fields, [Message("user", _text(fields, "question")), answer])


# looked through in this order: the first whose fields are all there
FORMATS: dict[str, tuple[tuple[str, ...], Callable[[Fields], list[Message]]]] = {
    "messages": (("messages",), _messages),
    "sharegpt": (("conversations",), _sharegpt),
    "prompt/completion": (("prompt", "completion"), _prompt_completion),
    "alpaca": (("instruction", "output"), _alpaca),
    "question/answer": (("question", "answer"), _question_answer),
}
