"""`adapt ingest` and `adapt search`."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.groups import DefaultGroup
from ui.cli.output import Output, table

if TYPE_CHECKING:
    from retrieval.ingest import IngestReport
    from ui.context import Context
    from ui.document_actions import IngestRequest

INGEST = """Bring a collection in step with files and folders.

Unchanged files are left alone, changed ones replaced; a file that cannot be read is named, parked, and tried again once
it has changed. Ctrl-C loses little: the same command goes on. Examples:

  adapt ingest handbook/ --collection handbook

  adapt ingest handbook/ --collection handbook --prune --watch

  adapt ingest contracts/ --collection contracts --user ana --private
"""
SEARCH = """Find passages in a collection.

Two parts look for them, by meaning (dense) and by words (lexical, BM25), and are fused. Examples:

  adapt search "When does the office open?" --collection handbook --top-k 3

  adapt search "ISO 9001" --collection handbook --no-dense

  adapt search evaluate --collection handbook --questions questions.jsonl
"""
EVALUATE = """Measure how well a collection's search finds the right documents: nDCG@10, MRR@10 and recall of each part.

FILE holds a question a line, with the documents (or chunks, as "adapt search --json" names them) that answer it:

  {"question": "When does the office open?", "relevant": ["hours.txt"]}

Example: adapt search evaluate --collection handbook --questions questions.jsonl
"""
QUESTIONS = """Make a file of questions from a collection's own documents, for "adapt search evaluate".

A model that can ask is named with --model; without, each heading that only one document has stands for what one would look
for. Every line says what made it. Example:

  adapt search questions --collection handbook --out questions.jsonl --model Qwen/Qwen3-0.6B
"""
CollectionOption = Annotated[str, typer.Option("--collection", help="The collection's name.")]
UserOption = Annotated[
    str, typer.Option("--user", help="For whom; the user of adapt.toml where not given.")
]
search_app = typer.Typer(cls=DefaultGroup, help=SEARCH, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("ingest", help=INGEST)(ingest)
    app.add_typer(search_app, name="search")


def acting_user(context: "Context", named: str) -> str:
    """Return the user that was named, else the workspace's."""
    from ui.actions import ChatSettings

    return named or context.workspace.settings("chat", ChatSettings).user


def ingest(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    collection: CollectionOption,
    user: UserOption = "",
    private: Annotated[
        bool, typer.Option("--private", help="A new collection is this user's alone.")
    ] = False,
    readers: Annotated[
        list[str] | None,
        typer.Option("--reader", help="A new collection is also this user's to read; repeatable."),
    ] = None,
    prune: Annotated[
        bool, typer.Option(help="Also remove documents whose file is no longer there.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try parked files again though they have not changed.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until Ctrl-C, and ingest whatever changes.")
    ] = False,
    on: Annotated[
        str, typer.Option(help="Have a Ray cluster read and embed: 'ray' or HOST:PORT.")
    ] = "",
    rebuild: Annotated[
        bool, typer.Option(help="First embed what is there anew, with the embedder of now.")
    ] = False,
) -> None:
    """Parse, ingest, print."""
    from ui import document_actions as actions

    output: Output = ctx.obj
    context = output.open()
    request = actions.IngestRequest(
        paths=tuple(paths),
        collection=collection,
        user=acting_user(context, user),
        private=private,
        readers=tuple(readers or ()),
        prune=prune,
        retry=retry,
        on=on,
    )
    if rebuild:
        with output.progress() as progress:
            actions.rebuild(context, collection, user=request.user, progress=progress)
    if watch:
        _watch(output, context, request)
    else:
        with output.progress() as progress:
            report = actions.ingest(context, request, progress=progress)
        _show_report(output, context, request, report)


def _watch(output: Output, context: "Context", request: "IngestRequest") -> None:
    """Ingest again and again; Ctrl-C is how it ends."""
    from ui.document_actions import watch

    with output.progress() as progress:
        reports = watch(context, request, progress=progress)
        try:
            for number, report in enumerate(reports):
                _show_report(output, context, request, report)
                if not number:
                    output.say("watching for changes; Ctrl-C ends it")
        except KeyboardInterrupt:
            output.say("watching ended; the collection is as the last ingest left it")


