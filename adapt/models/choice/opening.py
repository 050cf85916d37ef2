"""How an answer begins, before a token of it is decoded."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Opening:
    """How an answer begins: `complete` is its whole text, `begun` its first sentence; the others have no text yet.

    `call` is a call of a tool, `grounded` whatever the grammar allows, `free` anything.
    """

    way: Literal["complete", "begun", "call", "grounded", "free"]
    text: str = ""
