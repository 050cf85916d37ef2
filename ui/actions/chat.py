"""One function for each thing that a person can do; the app, the command line and workers call these same functions.

Rooms are imported inside the functions, so that a command loads only what it needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adapt.chat.engine import Generation, Request
from adapt.errors import AdaptError, ModelError, NotFoundError
from adapt.models.decoding.tools import Tool
from adapt.protocols import ContextSource, Progress, no_progress
from adapt.records import Feedback
from adapt.registry.artifacts import Artifact
from adapt.workspace.settings import Settings
from ui.actions.documents import open_collection

if TYPE_CHECKING:
    from adapt.chat.account import Prompt
    from adapt.evaluation.tasks import Scoreboard, Scores, Task
    from adapt.registry.bases.find import Base
    from ui.context import Context


class ChatSettings(Settings):
    """Section `[chat]`: what answers when nothing is chosen."""

    model: str = "starter"
    collection: str = ""
    user: str = "me"
    top_k: int = 5  # passages; of two languages the right one is often fourth or fifth


@dataclass(frozen=True)
class Question:
    """A message and what should answer it; empty fields take the workspace's defaults."""

    text: str
    user: str = "me"
    session_id: str = ""
    model: str = ""
    domain: str = ""
    collection: str = ""
    without: frozenset[str] = field(default_factory=frozenset)
    max_new_tokens: int | None = None
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True)
class Answerer:
    """The base that answers and, where a domain was chosen, its adapter."""

    base: "Base"
    adapter: Artifact | None = None


def choose_answerer(ctx: "Context", *, model: str = "", domain: str = "") -> Answerer:
    """Return which base and adapter answer.

    `model` is a base, a merged model, or an adapter (then its base and the adapter); `domain` an adapter.

    Raises:
        AdaptError: one is unknown, or the adapter belongs to another base.
    """
    from adapt.registry.bases.find import find_base

    if domain == "auto":
        raise AdaptError("choosing a domain by itself is not built yet; name one with --domain")
    adapter = ctx.registry.get(domain) if domain else None
    named = ctx.registry.find(model) if model else None
    if adapter is None and named is not None and named.card.kind == "adapter":
        adapter, model = named, ""
    if adapter is not None and adapter.card.kind != "adapter":
        raise ModelError(f"{adapter.reference} is a {adapter.card.kind}; choose it with --model")
    default = ctx.workspace.settings("chat", ChatSettings).model
    if adapter is not None and adapter.card.base is not None:
        default = adapter.card.base.id
    base = find_base(model or default, ctx.workspace)
    if adapter is not None:
        ctx.runtime(base).attach_artifact(adapter)
    return Answerer(base, adapter)


def ask(ctx: "Context", question: Question) -> tuple[Generation, str]:
    """Start an answer and return it as it grows, with the id of its conversation."""
    answerer = choose_answerer(ctx, model=question.model, domain=question.domain)
    sources = context_sources(ctx, question, answerer)
    session_id = question.session_id or ctx.feedback.new_session(question.user)
    generation = ctx.engine(answerer.base).ask(_request(question, answerer, session_id), sources)
    ctx.keep(generation)
    return generation, session_id


def preview(ctx: "Context", question: Question) -> "Prompt":
    """Return the prompt that a message would make now, without answering it."""
    answerer = choose_answerer(ctx, model=question.model, domain=question.domain)
    request = _request(question, answerer, question.session_id)
    return ctx.engine(answerer.base).preview(request, context_sources(ctx, question, answerer))


def _request(question: Question, answerer: Answerer, session_id: str) -> Request:
    return Request(
        question=question.text,
        user=question.user,
        session_id=session_id,
        model=answerer.base.id,
        adapter=answerer.adapter.reference if answerer.adapter else None,
        collection=question.collection,
        max_new_tokens=question.max_new_tokens,
        tools=question.tools,
    )


def context_sources(ctx: "Context", question: Question, answerer: Answerer) -> list[ContextSource]:
    """Return what may add to the prompt: this user's feedback, then the chosen collection; `without` leaves out."""
    from feedback.recall import RecallSettings
    from feedback.source import FeedbackSource
    from retrieval.prompt.relevance import RelevanceSettings
    from retrieval.prompt.source import DocumentSource

    sources: list[ContextSource] = []
    if "feedback" not in question.without:
        recall = ctx.workspace.settings("recall", RecallSettings)
        sources.append(FeedbackSource(ctx.feedback, ctx.embedder, recall))
    if question.collection and "documents" not in question.without:
        top_k = ctx.workspace.settings("chat", ChatSettings).top_k
        collection = open_collection(ctx, question.collection, user=question.user)
        sources.append(
            DocumentSource(
                collection,
                ctx.embedder,
                top_k=top_k,
                settings=ctx.workspace.settings("relevance", RelevanceSettings),
                marked=not ctx.runtime(answerer.base).knows_prompts,
                insist=answerer.adapter is None,
                reader=ctx.reader,
            )
        )
    return sources


def rate(
    ctx: "Context",
    turn_id: str,
    *,
    user: str,
    rating: int | None = None,
    comment: str | None = None,
    correction: str | None = None,
) -> Feedback:
    """Store a thumb, a comment or a corrected answer; what is not given stays as it was."""
    return ctx.feedback.rate(
        turn_id, user=user, rating=rating, comment=comment, correction=correction
    )


def evaluate(
    ctx: "Context",
    models: Sequence[str],
    tasks: Sequence["Task"],
    *,
    base: str = "starter",
    progress: Progress = no_progress,
) -> "Scoreboard":
    """Run the base and each model on every task; adapters run on their base."""
    from adapt.evaluation.tasks import Scoreboard, run_task

    board: dict[str, tuple[Scores, ...]] = {}
    for name in [base, *models]:
        answerer = choose_answerer(ctx, model=name)
        reference = answerer.adapter.reference if answerer.adapter else None
        runtime = ctx.runtime(answerer.base)
        board[reference or answerer.base.id] = tuple(
            run_task(runtime, task, adapter=reference, progress=progress) for task in tasks
        )
    return Scoreboard.of(board)


def read_task(name: str, path: Path, *, metric: str | None = None) -> "Task":
    """Return the held-out examples of a file as a task."""
    from adapt.evaluation.tasks import Task
    from finetune.data.datasets import read_examples

    return Task(name, read_examples([path], part="test").examples, metric or "")


def export_feedback(ctx: "Context", user: str, path: Path) -> dict[str, int]:
    """Write a user's corrections and thumbs as rows of a dataset."""
    from feedback.dataset import export

    known = ctx.feedback.feedback(user)
    if not known:
        raise NotFoundError("user with feedback", user, ctx.feedback.users())
    return export(known, path)
