"""What a row means: the usual dataset formats, recognised by their keys.

| format | keys | gives |
|---|---|---|
| messages | `messages`: list of {role, content}, and `tools` where there are any | an example |
| sharegpt | `conversations`: list of {from, value}; `system`, `tools` | an example |
| preference | `chosen`, `rejected`: texts or lists of messages; `prompt` unless they begin with it | a preference pair |
| thumbs | `prompt`, `completion`, `label` (true for a good answer) | a rated answer |
| prompt/completion | `prompt`, `completion`: texts, or lists of messages | an example |
| alpaca | `instruction`, `output`, and `input`, `system`, `history` where there are any | an example |
| question/answer | `question`, `answer` | an example |
| text | `text`, with nothing beside it but where it is from | an example of nothing but text |
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapt.records import Example, Message, PreferencePair, RatedAnswer, Role
from finetune.data.row import RowError
from finetune.data.turns import Fields, kind_of, read_turns, text_of, with_system

# what may stand beside a `text` that is learned as it is
BESIDE_TEXT = frozenset(
    {"text", "id", "url", "title", "source", "author", "date", "timestamp", "meta", "metadata", "license", "licence"}
)  # fmt: skip
Read = Example | PreferencePair | RatedAnswer


@dataclass(frozen=True)
class Format:
    """A format: the keys that it needs, those that it may have besides, and how a row of it is read."""

    needed: tuple[str, ...]
    read: Callable[[Fields], Read]
    optional: tuple[str, ...] = ()


def read_row(
    value: object, *, name: str | None = None, columns: Mapping[str, str] | None = None
) -> tuple[str, Read]:
    """Return the name of a row's format and what the row holds.

    Args:
        name: the format that it must have; else it is recognised by its keys.
        columns: from the key of a format to the column that stands for it here.

    Raises:
        RowError: the row is of no known format, or it breaks the rules of its own.
    """
    if not isinstance(value, Mapping):
        raise RowError(f"a row must be an object with named fields, this is a {kind_of(value)}")
    fields = _renamed({str(key): value[key] for key in value if value[key] is not None}, columns)
    for format_name in [name] if name else FORMATS:
        if not all(key in fields for key in FORMATS[format_name].needed):
            continue
        if format_name == "text" and not name and not fields.keys() <= BESIDE_TEXT:
            continue  # a text with a label or a category is not there to be learned as it is
        return format_name, FORMATS[format_name].read(fields)
    given = (", ".join(map(str, value)) or "none")[:200]
    if name:
        needed = " + ".join(FORMATS[name].needed)
        raise RowError(f"not of the format {name}, which needs {needed}; its fields are {given}")
    known = "; ".join(" + ".join(known_format.needed) for known_format in FORMATS.values())
    raise RowError(
        f"no known format; its fields are {given}, known are {known}. Name a column for each with --columns, "
        "as in --columns prompt=question,completion=sql; for text that is learned as it is say --format text"
    )


def _renamed(fields: dict[str, object], columns: Mapping[str, str] | None) -> dict[str, object]:
    """Return fields under the names that formats know; a column that has been given another name is not itself any more."""
    taken = set((columns or {}).values())
    named = {key: fields[column] for key, column in (columns or {}).items() if column in fields}
    return {**{key: value for key, value in fields.items() if key not in taken}, **named}


def _example(fields: Fields, messages: list[Message]) -> Example:
    messages = with_system(fields, messages)
    if messages[-1].role != "assistant":
        raise RowError(
            f"the last message must be of the assistant, it is of the {messages[-1].role}"
        )
    if not messages[-1].content.strip():
        raise RowError("the answer is empty")
    _check_prompt(messages[:-1])
    return Example(tuple(messages))


def _check_prompt(messages: list[Message]) -> None:
    """Refuse what no chat sends."""
    if any(message.role == "system" for message in messages[1:]):
        raise RowError("a system message may only come first")
    prompt = [message for message in messages if message.role != "system"]
    if not prompt or prompt[0].role != "user":
        raise RowError("a conversation must begin with the user")
    for number, message in enumerate(messages, start=1):
        if message.role != "system" and not message.content.strip():
            raise RowError(f"message {number}, of the {message.role}, is empty")


def _side(fields: Fields, key: str, role: Role) -> list[Message]:
    """Return a field that is a text of one role, or a list of messages."""
    value = fields[key]
    # a text that looks like a list stays a text: it may be the JSON that is to be learned
    return (
        read_turns(value, key) if isinstance(value, list) else [Message(role, text_of(fields, key))]
    )


def _messages(fields: Fields) -> Example:
    read = read_turns(fields["messages"], "messages")
    if not read:
        raise RowError("no messages")
    return _example(fields, read)


def _sharegpt(fields: Fields) -> Example:
    read = read_turns(fields["conversations"], "conversations")
    if not read:
        raise RowError("no messages")
    return _example(fields, read)


def _prompt_completion(fields: Fields) -> Example:
    return _example(
        fields, _side(fields, "prompt", "user") + _side(fields, "completion", "assistant")
    )


def _alpaca(fields: Fields) -> Example:
    instruction, extra = text_of(fields, "instruction"), text_of(fields, "input", "")
    question = f"{instruction}\n\n{extra}" if extra.strip() else instruction
    answer = Message("assistant", text_of(fields, "output"))
    return _example(fields, [*_history(fields.get("history")), Message("user", question), answer])


def _history(value: object) -> list[Message]:
    """Return earlier turns as LLaMA-Factory writes them: a list of [question, answer]."""
    if not value:
        return []
    if not isinstance(value, list):
        raise RowError(f"'history' must be a list of pairs, this is a {kind_of(value)}")
    turns: list[Message] = []
    for pair in value:
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not all(isinstance(turn, str) for turn in pair)
        ):
            raise RowError("'history' must be a list of pairs, each a question and an answer")
        asked, answered = (text_of({"history": turn}, "history") for turn in pair)
        turns += [Message("user", asked), Message("assistant", answered)]
    return turns


def _question_answer(fields: Fields) -> Example:
    asked = Message("user", text_of(fields, "question"))
    return _example(fields, [asked, Message("assistant", text_of(fields, "answer"))])


def _preference(fields: Fields) -> PreferencePair:
    before = _side(fields, "prompt", "user") if "prompt" in fields else []
    chosen, rejected = (_side(fields, key, "assistant") for key in ("chosen", "rejected"))
    if not before:  # the lists begin with the prompt
        while len(before) < min(len(chosen), len(rejected)) and chosen[len(before)] == rejected[len(before)]:  # fmt: skip
            before.append(chosen[len(before)])
        chosen, rejected = chosen[len(before) :], rejected[len(before) :]
    prompt = with_system(fields, before)
    _check_prompt(prompt)
    for key, side in (("chosen", chosen), ("rejected", rejected)):
        if len(side) != 1 or side[0].role != "assistant":
            raise RowError(f"'{key}' must be one answer of the assistant to the prompt")
        if not side[0].content.strip():
            raise RowError(f"'{key}' is empty")
    if chosen == rejected:
        raise RowError("'chosen' and 'rejected' are the same")
    return PreferencePair(tuple(prompt), chosen[0].content, rejected[0].content)


_LABELS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def _thumbs(fields: Fields) -> RatedAnswer:
    label = _LABELS.get(str(fields["label"]).strip().lower())
    if label is None:
        raise RowError(
            f"'label' must be true or false, this is {str(fields['label'])[:40]!r}; where it rates nothing, "
            "say --format prompt/completion"
        )
    example = _prompt_completion({key: value for key, value in fields.items() if key != "label"})
    return RatedAnswer(example.prompt, example.answer, good=label)


def _plain(fields: Fields) -> Example:
    text = text_of(fields, "text")
    if not text.strip():
        raise RowError("the text is empty")
    return Example((Message("assistant", text),), plain=True)


# looked through in this order: the first whose fields are all there
FORMATS: dict[str, Format] = {
    "messages": Format(("messages",), _messages, ("system", "tools")),
    "sharegpt": Format(("conversations",), _sharegpt, ("system", "tools")),
    "preference": Format(("chosen", "rejected"), _preference, ("prompt", "system", "tools")),
    "thumbs": Format(("prompt", "completion", "label"), _thumbs, ("system", "tools")),
    "prompt/completion": Format(("prompt", "completion"), _prompt_completion, ("system", "tools")),
    "alpaca": Format(("instruction", "output"), _alpaca, ("input", "system", "history", "tools")),
    "question/answer": Format(("question", "answer"), _question_answer, ("system", "tools")),
    "text": Format(("text",), _plain),
}
