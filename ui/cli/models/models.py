"""`adapt models`: what the registry holds."""

from typing import Annotated

import typer

from adapt.errors import AdaptError
from ui.cli.output import Output, table

models_app = typer.Typer(
    no_args_is_help=True, help="List, compare, promote and remove what you made."
)
Reference = Annotated[str, typer.Argument(help="NAME, NAME@version or NAME@alias.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(models_app, name="models")


@models_app.command("list")
def list_models(
    ctx: typer.Context,
    kind: Annotated[str, typer.Option(help="adapter, model, …")] = "",
) -> None:
    """Show every adapter and merged model."""
    output: Output = ctx.obj
    context = output.open(create=False)
    artifacts = [a for a in context.registry.list() if kind in ("", a.card.kind)]
    shown = table("", "name", "kind", "base", "made", "aliases", "summary")
    rows: list[dict[str, object]] = []
    for artifact in artifacts:
        card = artifact.card
        aliases = context.registry.aliases(card.name)
        own = [alias for alias, number in aliases.items() if number == card.version]
        base = card.base.id if card.base else ""
        shown.add_row(
            artifact.reference, card.kind, base, card.created_at, ", ".join(own), card.summary
        )
        rows.append(
            {
                "artifact": artifact.reference,
                "kind": card.kind,
                "base": base,
                "created_at": card.created_at,
                "aliases": own,
                "path": str(artifact.path),
                "summary": card.summary,
            }
        )
    output.result(
        {"models": rows}, shown if rows else "nothing yet: try 'adapt finetune' or 'adapt demo'"
    )


@models_app.command()
def show(ctx: typer.Context, reference: Reference) -> None:
    """Show the card of one version: base, parents, settings, data, metrics, files."""
    output: Output = ctx.obj
    artifact = output.open(create=False).registry.get(reference)
    data = {
        "artifact": artifact.reference,
        "path": str(artifact.path),
        **artifact.card.model_dump(mode="json"),
    }
    output.result(data, artifact.card.model_dump_json(indent=2))


@models_app.command()
def card(ctx: typer.Context, reference: Reference) -> None:
    """Print the model card (README.md) of one version."""
    output: Output = ctx.obj
    artifact = output.open(create=False).registry.get(reference)
    readme = artifact.path / "README.md"
    if not readme.is_file():
        raise AdaptError(
            f"{artifact.reference} has no README.md; 'adapt models show' prints its card"
        )
    text = readme.read_text(encoding="utf-8")
    output.result({"artifact": artifact.reference, "card": text}, text)


@models_app.command()
def lineage(ctx: typer.Context, reference: Reference) -> None:
    """Show what a version was made from, back to its base."""
    output: Output = ctx.obj
    rows = []
    for depth, name, artifact in output.open(create=False).registry.lineage(reference):
        base = artifact.card.base.id if artifact and artifact.card.base else ""
        kind = artifact.card.kind if artifact else "removed"
        data = [d.model_dump() for d in artifact.card.data] if artifact else []
        rows.append({"depth": depth, "artifact": name, "kind": kind, "base": base, "data": data})
    text = "\n".join(
        f"{'  ' * int(str(r['depth']))}{r['artifact']} ({r['kind']}, base {r['base'] or '-'})"
        for r in rows
    )
    output.result({"lineage": rows}, text)


@models_app.command()
def promote(
    ctx: typer.Context,
    reference: Reference,
    force: Annotated[
        bool, typer.Option(help="Even if it is worse than its base on a domain.")
    ] = False,
) -> None:
    """Make a version the production one; a bare NAME promotes its newest."""
    output: Output = ctx.obj
    artifact = output.open(create=False).registry.promote(reference, force=force)
    output.artifact(artifact, f"{artifact.reference} is in production")


@models_app.command()
def rollback(
    ctx: typer.Context, name: Annotated[str, typer.Argument(help="NAME of a model.")]
) -> None:
    """Go back to the version that was in production before."""
    output: Output = ctx.obj
    artifact = output.open(create=False).registry.rollback(name)
    output.artifact(artifact, f"{artifact.reference} is in production again")


@models_app.command()
def verify(
    ctx: typer.Context,
    reference: Annotated[str | None, typer.Argument(help="One version; by default all.")] = None,
) -> None:
    """Hash every file again and say what is missing or changed."""
    output: Output = ctx.obj
    registry = output.open(create=False).registry
    faults = registry.verify(reference)
    count = len(registry.list())
    output.result(
        {"faults": faults, "checked": count},
        "\n".join(faults) if faults else f"{count} versions, every file as it was published",
    )
    if faults:
        raise typer.Exit(2)


@models_app.command()
def remove(
    ctx: typer.Context,
    reference: Reference,
    force: Annotated[bool, typer.Option(help="Even in production or with children.")] = False,
) -> None:
    """Remove one version; its number is never given again."""
    output: Output = ctx.obj
    artifact = output.open(create=False).registry.remove(reference, force=force)
    output.result({"removed": artifact.reference}, f"{artifact.reference} removed")
