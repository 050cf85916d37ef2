"""A Modelfile: the chat template in Ollama's language, found by asking the tokenizer's own what it writes around each turn.

Ollama reads no Jinja: it has templates of Go, and guesses one where it is given none. What a template does with a plain
conversation (an opening, a system message, and marks before and after each turn) can be written there, is written here and
compared with the original on conversations of one to three turns. A template that does more is refused.
Source: https://github.com/ollama/ollama/blob/main/docs/modelfile.md and docs/template.md.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from adapt.errors import ModelError
from adapt.models.rendering import render
from adapt.records import Message

SYSTEM, ASKED, SAID, AGAIN, END = (
    "Sy5tem",
    "A5ked",
    "Sa1d",
    "Aga1n",
    "En0",
)  # words that no template writes


@dataclass(frozen=True)
class Marks:
    """What a template writes around the parts of a conversation.

    Attributes:
        opening: before the first turn where there is no system message.
        system: before and after a system message; what opens the conversation is in the first.
        joined: whether the system message stands inside of the first user's turn, whose mark is then left out.
        user: before and after a user's turn.
        assistant: before and after an answer.
        prompt: before the answer that is to come.
    """

    opening: str
    system: tuple[str, str]
    joined: bool
    user: tuple[str, str]
    assistant: tuple[str, str]
    prompt: str

    def render(self, messages: Sequence[Message]) -> str:
        """Return a conversation, ready for the next answer, as `go` writes it."""
        has_system = messages[0].role == "system"
        text, first = self.opening, True
        if has_system:
            text = f"{self.system[0]}{messages[0].content}{self.system[1]}"
        for message in messages[has_system:]:
            before, after = self.user if message.role == "user" else self.assistant
            text += (
                ("" if first and has_system and self.joined else before) + message.content + after
            )
            first = False
        return text + self.prompt

    def go(self) -> str:
        """Return the template in Go's language."""
        user = _say(self.user[0])
        if self.joined:
            user = f"{{{{ if or $later (not $.System) }}}}{user}{{{{ end }}}}"
        return (
            f"{{{{ if .System }}}}{_say(self.system[0])}{{{{ .System }}}}{_say(self.system[1])}"
            f"{{{{ else }}}}{_say(self.opening)}{{{{ end }}}}"
            "{{ $later := false }}{{ range .Messages }}"
            f'{{{{ if eq .Role "user" }}}}{user}{{{{ .Content }}}}{_say(self.user[1])}{{{{ $later = true }}}}'
            f'{{{{ else if eq .Role "assistant" }}}}{_say(self.assistant[0])}{{{{ .Content }}}}{_say(self.assistant[1])}'
            "{{ end }}{{ end }}"
            f"{_say(self.prompt)}"
        )


def _say(text: str) -> str:
    """Return an action that writes this text; in quotes, so that neither braces nor line ends are read."""
    return f"{{{{ {json.dumps(text, ensure_ascii=False)} }}}}" if text else ""


def modelfile(
    tokenizer: PreTrainedTokenizerBase, *, gguf: str, ends: Sequence[int] = (), licence: str = ""
) -> str:
    """Return the Modelfile of a GGUF file beside it.

    Args:
        ends: tokens beside the end-of-sequence token that end an answer.

    Raises:
        ModelError: the chat template does more than Ollama's can.
    """
    template = marks_of(tokenizer).go()
    stops = [tokenizer.eos_token, *tokenizer.convert_ids_to_tokens(list(ends))]
    lines = [f"FROM ./{gguf}", f'TEMPLATE """{template}"""']
    lines += [f"PARAMETER stop {json.dumps(stop, ensure_ascii=False)}" for stop in stops]
    lines += [
        "PARAMETER repeat_penalty 1.0"
    ]  # Ollama's own is 1.1, and the answers would be others
    if licence:
        lines.append(f'LICENSE """{licence}"""')
    return "\n".join(lines) + "\n"


def marks_of(tokenizer: PreTrainedTokenizerBase) -> Marks:
    """Return what the chat template of a tokenizer writes around each turn.

    Raises:
        ModelError: it does more than that.
    """
    try:
        marks = _find_marks(tokenizer)
    except ValueError as error:
        raise ModelError(_refusal()) from error
    for talk in _talks():
        if marks.render(talk) != _written(tokenizer, talk):
            raise ModelError(_refusal())
    return marks


def _refusal() -> str:
    return (
        "the chat template does more than write marks around each turn, and Ollama's language cannot express it; "
        "export with --to gguf and write a Modelfile for it"
    )


def _written(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, prompt: bool = True
) -> str:
    """Return what the template writes; without the token that llama.cpp puts in front by itself."""
    text = render(tokenizer, messages, add_generation_prompt=prompt)
    bos = tokenizer.bos_token
    doubled = bos and tokenizer("a").input_ids[0] == tokenizer.bos_token_id
    return text.removeprefix(bos) if doubled else text


def _find_marks(tokenizer: PreTrainedTokenizerBase) -> Marks:
    """Return the marks by cutting what is written around words that stand for the parts."""
    asked, again = Message("user", ASKED), Message("user", AGAIN)
    reply, end = Message("assistant", SAID), Message("assistant", END)
    before, rest = _cut(_written(tokenizer, [asked, reply, again, end], prompt=False), ASKED)
    to_reply, rest = _cut(rest, SAID)
    to_again, rest = _cut(rest, AGAIN)
    _, tail = _cut(rest, END)
    user_end = _cut(_written(tokenizer, [asked], prompt=False), ASKED)[1]
    assistant_end = _shared(to_again, tail)
    user_start = to_again.removeprefix(assistant_end)
    prompt = _cut(_written(tokenizer, [asked]), ASKED)[1].removeprefix(user_end)
    system_start, rest = _cut(_written(tokenizer, [Message("system", SYSTEM), asked]), SYSTEM)
    system_end, _ = _cut(rest, ASKED)
    joined = not (user_start and system_end.endswith(user_start))
    return Marks(
        before.removesuffix(user_start),
        (system_start, system_end if joined else system_end.removesuffix(user_start)),
        joined,
        (user_start, user_end),
        (to_reply.removeprefix(user_end), assistant_end),
        prompt,
    )


def _cut(text: str, word: str) -> tuple[str, str]:
    """Return what stands before and after a word that must be there once."""
    before, after = text.split(word)
    return before, after


def _shared(text: str, other: str) -> str:
    """Return the longest start of `text` that is one of `other` too."""
    length = 0
    while length < min(len(text), len(other)) and text[length] == other[length]:
        length += 1
    return text[:length]


def _talks() -> list[list[Message]]:
    turns = [
        Message("user", "When does it open?"),
        Message("assistant", "At 8:00."),
        Message("user", "¿Y los «sábados»?\n\nSay it in two lines."),
        Message("assistant", "No."),
        Message("user", "{{ 5 }}"),
    ]
    system = Message("system", "You are Adapt.\nBe brief.")
    plain = [turns[:count] for count in (1, 3, 5)]
    return [*plain, *([system, *talk] for talk in plain)]
