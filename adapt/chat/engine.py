"""`ChatEngine`: one turn from message to stored answer.

Generation runs in a thread of its own and stores what it makes, so a page that is closed, or reruns because an old answer
was rated, neither ends it nor loses it. Not here: which sources exist and who may use them (`ui.actions`).
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from adapt.chat.account import Prompt
from adapt.chat.prompt import PromptBuilder, PromptSettings
from adapt.errors import AdaptError
from adapt.models.choice.knowledge import without_knowledge
from adapt.models.decoding.tools import Tool
from adapt.protocols import ContextSource, TextGenerator, TurnStore
from adapt.records import Abilities, CleanedAnswer, ContextPiece, Turn, TurnStatus

logger = logging.getLogger(__name__)

SAVE_EVERY_SECONDS = 1.0
# an answer and the numbered pieces of its prompt → the answer with its citations checked
Clean = Callable[[str, Sequence[ContextPiece]], CleanedAnswer]


def keep(answer: str, _pieces: Sequence[ContextPiece]) -> CleanedAnswer:
    """Return an answer as it is."""
    return CleanedAnswer(answer)


@dataclass(frozen=True)
class Request:
    """What a user asks, and with which model, adapter and documents."""

    question: str
    user: str
    session_id: str
    model: str = ""
    adapter: str | None = None
    collection: str = ""
    max_new_tokens: int | None = None
    tools: tuple[Tool, ...] = ()


class Generation:
    """An answer that is being made; any number of viewers may look, none of them can harm it except by `stop`."""

    def __init__(self, turn_id: str, prompt: Prompt) -> None:
        self.turn_id = turn_id
        self.prompt = prompt
        self.error: Exception | None = None
        self.first_token_seconds: float | None = None
        self.cleaned = CleanedAnswer("")  # what became of its citations; known once it has ended
        self._text = ""
        self._status: TurnStatus = "streaming"
        self._changed = threading.Condition()
        self.stopping = threading.Event()

    @property
    def text(self) -> str:
        """Return the answer as far as it has come."""
        with self._changed:
            return self._text

    @property
    def status(self) -> TurnStatus:
        """Return `streaming`, `done`, `stopped` or `failed`."""
        with self._changed:
            return self._status

    def stop(self) -> None:
        """Ask the model to stop after the token that it is making."""
        self.stopping.set()

    def stream(self) -> Iterator[str]:
        """Yield the answer's pieces from its beginning until it ends."""
        seen = 0
        while True:
            with self._changed:
                while len(self._text) == seen and self._status == "streaming":
                    self._changed.wait(timeout=1)
                piece, seen = self._text[seen:], len(self._text)
                ended = self._status != "streaming"
            if piece:
                yield piece
            if ended:
                return

    def wait(self, timeout_seconds: float | None = None) -> str:
        """Return the whole answer once it has ended.

        Raises:
            AdaptError: the generation failed; the text says why.
            TimeoutError: it did not end in time; it goes on all the same.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._status != "streaming", timeout_seconds):
                raise TimeoutError(f"no answer within {timeout_seconds} s")
        if self.error is not None:
            raise self.error
        return self.text

    def append(self, piece: str) -> None:
        """Add a piece; only the thread that makes the answer calls this."""
        with self._changed:
            self._text += piece
            self._changed.notify_all()

    def end(self, text: str, status: TurnStatus) -> None:
        """Close the answer with its final text and wake every viewer."""
        with self._changed:
            self._text, self._status = text, status
            self._changed.notify_all()


class ChatEngine:
    """Answers questions with one model and keeps every turn."""

    def __init__(
        self,
        model: TextGenerator,
        turns: TurnStore,
        *,
        settings: PromptSettings | None = None,
        clean: Clean = keep,
        abilities: Abilities | None = None,
    ) -> None:
        self._abilities = abilities or Abilities()
        self._model = model
        self._turns = turns
        self._builder = PromptBuilder(model, settings, abilities=self._abilities)
        self._clean = clean

    def preview(self, request: Request, sources: Sequence[ContextSource] = ()) -> Prompt:
        """Return the prompt that a request would make; nothing is stored or generated."""
        history = self._turns.history(request.session_id, user=request.user)
        return self._builder.build(
            request.question,
            user=request.user,
            sources=sources,
            history=history,
            plain=request.adapter is not None,
            tools=request.tools,
        )

    def ask(self, request: Request, sources: Sequence[ContextSource] = ()) -> Generation:
        """Store the question, start the answer in a thread of its own, and return it as it grows.

        Raises:
            AdaptError: the question is empty or too long.
        """
        prompt = self.preview(request, sources)
        turn = Turn(
            turn_id=uuid.uuid4().hex,
            session_id=request.session_id,
            user=request.user,
            question=request.question,
            answer="",
            status="streaming",
            model=request.model,
            adapter=request.adapter or "",
            collection=request.collection,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        self._turns.begin_turn(turn, account=prompt.as_account())
        generation = Generation(turn.turn_id, prompt)
        # Not a daemon: an answer under way is finished and stored even when the program is about to end.
        threading.Thread(
            target=self._run, args=(request, generation), name=f"turn-{turn.turn_id[:8]}"
        ).start()
        return generation

    def _run(self, request: Request, generation: Generation) -> None:
        started = time.monotonic()
        saved = started

        def on_text(piece: str) -> None:
            nonlocal saved
            now = time.monotonic()
            if generation.first_token_seconds is None:
                generation.first_token_seconds = now - started
            generation.append(piece)
            if now - saved > SAVE_EVERY_SECONDS:
                saved = now
                self._turns.save_answer(generation.turn_id, generation.text, "streaming")

        try:
            text = self._answer(request, generation, on_text)
            status: TurnStatus = "stopped" if generation.stopping.is_set() else "done"
            cleaned = generation.cleaned = self._clean(text, generation.prompt.cited)
            text = cleaned.text
            self._turns.save_answer(generation.turn_id, text, status, account=cleaned.as_account())
        except Exception as error:
            logger.info("generation of turn %s failed", generation.turn_id, exc_info=error)
            generation.error = (
                error if isinstance(error, AdaptError) else RuntimeError(f"no answer: {error!r}")
            )
            text, status = generation.text, "failed"
            self._save_failure(generation.turn_id, text)
        generation.end(text, status)

    def _answer(
        self, request: Request, generation: Generation, on_text: Callable[[str], None]
    ) -> str:
        """Return the model's answer, or the sentence given in its place where it cannot know one."""
        prompt = generation.prompt
        if not self._abilities.knows_facts and request.adapter is None and not prompt.quotable:
            reply = without_knowledge(request.question)
            if reply:
                on_text(reply)
                return reply
        return self._model.generate(
            prompt.messages,
            adapter=request.adapter,
            on_text=on_text,
            stop=generation.stopping,
            max_new_tokens=request.max_new_tokens,
            grounding=prompt.grounding,
        )

    def _save_failure(self, turn_id: str, text: str) -> None:
        try:
            self._turns.save_answer(turn_id, text, "failed")
        except Exception:
            logger.exception("turn %s could not be stored", turn_id)
