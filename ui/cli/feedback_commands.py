"""`adapt feedback`: what users said of answers."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ui.cli.output import Output, table
from ui.display.printable import printable_line, sentence

feedback_app = typer.Typer(
    no_args_is_help=True, help="Ratings, comments and corrections of a user."
)
User = Annotated[str, typer.Option("--user", help="Whose feedback.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(feedback_app, name="feedback")


@feedback_app.command("list")
def list_feedback(ctx: typer.Context, user: User = "me") -> None:
    """Show what a user said, newest first."""
    output: Output = ctx.obj
    known = output.open(create=False).feedback.feedback(user)
    shown = table("", "turn", "rating", "question", "answer", "comment", "correction")
    for f in known:
        mark = {1: "+1", -1: "-1"}.get(f.rating or 0, "")
        texts = (f.question, f.answer, f.comment, f.correction)
        shown.add_row(f.turn_id[:8], mark, *map(sentence, texts))
    output.result(
        {"user": user, "feedback": [asdict(f) for f in known]}, shown if known else "none yet"
    )


@feedback_app.command()
def rate(
    ctx: typer.Context,
    turn: Annotated[str, typer.Argument(help="The turn's id, as `adapt chat --json` prints it.")],
    user: User = "me",
    rating: Annotated[
        int | None, typer.Option(min=-1, max=1, help="1 or -1; 0 takes it back.")
    ] = None,
    comment: Annotated[str | None, typer.Option(help="What was good or bad.")] = None,
    correction: Annotated[str | None, typer.Option(help="The right answer.")] = None,
) -> None:
    """Rate or correct an answer.

    Example: adapt feedback rate TURN --rating -1 --correction "It opens at 8:00."
    """
    from ui.actions.chat import rate as run

    output: Output = ctx.obj
    rated = run(
        output.open(create=False),
        turn,
        user=user,
        rating=rating,
        comment=comment,
        correction=correction,
    )
    output.result(asdict(rated), "noted; the next similar question will see it")


@feedback_app.command()
def report(ctx: typer.Context, user: User = "me") -> None:
    """Count thumbs, comments and corrections."""
    output: Output = ctx.obj
    known = output.open(create=False).feedback.feedback(user)
    counts = Counter(
        {
            "liked": sum(f.rating == 1 for f in known),
            "disliked": sum(f.rating == -1 for f in known),
            "comments": sum(bool(f.comment) for f in known),
            "corrections": sum(bool(f.correction) for f in known),
        }
    )
    output.result(
        {"user": user, **counts}, ", ".join(f"{count} {name}" for name, count in counts.items())
    )


@feedback_app.command()
def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="The JSONL file to write.")],
    user: User = "me",
) -> None:
    """Write corrections as preference pairs and thumbs as labelled rows."""
    from ui.actions.chat import export_feedback

    output: Output = ctx.obj
    counts = export_feedback(output.open(create=False), user, out)
    output.result(
        {"path": str(out), **counts}, f"{out}: {counts['pairs']} pairs, {counts['thumbs']} thumbs"
    )


@feedback_app.command()
def forget(
    ctx: typer.Context,
    user: Annotated[str, typer.Option("--user", help="Whose conversations to remove.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a user's conversations, turns and ratings for good."""
    output: Output = ctx.obj
    if not yes:
        question = f"Remove every conversation and rating of '{printable_line(user)}'?"
        typer.confirm(question, abort=True, err=True)
    count = output.open(create=False).feedback.forget(user)
    output.result({"user": user, "turns_removed": count}, f"{count} turns of {user} removed")
