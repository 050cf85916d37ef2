"""The demo: two adapters, documents, feedback, two merges, and a scoreboard on held-out rows.

Not here: the data (`ui.demo.make_data`) and how any step works (`ui.actions`).
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact, sha256_file
from ui.actions import chat as chat_actions, merging as merge_actions, training as training_actions
from ui.actions.documents import IngestRequest, ingest
from ui.context import Context

if TYPE_CHECKING:
    from adapt.evaluation.tasks import Scoreboard
    from retrieval.collections.collection import IngestReport

DATA = Path(__file__).with_name("data")
DOMAINS = ("support", "dates")
COLLECTION = "demo"
MERGES = {"demo-task-arithmetic": "task_arithmetic", "demo-ties": "ties"}
# Chosen on rows of the validation set's templates: TIES keeps the larger four fifths of each task vector and adds up what
# agrees in sign.
TIES_DENSITY = 0.8
WEIGHTS = [1.0, 1.0]


@dataclass(frozen=True)
class Exchange:
    """One scripted question, the model's answer, and the user's rating of it."""

    question: str
    answer: str
    documents: tuple[str, ...]
    rating: int
    correction: str


@dataclass(frozen=True)
class DemoReport:
    """All that the demo made."""

    workspace: Path
    adapters: tuple[Artifact, ...]
    merges: tuple[Artifact, ...]
    documents: int
    exchanges: tuple[Exchange, ...]
    follow_up: str
    prompt_before: str
    prompt_after: str
    scoreboard: "Scoreboard"
    seconds: float

    @property
    def added_to_prompt(self) -> list[str]:
        """Return the lines of the follow-up's prompt that were not there before the feedback."""
        before = set(self.prompt_before.splitlines())
        return [line for line in self.prompt_after.splitlines() if line not in before]

    def text(self) -> str:
        """Return the lines before the scoreboard."""
        lines = ["", f"Chat as ana over {self.documents} documents:"]
        for exchange in self.exchanges:
            sources = ", ".join(exchange.documents)
            lines += [f"  > {exchange.question}", f"    {exchange.answer}   [{sources}]"]
            right = f"  right answer: {exchange.correction}" if exchange.correction else ""
            lines += [f"    rated {exchange.rating:+d}{right}"]
        lines += ["", f"The prompt of “{self.follow_up}” has now, because of that:"]
        lines += [f"  + {line}" for line in self.added_to_prompt]
        return "\n".join([*lines, "", "Held-out rows, exact match:"])

    def closing(self) -> str:
        """Return the lines after the scoreboard: what the merges keep, and where everything lies."""
        lines = []
        for merged in self.merges:
            kept = []
            for adapter in self.adapters:
                share = self.scoreboard.recovered(
                    merged.reference, adapter.reference, adapter.card.name
                )
                shown = "no gain to keep" if share is None else f"{100 * share:.0f} %"
                kept.append(f"{adapter.card.name} {shown}")
            lines.append(f"{merged.reference} keeps of the adapters' gains: {', '.join(kept)}")
        lines += [f"{a.reference}: {a.path}" for a in (*self.adapters, *self.merges)]
        lines.append(f"workspace {self.workspace}, {self.seconds:.0f} s")
        lines.append(f"next: adapt --workspace {self.workspace} ui")
        return "\n".join(lines)

    def as_json(self) -> dict[str, JsonValue]:
        """Return the report as JSON; `artifact` is the first merged model."""
        artifacts: list[JsonValue] = [
            {"artifact": a.reference, "path": str(a.path), "kind": a.card.kind}
            for a in (*self.adapters, *self.merges)
        ]
        recovered: dict[str, JsonValue] = {
            merged.reference: {
                adapter.card.name: self.scoreboard.recovered(
                    merged.reference, adapter.reference, adapter.card.name
                )
                for adapter in self.adapters
            }
            for merged in self.merges
        }
        added: list[JsonValue] = list(self.added_to_prompt)
        return {
            "artifact": self.merges[0].reference,
            "path": str(self.merges[0].path),
            "metrics": self.scoreboard.as_metrics(),
            "scoreboard": self.scoreboard.as_metrics(),
            "gain_recovered": recovered,
            "artifacts": artifacts,
            "collection": COLLECTION,
            "chat": [
                {
                    "question": e.question,
                    "answer": e.answer,
                    "documents": list(e.documents),
                    "rating": e.rating,
                    "correction": e.correction,
                }
                for e in self.exchanges
            ],
            "follow_up": {"question": self.follow_up, "added_to_prompt": added},
            "workspace": str(self.workspace),
            "seconds": round(self.seconds, 1),
        }


def run_demo(ctx: Context, *, minutes: float = 2.0, progress: Progress = no_progress) -> DemoReport:
    """Run everything once; what an earlier demo trained on the same data is used again.

    Args:
        minutes: training time per adapter.
    """
    started = time.monotonic()
    documents = ingest_documents(ctx, progress=progress)
    exchanges, follow_up, before, after = _converse(ctx, progress)
    adapters = tuple(_adapter(ctx, domain, minutes, progress) for domain in DOMAINS)
    merges = tuple(_merge(ctx, name, adapters, progress) for name in MERGES)
    scoreboard = _evaluate(ctx, adapters, merges, progress)
    return DemoReport(
        workspace=ctx.workspace.path,
        adapters=adapters,
        merges=merges,
        documents=len(documents.added) + len(documents.unchanged) + len(documents.changed),
        exchanges=exchanges,
        follow_up=follow_up,
        prompt_before=before,
        prompt_after=after,
        scoreboard=scoreboard,
        seconds=time.monotonic() - started,
    )


