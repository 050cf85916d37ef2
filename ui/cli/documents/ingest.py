"""`adapt ingest`: documents into a collection, once or whenever they change."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.options import CollectionOption, UserOption, acting_user
from ui.cli.output import Output

if TYPE_CHECKING:
    from retrieval.ingest.ingest import IngestReport
    from ui.actions.documents import IngestRequest
    from ui.context import Context

INGEST = """Bring a collection in step with files and folders.

Unchanged files are left alone, changed ones replaced; a file that cannot be read is named, parked, and tried again once
it has changed. Ctrl-C loses little: the same command goes on. Examples:

  adapt ingest handbook/ --collection handbook

  adapt ingest handbook/ --collection handbook --prune --watch

  adapt ingest contracts/ --collection contracts --user ana --private
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("ingest", help=INGEST)(ingest)


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
        bool, typer.Option(help="First embed what is there again, with the present embedder.")
    ] = False,
) -> None:
    """Parse, ingest, print."""
    from ui.actions import documents as actions

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
    from ui.actions.documents import watch

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
    from ui.actions.documents import open_collection

    for word, notes in (
        ("skipped", report.skipped),
        ("not read", report.failed),
        ("still not read", report.parked),
        ("warning", report.warnings),
    ):
        for name, reason in notes:
            output.say(f"{word}: {name}: {reason}")
    name = request.collection
    parked = f", {len(report.parked)} parked" if report.parked else ""
    text = (
        f"{name}: {len(report.added)} added, {len(report.changed)} changed, "
        f"{len(report.unchanged)} unchanged, {len(report.removed)} removed, "
        f"{len(report.failed)} failed{parked}; {report.chunks} chunks embedded in {report.seconds:.1f} s"
    )
    target = open_collection(context, name, user=request.user)
    artifact = {
        "artifact": f"{name}@{target.version}",
        "path": str(target.folder),
        "collection": name,
    }
    access = target.access.model_dump(mode="json")
    output.result({**artifact, "access": access, **asdict(report)}, text)
