"""How an answer begins, before a token of it is decoded."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Opening:
    """How an answer begins: `said` is its whole text, `begun` its first sentence; the others have no text yet.

    `call` is a call of a tool, `held` whatever the grammar allows, `free` anything.
    """

    way: Literal["said", "begun", "call", "held", "free"]
    text: str = ""