def ingest_documents(ctx: Context, *, progress: Progress = no_progress) -> "IngestReport":
    """Bring the demo's collection in step with the shipped documents."""
    request = IngestRequest(paths=(DATA / "documents",), collection=COLLECTION)
    return ingest(ctx, request, progress=progress)


def _converse(ctx: Context, progress: Progress) -> tuple[tuple[Exchange, ...], str, str, str]:
    """Ask the scripted questions and rate the answers; return them, and the follow-up's prompt before and after."""
    script = json.loads((DATA / "chat.json").read_text(encoding="utf-8"))
    user = f"{script['user']}-{time.strftime('%Y%m%d-%H%M%S')}"
    asked = script["follow_up"]["question"]
    follow_up = chat_actions.Question(asked, user=user, collection=COLLECTION)
    before = _system(ctx, follow_up)
    exchanges = []
    for number, turn in enumerate(script["turns"], start=1):
        question = chat_actions.Question(turn["question"], user=user, collection=COLLECTION)
        generation, _ = chat_actions.ask(ctx, question)
        answer = generation.wait()
        rating, comment, correction = _judge(turn, answer)
        chat_actions.rate(
            ctx,
            generation.turn_id,
            user=user,
            rating=rating,
            comment=comment or None,
            correction=correction or None,
        )
        sources = tuple(piece.label for piece in generation.prompt.cited)
        exchanges.append(Exchange(turn["question"], answer, sources, rating, correction))
        progress(ProgressEvent("chat and rate", number, len(script["turns"]), turn["question"]))
    return tuple(exchanges), asked, before, _system(ctx, follow_up)


def _judge(turn: Mapping[str, str], answer: str) -> tuple[int, str, str]:
    """Return rating, comment and correction: what the user knows better, else by whether the fact is in the answer."""
    if turn["correction"]:
        return -1, turn["comment"], turn["correction"]
    if turn["fact"].casefold() in answer.casefold():
        return 1, turn["comment"], ""
    return -1, "", turn["answer"]


def _system(ctx: Context, question: chat_actions.Question) -> str:
    return chat_actions.preview(ctx, question).messages[0].content


def _adapter(ctx: Context, domain: str, minutes: float, progress: Progress) -> Artifact:
    """Return the domain's newest adapter if it was trained on these rows and this base, else train one."""
    from adapt.registry.bases.find import find_base
    from finetune.runs.request import TrainingRequest
    from finetune.settings import SftSettings

    train, test = DATA / domain / "train.jsonl", DATA / domain / "test.jsonl"
    candidate = ctx.registry.find(f"{domain}@candidate")
    base = find_base("starter", ctx.workspace)
    # Adapters that leave the base as it is on each other's rows do not undo each other when they are merged.
    others = tuple(DATA / other / "train.jsonl" for other in DOMAINS if other != domain)
    wanted = {sha256_file(path) for path in (train, test, *others)}
    if candidate is not None and candidate.card.base == base.record:
        known = {record.sha256 for record in candidate.card.data}
        if wanted <= known:
            return candidate

    def named(event: ProgressEvent) -> None:
        stage = f"{domain}: {event.stage}"
        progress(ProgressEvent(stage, event.done, event.total, event.detail, event.values))

    # More epochs than the minutes allow: the clock ends the training, and the schedule fits the clock.
    settings = SftSettings(epochs=20, max_minutes=minutes, scored_examples=150)
    request = TrainingRequest(
        domain=domain, files=(train,), keep=others, test=test, settings=settings
    )
    return training_actions.finetune(ctx, request, progress=named)


def _merge(ctx: Context, name: str, adapters: tuple[Artifact, ...], progress: Progress) -> Artifact:
    from merge.recipes.from_flags import recipe_from_flags

    method = MERGES[name]
    recipe = recipe_from_flags(
        [a.reference for a in adapters],
        method=method,
        weights=WEIGHTS,
        densities=[TIES_DENSITY] if method == "ties" else [],
        normalize=False if method == "ties" else None,
        name=name,
    )

    def named(event: ProgressEvent) -> None:
        stage = f"{name}: {event.stage}"
        progress(ProgressEvent(stage, event.done, event.total, event.detail, event.values))

    return merge_actions.merge(ctx, recipe, progress=named)


def _evaluate(
    ctx: Context,
    adapters: tuple[Artifact, ...],
    merges: tuple[Artifact, ...],
    progress: Progress,
) -> "Scoreboard":
    """Run base, adapters and merges on both held-out sets, and store each merge's line in its card."""
    tasks = [
        chat_actions.read_task(domain, DATA / domain / "test.jsonl", metric="exact")
        for domain in DOMAINS
    ]
    names = [artifact.reference for artifact in (*adapters, *merges)]
    board = chat_actions.evaluate(ctx, names, tasks, progress=progress)
    metrics: Mapping[str, JsonValue] = board.as_metrics()
    for artifact in merges:
        ctx.registry.add_metrics(artifact.reference, {"tasks": metrics[artifact.reference]})
    return board
