"""`PromptBuilder`: system text, the sources' pieces and the conversation under one token budget, with an account.

The question is always whole. Then sources take their pieces in the order given, each at most its share of the budget,
then the conversation takes what is left, newest first. Nothing is cut in silence: the account names every piece.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from adapt.chat.account import AccountEntry, Prompt
from adapt.errors import AdaptError
from adapt.language.followups.questions import Whole
from adapt.language.followups.rewriting import rewrite
from adapt.language.followups.whole import whole_question
from adapt.models.decoding.tools import Tool, list_tools
from adapt.protocols import ContextSource, TextGenerator
from adapt.records import Abilities, ContextPiece, Message, Notice, Offer
from adapt.workspace.settings import Settings

SHARE = 0.6
SHARE_READING = (
    0.9  # of a model that is given the completed question, and so needs little of the conversation
)


class PromptSettings(Settings):
    """Section `[prompt]`."""

    system: str = "You are Adapt, a helpful assistant."
    answer_tokens: int = Field(160, ge=8)  # kept free for the answer
    # no single source takes more of the budget; where nothing is set, `SHARE`, or `SHARE_READING`
    source_share: float | None = Field(None, gt=0, le=1)
    # who completes a follow-up question before it is searched; `auto`: the model where it is large enough, else rules
    followups: Literal["auto", "rules", "model", "off"] = "auto"


class PromptBuilder:
    """Builds prompts for one model."""

    def __init__(
        self,
        model: TextGenerator,
        settings: PromptSettings | None = None,
        *,
        abilities: Abilities | None = None,
    ) -> None:
        """Take a model, settings, and what the model can do with a follow-up question."""
        self._model = model
        self._settings = settings or PromptSettings()
        self._abilities = abilities or Abilities()

    def build(
        self,
        question: str,
        *,
        user: str,
        sources: Sequence[ContextSource] = (),
        history: Sequence[Message] = (),
        plain: bool = False,
        tools: Sequence[Tool] = (),
    ) -> Prompt:
        """Return the prompt for a question.

        Args:
            plain: leave the general system text out. A domain adapter was trained on its rows as they are; a sentence
                that stood in none of them would take it off its ground.
            tools: what the answer may call; they stand at the end of the system message, whole.

        Raises:
            AdaptError: the question is empty, or alone too long for the model.
        """
        if not question.strip():
            raise AdaptError("the message is empty; write something to ask")
        reading = self._abilities.reads_whole and not plain
        settings = self._settings.model_copy(update={"system": ""}) if plain else self._settings
        whole = self._whole(question, history) if sources else Whole(question)
        # an adapter reads messages as its rows have them
        shown = whole.text if reading else question
        share = settings.source_share or (SHARE_READING if reading else SHARE)
        draft = _Draft(self._model, settings, shown, tools, share=share)
        for source in sources:
            draft.add_source(source, source.offer(whole.text, user=user))
        draft.add_history(history)
        return replace(draft.finish(), searched=whole.text, searched_by=whole.rule)

    def _whole(self, question: str, history: Sequence[Message]) -> Whole:
        way = self._settings.followups
        if way == "off":
            return Whole(question)
        if way == "model" or (way == "auto" and self._abilities.rewrites):
            return rewrite(question, history, self._model)
        return whole_question(question, history)


class _Draft:
    """A prompt under construction."""

    def __init__(
        self,
        model: TextGenerator,
        settings: PromptSettings,
        question: str,
        tools: Sequence[Tool],
        *,
        share: float,
    ) -> None:
        self._model = model
        self._settings = settings
        self._share = share
        self._question = question
        self._tools = tuple(tools)
        self._sections: list[tuple[str, list[ContextPiece], str]] = []
        self._notices: list[Notice] = []
        self._history: list[Message] = []
        self._history_cut = 0
        self._account: list[AccountEntry] = []
        self._budget = model.context_length - min(settings.answer_tokens, model.context_length // 2)
        self._tokens = self._count()
        if self._tokens > self._budget:
            what, remedy = (
                ("message with its tools", "name fewer tools")
                if self._tools
                else ("message", "put the text into a collection with 'adapt ingest'")
            )
            raise AdaptError(
                f"the {what} is too long: {self._tokens} tokens, and this model leaves room for "
                f"{self._budget}; shorten it, or {remedy}"
            )

    def add_source(self, source: ContextSource, offer: Offer) -> None:
        """Take a source's notices, and its pieces, best first, while they fit its share and the budget."""
        kept: list[ContextPiece] = []
        before = self._tokens
        self._add_notices(source.heading, kept, offer.notices)
        limit = min(self._budget, before + int(self._budget * self._share))
        for piece in offer.pieces:
            kept.append(piece)
            tokens = self._count()
            if fits := tokens <= limit:
                cost, self._tokens = tokens - self._tokens, tokens
            else:
                cost = tokens - self._tokens
                kept.pop()
            numbered = piece.passage is not None and fits
            self._account.append(
                AccountEntry(
                    source=source.name,
                    piece_id=piece.piece_id,
                    label=piece.label,
                    text=piece.shown or piece.text,
                    score=piece.score,
                    kept=fits,
                    tokens=cost,
                    number=sum(p.passage is not None for p in self._pieces()) if numbered else None,
                    why="" if fits else "no room in the token budget",
                )
            )

    def _add_notices(
        self, heading: str, kept: list[ContextPiece], notices: Sequence[Notice]
    ) -> None:
        """Open a section; instructions to the model go before its pieces, and are left out where there is no room."""
        self._notices += notices
        instructions = "\n".join(notice.instruction for notice in notices if notice.instruction)
        self._sections.append((heading, kept, instructions))
        tokens = self._count()
        if tokens > self._budget:
            self._sections[-1] = (heading, kept, "")
        else:
            self._tokens = tokens

    def add_history(self, history: Sequence[Message]) -> None:
        """Take the conversation from its end, whole turns only."""
        turns = [list(history[i : i + 2]) for i in range(0, len(history), 2)]
        for turn in reversed(turns):
            self._history = turn + self._history
            tokens = self._count()
            if tokens > self._budget:
                self._history = self._history[len(turn) :]
                break
            self._tokens = tokens
        self._history_cut = len(history) - len(self._history)

    def finish(self) -> Prompt:
        """Return the prompt as it stands."""
        return Prompt(
            messages=tuple(self._messages()),
            pieces=tuple(self._pieces()),
            account=tuple(self._account),
            tokens=self._tokens,
            budget=self._budget,
            history_kept=len(self._history),
            history_cut=self._history_cut,
            tools=self._tools,
            notices=tuple(self._notices),
        )

    def _pieces(self) -> list[ContextPiece]:
        return [piece for _, pieces, _ in self._sections for piece in pieces]

    def _messages(self) -> list[Message]:
        parts = [self._settings.system] if self._settings.system else []
        number = 0
        for heading, pieces, instructions in self._sections:
            if not pieces:
                parts += [instructions] if instructions else []
                continue
            bullets, numbered = [], []
            for piece in pieces:
                if piece.passage is None:
                    bullets.append(f"- {piece.text}")
                else:
                    number += 1
                    numbered.append(f"[{number}] {piece.text}")
            body = "\n".join(bullets + (["\n\n".join(numbered)] if numbered else []))
            parts.append("\n".join([heading, body, *([instructions] if instructions else [])]))
        if self._tools:
            parts.append(list_tools(self._tools))
        system = [Message("system", "\n\n".join(parts))] if parts else []
        return [*system, *self._history, Message("user", self._question)]

    def _count(self) -> int:
        return self._model.count_tokens(self._messages())
