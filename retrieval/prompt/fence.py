"""What of a document a model may read and repeat: its text as data, which can neither pose as the prompt nor give orders.

A passage in a prompt keeps its words, except for three things. Sentences that speak to the assistant
(`retrieval.prompt.injections`) are left out, where marks are wanted with `[…]` in their place, and cannot be quoted. What
looks like the prompt's own form (control tokens of chat templates, the name of a role at the beginning of a line, the
number of a passage, the fence itself) is broken by a space. Signs that nobody sees are dropped. People are shown the
passage as it is.
"""

import re
from dataclasses import dataclass

from retrieval.prompt.injections import INVISIBLE, planted_spans

OPEN, CLOSE = "<passage>", "</passage>"
LEFT_OUT = "[…]"
UNNAMED = "a document"  # for a name that is itself an instruction

_JOINERS = "\u200c\u200d\ufe0e\ufe0f"  # of scripts and emoji; harmless, and needed
# control tokens of chat templates: Llama, Qwen, Phi, DeepSeek, Mistral, Gemma, Command R and those that agents use
_CONTROL = re.compile(
    r"<\|[^|>\n]{0,60}\|>|<\uff5c[^\uff5c>\n]{0,60}\uff5c>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT)\]"
    r"|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk|mask)>"
    r"|</?(?:passage|documents?|system|assistant|user|human|tool_call|tool_response|tool_use|function_calls?|invoke|think)\b",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"^([ \t>#*_-]*(?:system|assistant|user|human|ai|developer|tool|instructions?|response"
    r"|sistema|asistente|usuario|humano))([*_ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(r"^([ \t]*\[)(?=\d+\])", re.MULTILINE)
_HEADINGS = re.compile(
    r"^(?=(?:Passages from the user's documents|Earlier feedback from this user|About the user|Tools\. To use one)\b)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Fenced:
    """A passage's text as a model reads it, what of it may be quoted, and how many sentences spoke to the assistant."""

    text: str
    quotable: str
    planted: int


def fence(text: str, *, marked: bool) -> Fenced:
    """Return a passage's text made harmless.

    Args:
        marked: set it between `OPEN` and `CLOSE`, and `LEFT_OUT` where a sentence stood; a model that was trained on the
            bare form reads worse with them.
    """
    spans = planted_spans(text)
    kept, quotable, place = [], [], 0
    for start, end in spans:
        kept += [text[place:start], LEFT_OUT if marked else ""]
        quotable += [text[place:start], "\n\n"]  # what stood around it is no sentence together
        place = end
    kept.append(text[place:])
    quotable.append(text[place:])
    # sentences in a row leave one mark
    shown = re.sub(rf"{re.escape(LEFT_OUT)}(?:\s*{re.escape(LEFT_OUT)})+", LEFT_OUT, "".join(kept))
    body = neutralise(shown)
    return Fenced(
        f"{OPEN}\n{body}\n{CLOSE}" if marked else body,
        _visible("".join(quotable)).strip(),
        len(spans),
    )


def fence_name(label: str) -> str:
    """Return the name of a document as it may stand in a prompt: one line that gives no orders."""
    line = " ".join(label.split())
    return UNNAMED if planted_spans(line) else neutralise(line)


def neutralise(text: str) -> str:
    """Return text that has nothing of a prompt's own form."""
    text = _visible(text)
    text = _CONTROL.sub(lambda match: f"{match.group()[0]} {match.group()[1:]}", text)
    text = _ROLE.sub(r"\1 \2", text)
    text = _NUMBER.sub(r"\1 ", text)
    return _HEADINGS.sub("- ", text)


def _visible(text: str) -> str:
    return INVISIBLE.sub(lambda match: match.group() if match.group() in _JOINERS else "", text)
