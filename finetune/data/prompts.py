"""What goes before an answer, under the names that datasets give it: turns, instruction, question, context."""

from collections.abc import Mapping

from adapt.records import Message, Role
from finetune.data.fields import Fields
from finetune.data.row import RowError
from finetune.data.turns import Turn, kind_of, read_turns, text_of


def check_prompt(messages: list[Message]) -> None:
    """Refuse what no chat sends."""
    if any(message.role == "system" for message in messages[1:]):
        raise RowError("a system message may only come first")
    prompt = [message for message in messages if message.role != "system"]
    if not prompt or prompt[0].role != "user":
        raise RowError("a conversation must begin with the user")
    for number, message in enumerate(messages, start=1):
        if message.role != "system" and not message.content.strip():
            raise RowError(f"message {number}, of the {message.role}, is empty")
        if number > 1 and message.role == messages[number - 2].role == "assistant":
            raise RowError(f"messages {number - 1} and {number} are both of the assistant")


def read_side(fields: Fields, key: str, role: Role) -> list[Turn]:
    """Return a field that is a text of one role, or messages."""
    # a text that looks like a list stays a text: it may be the JSON that is to be learned
    value = fields[key]
    is_turn = isinstance(value, Mapping) and bool({"role", "from"} & set(value))
    if is_turn or isinstance(value, list):
        return read_turns(fields, key)
    return [Turn(Message(role, text_of(fields, key)))]


def instruction_turns(fields: Fields) -> list[Turn]:
    """Return the prompt of a row in alpaca's form: earlier turns, instruction, input, context."""
    parts = [text_of(fields, key, "") for key in ("instruction", "input", "context")]
    question = "\n\n".join(part for part in parts if part.strip())
    return [*_history(fields.get("history")), Turn(Message("user", question))]


def _history(value: object) -> list[Turn]:
    """Return earlier turns as LLaMA-Factory writes them: a list of [question, answer]."""
    if not value:
        return []
    if not isinstance(value, list):
        raise RowError(f"'history' must be a list of pairs, this is a {kind_of(value)}")
    turns: list[Turn] = []
    for pair in value:
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not all(isinstance(turn, str) for turn in pair)
        ):
            raise RowError("'history' must be a list of pairs, each a question and an answer")
        asked, answered = (text_of({"history": turn}, "history") for turn in pair)
        turns += [Turn(Message("user", asked)), Turn(Message("assistant", answered))]
    return turns


def question_turns(fields: Fields) -> list[Turn]:
    """Return the prompt of a row with a question, and the context that it is about."""
    parts = [text_of(fields, "context", ""), text_of(fields, "question")]
    return [Turn(Message("user", "\n\n".join(part for part in parts if part.strip())))]


def prompt_turns(fields: Fields) -> list[Turn]:
    """Return the prompt of a preference row, under the names that LLaMA-Factory, axolotl and TRL give it."""
    if "prompt" in fields:
        return read_side(fields, "prompt", "user")
    for key in ("messages", "conversations"):
        if key in fields:
            return read_turns(fields, key)
    if "instruction" in fields:
        return instruction_turns(fields)
    return question_turns(fields) if "question" in fields else []