def _show_report(
    output: Output, context: "Context", request: "IngestRequest", report: "IngestReport"
) -> None:
    from ui.document_actions import open_collection

    for word, told in (
        ("skipped", report.skipped),
        ("not read", report.failed),
        ("still not read", report.parked),
        ("warning", report.warnings),
    ):
        for name, reason in told:
            output.say(f"{word}: {name}: {reason}")
    name = request.collection
    parked = f", {len(report.parked)} parked" if report.parked else ""
    text = (
        f"{name}: {len(report.added)} added, {len(report.changed)} changed, "
        f"{len(report.unchanged)} unchanged, {len(report.removed)} removed, "
        f"{len(report.failed)} failed{parked}; {report.chunks} chunks embedded in {report.seconds:.1f} s"
    )
    target = open_collection(context, name, user=request.user)
    made = {"artifact": f"{name}@{target.version}", "path": str(target.folder), "collection": name}
    access = target.access.model_dump(mode="json")
    output.result({**made, "access": access, **asdict(report)}, text)


@search_app.command("default", hidden=True, help=SEARCH)
def search(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    collection: CollectionOption,
    user: UserOption = "",
    top_k: Annotated[int, typer.Option(min=1, max=100, help="How many passages at most.")] = 5,
    dense: Annotated[
        bool | None, typer.Option("--dense/--no-dense", help="Look by meaning.")
    ] = None,
    lexical: Annotated[
        bool | None, typer.Option("--lexical/--no-lexical", help="Look by words (BM25).")
    ] = None,
) -> None:
    """Parse, search, print."""
    from ui.document_actions import search as run

    output: Output = ctx.obj
    context = output.open()
    asked = {"dense": dense, "lexical": lexical}
    parts = {name: on for name, on in asked.items() if on is not None}
    passages = run(
        context,
        query,
        collection=collection,
        user=acting_user(context, user),
        top_k=top_k,
        parts=parts,
    )
    rows = [
        {
            "document": p.chunk.document,
            "page": p.chunk.page,
            "heading": p.chunk.heading,
            "score": p.score,
            "scores": p.scores,
            "chunk_id": p.chunk.chunk_id,
            "text": p.chunk.text,
        }
        for p in passages
    ]
    ran = list(passages[0].scores) if passages else []
    shown = table("", "score", *ran, "where", "passage")
    for p in passages:
        by_part = [f"{p.scores[name]:.3f}" for name in ran]
        shown.add_row(f"{p.score:.3f}", *by_part, p.label, " ".join(p.chunk.text.split()))
    data: Mapping[str, object] = {
        "query": query,
        "collection": collection,
        "parts": ran,
        "passages": rows,
    }
    output.result(data, shown if passages else "no passage found")


@search_app.command("evaluate", help=EVALUATE)
def evaluate(
    ctx: typer.Context,
    collection: CollectionOption,
    questions: Annotated[Path, typer.Option(help="Questions and what answers them, JSONL.")],
    user: UserOption = "",
) -> None:
    """Parse, evaluate, print."""
    from ui.document_actions import evaluate_search

    output: Output = ctx.obj
    context = output.open()
    with output.progress() as progress:
        quality = evaluate_search(
            context,
            questions,
            collection=collection,
            user=acting_user(context, user),
            progress=progress,
        )
    metrics = list(quality.parts[0].values)
    shown = table(f"{quality.questions} questions", "part", *metrics)
    for part in quality.parts:
        shown.add_row(part.name, *(f"{part.mean(metric):.3f}" for metric in metrics))
    for name, gain in quality.gains.items():
        output.say(
            f"fused against {name}: nDCG@10 {gain.difference:+.3f} (95 % {gain.low:+.3f} … {gain.high:+.3f})"
        )
    output.result({"collection": collection, **quality.as_json()}, shown)


@search_app.command("questions", help=QUESTIONS)
def questions(
    ctx: typer.Context,
    collection: CollectionOption,
    out: Annotated[Path, typer.Option(help="The JSONL file to write.")],
    user: UserOption = "",
    count: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    model: Annotated[
        str, typer.Option(help="What asks; the documents' headings where not given.")
    ] = "",
) -> None:
    """Parse, make, print."""
    from ui.document_actions import Asking, make_questions

    output: Output = ctx.obj
    context = output.open()
    asking = Asking(collection, acting_user(context, user), count, model)
    with output.progress() as progress:
        made = make_questions(context, out, asking, progress=progress)
    by = f"by {model}" if model else "from headings"
    output.result(
        {"path": str(out), "questions": made, "made_by": model or "headings"},
        f"{out}: {made} questions made {by}; they flatter a search, for they share its documents' words",
    )
