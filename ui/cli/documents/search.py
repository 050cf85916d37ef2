"""`adapt search`: passages for a query, and how well a search finds them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from adapt.errors import AdaptError
from ui.cli.groups import DefaultGroup
from ui.cli.options import CollectionOption, UserOption, acting_user
from ui.cli.output import Output, table

if TYPE_CHECKING:
    from adapt.records import Passage
    from retrieval.index.filters import Filter

SEARCH = """Find passages in a collection.

Two parts look for them, by meaning (dense) and by words (lexical, BM25), and are fused; what repeats a better passage is
left out. Each can be switched off, and the answer says what ran. Filters apply before anything is ranked. Examples:

  adapt search "When does the office open?" --collection handbook --top-k 3

  adapt search "ISO 9001" --collection handbook --no-dense

  adapt search "deadline" --collection laws --document 'laws/2020/*' --language es --pages 3-5

  adapt search evaluate --collection handbook --questions questions.jsonl
"""
EVALUATE = """Measure how well a collection's search finds the right documents: nDCG@10, MRR@10 and recall of each part.

FILE holds a question a line, with the documents (or chunks, as "adapt search --json" names them) that answer it:

  {"question": "When does the office open?", "relevant": ["hours.txt"]}

A question whose "relevant" is empty has no answer in the collection; it is counted and left out of the figures.

Example: adapt search evaluate --collection handbook --questions questions.jsonl
"""
QUESTIONS = """Make a file of questions from a collection's own documents, for "adapt search evaluate".

A model that can ask is named with --model; without, each heading that only one document has stands for what one would look
for. Every line says what made it. Example:

  adapt search questions --collection handbook --out questions.jsonl --model Qwen/Qwen3-0.6B
"""
PARTS = ("dense", "lexical", "rerank")  # of a search, that give scores
PAGES = re.compile(r"(\d{0,9})(-?)(\d{0,9})")
search_app = typer.Typer(cls=DefaultGroup, help=SEARCH, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(search_app, name="search")


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
    rerank: Annotated[
        str | None, typer.Option(help="A cross-encoder that reads the best again; '' for none.")
    ] = None,
    distinct: Annotated[
        bool | None,
        typer.Option("--distinct/--repeats", help="Leave out what repeats a better one."),
    ] = None,
    join: Annotated[
        bool | None, typer.Option("--join/--no-join", help="Join passages that stand side by side.")
    ] = None,
    expand: Annotated[
        int | None, typer.Option(min=0, max=5, help="Neighbours to add on each side.")
    ] = None,
    document: Annotated[
        list[str] | None, typer.Option(help="Only documents with such names, as 'laws/2020/*'.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Only documents in this language, such as es.")
    ] = None,
    heading: Annotated[str, typer.Option(help="Only under headings that contain this.")] = "",
    pages: Annotated[str, typer.Option(help="Only on these pages: 3, 3-5, 3- or -5.")] = "",
) -> None:
    """Parse, search, print."""
    from ui.actions.documents import search as run

    output: Output = ctx.obj
    context = output.open(create=False)
    named = {
        "dense": dense, "lexical": lexical, "rerank": rerank, "distinct": distinct, "join": join,
        "expand": expand,
    }  # fmt: skip
    changes = {name: value for name, value in named.items() if value is not None}
    result = run(
        context,
        query,
        collection=collection,
        user=acting_user(context, user),
        changes={**changes, "top_k": top_k},
        only=_filter(document, language, heading, pages),
    )
    rows = [_row(passage) for passage in result.passages]
    scores = list(result.passages[0].scores) if result.passages else []
    shown = table("", "score", *scores, "where", "passage")
    for p in result.passages:
        by_part = [f"{p.scores.get(name, 0.0):.3f}" for name in scores]
        shown.add_row(f"{p.score:.3f}", *by_part, p.label, " ".join(p.chunk.text.split()))
    data: Mapping[str, object] = {
        "query": query,
        "collection": collection,
        "parts": [name for name in result.ran if name in PARTS],
        "ran": result.ran,
        "embedders": result.embedders,
        "candidates": result.candidates,
        "duplicates": result.duplicates,
        "passages": rows,
    }
    output.say(result.account)
    output.result(data, shown if result.passages else "no passage found")


def _row(passage: "Passage") -> dict[str, object]:
    chunk = passage.chunk
    return {
        "document": chunk.document,
        "page": chunk.page,
        "heading": chunk.heading,
        "score": passage.score,
        "scores": passage.scores,
        "chunk_id": chunk.chunk_id,
        "start": chunk.start,
        "end": chunk.end,
        "language": chunk.language,
        "text": chunk.text,
    }


def _filter(
    documents: list[str] | None, languages: list[str] | None, heading: str, pages: str
) -> "Filter":
    from retrieval.index.filters import Filter

    named = PAGES.fullmatch(pages)
    if named is None:
        raise AdaptError(f"--pages {pages}: write 3, 3-5, 3- or -5")
    first, dash, last = named.groups()
    if not dash:
        last = first
    try:
        return Filter(
            documents=tuple(documents or ()),
            languages=tuple(languages or ()),
            heading=heading,
            first_page=int(first) if first else None,
            last_page=int(last) if last else None,
        )
    except ValidationError as error:
        raise AdaptError(f"--pages {pages}: {error.errors()[0]['msg']}") from error


@search_app.command("evaluate", help=EVALUATE)
def evaluate(
    ctx: typer.Context,
    collection: CollectionOption,
    questions: Annotated[Path, typer.Option(help="Questions and what answers them, JSONL.")],
    user: UserOption = "",
) -> None:
    """Parse, evaluate, print."""
    from ui.actions.documents import evaluate_search

    output: Output = ctx.obj
    context = output.open(create=False)
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
    if quality.unanswerable:
        output.say(f"left out for naming no relevant document: {quality.unanswerable}")
    output.result({"collection": collection, **quality.as_json()}, shown)


@search_app.command("questions", help=QUESTIONS)
def questions(
    ctx: typer.Context,
    collection: CollectionOption,
    out: Annotated[Path, typer.Option(help="The JSONL file to write.")],
    user: UserOption = "",
    count: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    model: Annotated[
        str,
        typer.Option(
            help="The model that asks; without it, the documents' headings stand for questions."
        ),
    ] = "",
) -> None:
    """Parse, make, print."""
    from ui.actions.documents import Asking, make_questions

    output: Output = ctx.obj
    context = output.open(create=False)
    asking = Asking(collection, acting_user(context, user), count, model)
    with output.progress() as progress:
        written = make_questions(context, out, asking, progress=progress)
    by = f"by {model}" if model else "from headings"
    output.result(
        {"path": str(out), "questions": written, "made_by": model or "headings"},
        f"{out}: {written} questions made {by}; they make a search look too good, since they share its documents' words",
    )
