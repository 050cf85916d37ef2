"""`adapt documents`: what collections hold, who may read them, earlier versions, and removing for good."""

from typing import Annotated

import typer

from adapt.errors import NotFoundError
from ui.cli.options import CollectionOption, UserOption, acting_user
from ui.cli.output import Output, table

HELP = """Collections and their documents.

Examples:

  adapt documents list

  adapt documents list --collection handbook

  adapt documents rollback --collection handbook

  adapt documents share --collection contracts --user ana --private --reader bo
"""
documents_app = typer.Typer(no_args_is_help=True, help=HELP)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(documents_app, name="documents")


@documents_app.command("list")
def list_documents(
    ctx: typer.Context,
    collection: Annotated[str, typer.Option(help="Its documents; all collections if empty.")] = "",
    user: UserOption = "",
) -> None:
    """Show the collections, or the documents of one with the files that could not be read."""
    from ui.actions.documents import collections, open_collection

    output: Output = ctx.obj
    context = output.open(create=False)
    acting = acting_user(context, user)
    names = [collection] if collection else collections(context, user=acting)
    opened = [open_collection(context, name, user=acting) for name in names]
    if not collection:
        shown = table("", "collection", "version", "documents", "parked", "who may read it")
        rows = []
        for opened_collection in opened:
            counts = len(opened_collection.documents()), len(opened_collection.parked())
            shown.add_row(
                opened_collection.name,
                str(opened_collection.version),
                *map(str, counts),
                opened_collection.access.describe(),
            )
            access = opened_collection.access.model_dump(mode="json")
            row = {
                "collection": opened_collection.name,
                "version": opened_collection.version,
                "access": access,
            }
            rows.append({**row, "documents": counts[0], "parked": counts[1]})
        output.result(
            {"collections": rows}, shown if opened else "none yet; adapt ingest makes one"
        )
        return
    (opened_collection,) = opened
    shown = table("", "document", "pages", "chunks", "title", "warnings")
    for name, entry in opened_collection.documents().items():
        missing = " ".join(entry.warnings)
        shown.add_row(name, str(entry.pages), str(entry.chunks), entry.title, missing)
    for name, parked in opened_collection.parked().items():
        shown.add_row(name, "", "", "", parked.reason)
    data = {
        "collection": opened_collection.name,
        "documents": [
            {"document": n, **e.model_dump()} for n, e in opened_collection.documents().items()
        ],
        "parked": [{"file": n, **e.model_dump()} for n, e in opened_collection.parked().items()],
    }
    output.result(data, shown)


@documents_app.command()
def versions(ctx: typer.Context, collection: CollectionOption, user: UserOption = "") -> None:
    """Show the visible version and the earlier ones that can be brought back."""
    from ui.actions.documents import open_collection

    output: Output = ctx.obj
    context = output.open(create=False)
    manifests = open_collection(context, collection, user=acting_user(context, user)).versions()
    shown = table("", "version", "made", "documents", "chunks", "")
    for number, manifest in enumerate(manifests):
        counts = str(len(manifest.documents)), str(manifest.chunks)
        shown.add_row(
            str(manifest.version), manifest.made_at, *counts, "" if number else "seen now"
        )
    rows = [
        {
            "version": manifest.version,
            "made_at": manifest.made_at,
            "documents": len(manifest.documents),
            "chunks": manifest.chunks,
        }
        for manifest in manifests
    ]
    output.result({"collection": collection, "versions": rows}, shown)


@documents_app.command("open")
def open_document(
    ctx: typer.Context,
    passage: Annotated[str, typer.Argument(help="A chunk's id, as 'adapt search --json' has it.")],
    collection: CollectionOption,
    user: UserOption = "",
) -> None:
    """Show a passage within its page, with where it stands; earlier versions that are kept still open."""
    from ui.actions.documents import open_passage

    output: Output = ctx.obj
    context = output.open(create=False)
    acting = acting_user(context, user)
    view = open_passage(context, passage, user=acting, collection=collection)
    if view is None:
        raise NotFoundError("passage", passage, hint="; 'adapt search --json' shows their ids")
    output.passage(view)


@documents_app.command()
def rollback(
    ctx: typer.Context,
    collection: CollectionOption,
    to: Annotated[int | None, typer.Option(help="The version; by default the one before.")] = None,
    user: UserOption = "",
) -> None:
    """Make an earlier version visible again, as a new version; the files themselves are not touched."""
    from ui.actions.documents import rollback as run

    output: Output = ctx.obj
    context = output.open(create=False)
    version = run(context, collection, user=acting_user(context, user), version=to)
    output.result(
        {"artifact": f"{collection}@{version}", "collection": collection, "version": version},
        f"{collection}@{version} holds what {f'version {to}' if to else 'the version before'} held",
    )


@documents_app.command()
def remove(
    ctx: typer.Context,
    documents: Annotated[list[str], typer.Argument(help="Names, as 'documents list' shows them.")],
    collection: CollectionOption,
    user: UserOption = "",
) -> None:
    """Remove documents for good: text and vectors leave every file, and earlier versions go."""
    from ui.actions.documents import remove_documents

    output: Output = ctx.obj
    context = output.open(create=False)
    turns = remove_documents(context, collection, documents, user=acting_user(context, user))
    output.result(
        {"collection": collection, "removed": documents, "turns": turns},
        f"{collection}: {len(documents)} removed for good, their text also from {turns} stored prompts; "
        "answers stay as they were given",
    )


@documents_app.command()
def delete(
    ctx: typer.Context,
    collection: CollectionOption,
    user: UserOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a whole collection for good."""
    from ui.actions.documents import delete_collection, open_collection

    output: Output = ctx.obj
    context = output.open(create=False)
    user = acting_user(context, user)
    open_collection(context, collection, user=user)  # whether there is one, before anybody is asked
    if not yes:
        typer.confirm(f"Remove the collection '{collection}'?", abort=True, err=True)
    turns = delete_collection(context, collection, user=user)
    output.result({"collection": collection, "turns": turns}, f"{collection}: removed for good")


@documents_app.command()
def share(
    ctx: typer.Context,
    collection: CollectionOption,
    user: UserOption = "",
    private: Annotated[
        bool, typer.Option("--private/--public", help="Only for its owner and readers, or for all.")
    ] = True,
    readers: Annotated[
        list[str] | None, typer.Option("--reader", help="May read it too; repeatable.")
    ] = None,
) -> None:
    """Change who may read a collection; who is not named any more may not."""
    from retrieval.collections.access import Access, private as private_to
    from ui.actions.documents import share as run

    output: Output = ctx.obj
    context = output.open(create=False)
    acting = acting_user(context, user)
    access = private_to(acting, tuple(readers or ())) if private else Access(owner=acting)
    run(context, collection, access, user=acting)
    output.result(
        {"collection": collection, "access": access.model_dump(mode="json")},
        f"{collection}: {access.describe()}",
    )
