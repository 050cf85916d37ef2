"""`adapt ingest` and `adapt search`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ui.cli.groups import DefaultGroup
from ui.cli.output import Output, table

INGEST = """Bring a collection in step with files and folders (txt, md, html, pdf).

Unchanged files are left alone, changed ones replaced. Examples:

  adapt ingest handbook/ --collection handbook

  adapt ingest handbook/ --collection handbook --prune
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
CollectionOption = Annotated[str, typer.Option("--collection", help="The collection's name.")]
search_app = typer.Typer(cls=DefaultGroup, help=SEARCH, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("ingest", help=INGEST)(ingest)
    app.add_typer(search_app, name="search")


def ingest(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    collection: CollectionOption,
    prune: Annotated[
        bool, typer.Option(help="Also remove documents whose file is no longer there.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option(help="First embed what is there anew, with the embedder of now.")
    ] = False,
) -> None:
    """Parse, ingest, print."""
    from ui.actions import collection_state
    from ui.actions import ingest as run
    from ui.actions import rebuild as embed_anew

    output: Output = ctx.obj
    context = output.open()
    with output.progress() as progress:
        if rebuild:
            embed_anew(context, collection, progress=progress)
        report = run(context, paths, collection=collection, prune=prune, progress=progress)
    for name, reason in report.skipped:
        output.say(f"skipped: {name}: {reason}")
    for name, reason in report.failed:
        output.say(f"not read: {name}: {reason}")
    text = (
        f"{collection}: {len(report.added)} added, {len(report.changed)} changed, "
        f"{len(report.unchanged)} unchanged, {len(report.removed)} removed, "
        f"{len(report.failed)} failed; {report.chunks} chunks embedded in {report.seconds:.1f} s"
    )
    version, path = collection_state(context, collection)
    made = {"artifact": f"{collection}@{version}", "path": str(path), "collection": collection}
    output.result({**made, **asdict(report)}, text)


@search_app.command("default", hidden=True, help=SEARCH)
def search(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    collection: CollectionOption,
    top_k: Annotated[int, typer.Option(min=1, max=100, help="How many passages at most.")] = 5,
    dense: Annotated[
        bool | None, typer.Option("--dense/--no-dense", help="Look by meaning.")
    ] = None,
    lexical: Annotated[
        bool | None, typer.Option("--lexical/--no-lexical", help="Look by words (BM25).")
    ] = None,
) -> None:
    """Parse, search, print."""
    from ui.actions import search as run

    output: Output = ctx.obj
    asked = {"dense": dense, "lexical": lexical}
    parts = {name: on for name, on in asked.items() if on is not None}
    passages = run(output.open(), query, collection=collection, top_k=top_k, parts=parts)
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
    output.result(
        {"query": query, "collection": collection, "parts": ran, "passages": rows},
        shown if passages else "no passage found",
    )


@search_app.command("evaluate", help=EVALUATE)
def evaluate(
    ctx: typer.Context,
    collection: CollectionOption,
    questions: Annotated[Path, typer.Option(help="Questions and what answers them, JSONL.")],
) -> None:
    """Parse, evaluate, print."""
    from ui.actions import evaluate_search

    output: Output = ctx.obj
    with output.progress() as progress:
        quality = evaluate_search(
            output.open(), questions, collection=collection, progress=progress
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
