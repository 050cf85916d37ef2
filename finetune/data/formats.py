"""What a row means: the usual dataset formats, recognised by their keys.

| format | keys | gives |
|---|---|---|
| preference | `chosen`, `rejected`: texts, messages or lists of them; a prompt (below) | a preference pair |
| messages | `messages`: list of {role, content}, and `tools` where there are any | an example |
| sharegpt | `conversations`: list of {from, value}; `system`, `tools` | an example |
| thumbs | `prompt`, `completion`, `label` (true for a good answer) | a rated answer |
| prompt/completion | `prompt`, `completion`: texts, or lists of messages | an example |
| alpaca | `instruction`, `output` or `response`; `input`, `context`, `system`, `history` | an example |
| question/answer | `question`, `answer`, and `context` | an example |
| text | `text`, with nothing beside it but where it is from | an example of nothing but text |

The prompt of a preference row is its `prompt`, `messages`, `conversations`, `instruction` or `question`, or what both of its
lists begin with.
A row of messages, sharegpt, alpaca or question/answer with a `label` or `kto_tag` is a rated answer. A turn with `weight` 0,
`train` false or `masked` true stands in the conversation and is not learned. `system_prompt` is `system`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapt.records import Example, Message, PreferencePair, RatedAnswer
from finetune.data.fields import Fields
from finetune.data.prompts import (
    check_prompt,
    instruction_turns,
    prompt_turns,
    question_turns,
    read_side,
)
from finetune.data.row import RowError
from finetune.data.turns import Turn, kind_of, read_turns, text_of, with_system

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
    instead: Mapping[str, str] = field(default_factory=dict)  # other names of what is needed

    @property
    def wanted(self) -> str:
        """Return the needed keys, for people."""
        return " + ".join(self.needed)

    def fits(self, fields: Fields) -> bool:
        """Return whether all that is needed is there."""
        return all(key in fields or self.instead.get(key) in fields for key in self.needed)


@dataclass(frozen=True)
class ReadRow:
    """A row as it was understood.

    Attributes:
        format: the name of its format; with ` + label` where it is a rated answer of another format than thumbs.
        content: what it gives.
        read: the fields that hold something and were read.
        unread: those that were not; of turns as `messages[].name`.
    """

    format: str
    content: Read
    read: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()


def read_row(
    value: object, *, name: str | None = None, columns: Mapping[str, str] | None = None
) -> ReadRow:
    """Return what a row holds.

    Args:
        name: the format that it must have; else it is recognised by its keys.
        columns: from the key of a format to the column that stands for it here.

    Raises:
        RowError: the row is of no known format, breaks the rules of its own, or holds a field that changes what it means
            and is not understood.
    """
    if not isinstance(value, Mapping):
        raise RowError(f"a row must be an object with named fields, this is a {kind_of(value)}")
    fields = Fields(_renamed(value, columns))
    for format_name in [name] if name else FORMATS:
        form = FORMATS[format_name]
        if not form.fits(fields):
            continue
        if format_name == "text" and not name and not set(fields) <= BESIDE_TEXT:
            continue  # a text with a label or a category is not there to be learned as it is
        content = form.read(fields)
        used = format_name
        if isinstance(content, Example) and not content.plain and not name and _is_rated(fields):
            content = RatedAnswer(content.prompt, content.answer, good=_label(fields))
            used = f"{format_name} + label"
        if not name and (reason := fields.changing()):
            raise RowError(reason)
        return ReadRow(used, content, frozenset(fields.read()), frozenset(fields.unread()))
    given = (", ".join(map(str, value)) or "none")[:200]
    if name:
        raise RowError(
            f"not of the format {name}, which needs {FORMATS[name].wanted}; its fields are {given}"
        )
    known = "; ".join(known_format.wanted for known_format in FORMATS.values())
    raise RowError(
        f"no known format; its fields are {given}, known are {known}. Name a column for each with --columns, "
        "as in --columns prompt=question,completion=sql; for text that is learned as it is say --format text"
    )


def _renamed(fields: Mapping[str, object], columns: Mapping[str, str] | None) -> dict[str, object]:
    """Return fields under the names that formats know; a column that has been given another name is not itself any more."""
    taken = set((columns or {}).values())
    named = {key: fields[column] for key, column in (columns or {}).items() if column in fields}
    return {**{key: value for key, value in fields.items() if key not in taken}, **named}


def _is_rated(fields: Fields) -> bool:
    """Return whether a row says what its answer is worth."""
    return "label" in fields or "kto_tag" in fields


def _label(fields: Fields) -> bool:
    key = "label" if "label" in fields else "kto_tag"
    label = _LABELS.get(str(fields[key]).strip().lower())
    if label is None:
        raise RowError(
            f"'{key}' must be true or false, this is {str(fields[key])[:40]!r}; where it rates nothing, "
            "name the format with --format"
        )
    return label


def _example(fields: Fields, turns: list[Turn]) -> Example:
    turns = with_system(fields, turns)
    while (
        turns
        and not turns[-1].is_learned
        and turns[-1].message.role == "assistant"
        and len(turns) > 1
    ):
        turns = turns[:-2]  # nothing after the last answer that is learned has an effect
    if not turns:
        raise RowError("no answer in it is to be learned")
    messages = [turn.message for turn in turns]
    if messages[-1].role != "assistant":
        raise RowError(
            f"the last message must be of the assistant, it is of the {messages[-1].role}"
        )
    if not messages[-1].content.strip():
        raise RowError("the answer is empty")
    check_prompt(messages[:-1])
    if len(messages) > 1 and messages[-2].role == "assistant":
        raise RowError(
            f"messages {len(messages) - 1} and {len(messages)} are both of the assistant"
        )
    unlearned = (
        place
        for place, turn in enumerate(turns)
        if turn.message.role == "assistant" and not turn.is_learned
    )
    return Example(tuple(messages), unlearned=frozenset(unlearned))


def _messages(fields: Fields) -> Example:
    read = read_turns(fields, "messages")
    if not read:
        raise RowError("no messages")
    return _example(fields, read)


def _sharegpt(fields: Fields) -> Example:
    read = read_turns(fields, "conversations")
    if not read:
        raise RowError("no messages")
    return _example(fields, read)


def _prompt_completion(fields: Fields) -> Example:
    return _example(
        fields, read_side(fields, "prompt", "user") + read_side(fields, "completion", "assistant")
    )


def _alpaca(fields: Fields) -> Example:
    answer = text_of(fields, "output" if "output" in fields else "response")
    return _example(fields, [*instruction_turns(fields), Turn(Message("assistant", answer))])


def _question_answer(fields: Fields) -> Example:
    answer = Turn(Message("assistant", text_of(fields, "answer")))
    return _example(fields, [*question_turns(fields), answer])


def _preference(fields: Fields) -> PreferencePair:
    before = prompt_turns(fields)
    chosen, rejected = (read_side(fields, key, "assistant") for key in ("chosen", "rejected"))
    shared = 0  # the lists begin with the prompt, also where it is given
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    if not before:
        before = chosen[:shared]
    if before == chosen[:shared]:
        chosen, rejected = chosen[shared:], rejected[shared:]
    prompt = [turn.message for turn in with_system(fields, before)]
    check_prompt(prompt)
    answers = []
    for key, side in (("chosen", chosen), ("rejected", rejected)):
        if len(side) != 1 or side[0].message.role != "assistant":
            raise RowError(f"'{key}' must be one answer of the assistant to the prompt")
        if not side[0].message.content.strip():
            raise RowError(f"'{key}' is empty")
        answers.append(side[0].message.content)
    if answers[0] == answers[1]:
        raise RowError("'chosen' and 'rejected' are the same")
    if prompt[-1].role != "user":
        raise RowError(f"the prompt must end with the user, it ends with the {prompt[-1].role}")
    return PreferencePair(tuple(prompt), *answers)


_LABELS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def _thumbs(fields: Fields) -> RatedAnswer:
    good = _label(fields)
    example = _prompt_completion(fields)
    return RatedAnswer(example.prompt, example.answer, good=good)


def _plain(fields: Fields) -> Example:
    text = text_of(fields, "text")
    if not text.strip():
        raise RowError("the text is empty")
    return Example((Message("assistant", text),), plain=True)


_BESIDES = ("system", "system_prompt", "tools", "label", "kto_tag")
# looked through in this order: the first whose fields are all there
FORMATS: dict[str, Format] = {
    "preference": Format(
        ("chosen", "rejected"), _preference,
        ("prompt", "messages", "conversations", "instruction", "input", "question", "context", "history", *_BESIDES[:3]),
    ),
    "messages": Format(("messages",), _messages, _BESIDES),
    "sharegpt": Format(("conversations",), _sharegpt, _BESIDES),
    "thumbs": Format(("prompt", "completion", "label"), _thumbs, _BESIDES[:3], {"label": "kto_tag"}),
    "prompt/completion": Format(("prompt", "completion"), _prompt_completion, _BESIDES[:3]),
    "alpaca": Format(
        ("instruction", "output"), _alpaca, ("input", "context", "history", "response", *_BESIDES), {"output": "response"}
    ),
    "question/answer": Format(("question", "answer"), _question_answer, ("context", *_BESIDES)),
    "text": Format(("text",), _plain),
}  # fmt: skip
