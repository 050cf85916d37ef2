"""`Prompt`: the messages of one turn, and the account of how they came about: which pieces were kept, and which cut.

Not here: how they are put together (`adapt.chat.prompt`).
"""

from dataclasses import asdict, dataclass

from pydantic import JsonValue

from adapt.models.decoding.tools import Tool
from adapt.records import ContextPiece, Grounding, Message, Notice


@dataclass(frozen=True)
class AccountEntry:
    """What became of one piece: kept in the prompt, under which [number], at which cost; or cut, and why."""

    source: str
    piece_id: str
    label: str
    text: str
    score: float
    kept: bool
    tokens: int = 0
    number: int | None = None
    why: str = ""


@dataclass(frozen=True)
class Prompt:
    """Assembled messages and the account of how they came about.

    `searched` is what the sources were asked: the question, whole; `searched_by` the rule that made it so, empty where the
    question was searched as it is.
    """

    messages: tuple[Message, ...]
    pieces: tuple[ContextPiece, ...]
    account: tuple[AccountEntry, ...]
    tokens: int
    budget: int
    history_kept: int
    history_cut: int
    tools: tuple[Tool, ...] = ()
    notices: tuple[Notice, ...] = ()
    searched: str = ""
    searched_by: str = ""

    @property
    def cited(self) -> tuple[ContextPiece, ...]:
        """Return the numbered pieces in the order of their numbers, so that `[n]` is item n - 1."""
        return tuple(piece for piece in self.pieces if piece.passage is not None)

    @property
    def grounding(self) -> Grounding | None:
        """Return what the answer may quote (the numbered passages, the user's corrections) or call; None without either.

        Where a source says that it does not hold the answer, that notice replaces quotation.
        """
        numbered = tuple(enumerate((piece.quotable for piece in self.cited), start=1))
        absent = next((notice.answer for notice in self.notices if notice.answer), "")
        if not numbered and not self.tools and not absent:
            return None
        others = [p for p in self.pieces if p.passage is None and p.quotable]
        return Grounding(
            passages=numbered,
            uncited=tuple(dict.fromkeys(piece.quotable for piece in others)),
            tools=self.tools,
            absent=absent,
            question=self.searched,
            headings=tuple(piece.passage.title for piece in self.cited if piece.passage),
            corrections=tuple((piece.asked, piece.quotable) for piece in others if piece.asked),
        )

    @property
    def quotable(self) -> bool:
        """Return whether there is anything that an answer can be taken from: a passage, a correction, a tool, a refusal."""
        return self.grounding is not None or any(piece.quotable for piece in self.pieces)

    def as_account(self) -> dict[str, JsonValue]:
        """Return the account as JSON, to be stored with the turn and shown to the user."""
        messages: list[JsonValue] = [dict(m.as_dict()) for m in self.messages]
        return {
            "tokens": self.tokens,
            "budget": self.budget,
            "history_kept": self.history_kept,
            "history_cut": self.history_cut,
            "pieces": [asdict(entry) for entry in self.account],
            "notices": [notice.text for notice in self.notices],
            "messages": messages,
            "searched": self.searched if self.searched_by else "",
            "searched_by": self.searched_by,
        }
