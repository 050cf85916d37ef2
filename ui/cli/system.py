"""`adapt demo`, `ui`, `evaluate` and `doctor`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.output import Output, table

if TYPE_CHECKING:
    from rich.table import Table

    from adapt.evaluation.tasks import Scoreboard
    from ui.demo.answers import AnswerReport

DEMO = """Run everything once: two adapters, documents, feedback, two merges, and the scoreboard.

With --questions nothing is trained: the starter is asked 60 natural questions over the demo's documents, in English and in
Spanish, about sentences, tables and lists, a fifth of them without an answer there, each in a conversation of its own. It
says how many answers are right, how often it declined what the documents do answer, and every wrong answer as it was given.
Examples:

  adapt demo --minutes 1

  adapt demo --questions
"""
EVALUATE = """Run a base and models of it on held-out rows, with paired bootstrap intervals.

Example: adapt evaluate support@1 team --test support=heldout.jsonl
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("demo", help=DEMO)(demo)
    app.command("ui")(ui)
    app.command("evaluate", help=EVALUATE)(evaluate)
    app.command("doctor")(doctor)


def demo(
    ctx: typer.Context,
    minutes: Annotated[float, typer.Option(min=0.05, help="Training time per adapter.")] = 2.0,
    questions: Annotated[
        bool, typer.Option("--questions", help="Ask the demo's 60 questions instead.")
    ] = False,
) -> None:
    """Run the demo, or ask the questions; print what came of it."""
    from ui.demo.run import run_demo

    output: Output = ctx.obj
    if questions:
        _ask_questions(output)
        return
    context = output.open()
    with output.progress() as progress:
        report = run_demo(context, minutes=minutes, progress=progress)
    context.jobs.record("demo", title="demo: train, merge, evaluate", result=report.as_json())
    if not output.as_json:
        output.piece(f"{report.text()}\n")
        output.console().print(scoreboard_table(report.scoreboard))
    output.result(report.as_json(), report.closing())


def _ask_questions(output: Output) -> None:
    from ui.demo.answers import ask_natural
    from ui.demo.questions import read_natural
    from ui.demo.run import ingest_documents

    context = output.open()
    with output.progress() as progress:
        ingest_documents(context, progress=progress)
        report = ask_natural(context, read_natural(), progress=progress)
    if not output.as_json:
        output.console().print(answers_table(report))
    output.result(report.as_json(), report.text())


def ui(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine.")] = 8501,
    demo: Annotated[
        bool, typer.Option(help="Prepare the demo's documents and train its adapters.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open the app in the browser; it listens on this machine only."""
    from ui.server.launch import serve

    output: Output = ctx.obj
    serve(output.open(), port=port, demo=demo, browser=browser, say=output.say)


def evaluate(
    ctx: typer.Context,
    models: Annotated[list[str], typer.Argument(help="Adapters or merged models.")],
    test: Annotated[list[str], typer.Option(help="TASK=FILE of held-out rows; repeat it.")],
    base: Annotated[str, typer.Option(help="What they are compared with.")] = "starter",
    metric: Annotated[
        str | None,
        typer.Option(
            help="exact, f1, rouge, json, valid-json or sql; by default what fits the answers."
        ),
    ] = None,
) -> None:
    """Parse, evaluate, print."""
    from ui.actions.chat import evaluate as run, read_task

    output: Output = ctx.obj
    tasks = []
    for item in test:
        name, equals, file = item.rpartition("=")
        tasks.append(read_task(name if equals else Path(file).stem, Path(file), metric=metric))
    with output.progress() as progress:
        board = run(output.open(), models, tasks, base=base, progress=progress)
    output.result({"scores": board.as_metrics()}, scoreboard_table(board))


def doctor(
    ctx: typer.Context,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended: who may read the workspace.")
    ] = False,
) -> None:
    """Say what this machine and workspace have, and what is wrong."""
    from ui.actions.doctor import examine

    output: Output = ctx.obj
    findings = examine(output.workspace, fix=fix)
    shown = table("", "", "what", "found")
    for finding in findings:
        shown.add_row("ok" if finding.ok else "!!", finding.what, finding.found)
    output.result({"findings": [vars(f) for f in findings]}, shown)
    if not all(f.ok for f in findings):
        raise typer.Exit(2)


def answers_table(report: "AnswerReport") -> "Table":
    """Return right answers, false refusals and right citations by language and kind, and of all."""
    from ui.demo.answers import tally

    names = {"en": "English", "es": "Spanish"}
    columns = ("right", "refused though there", "cites what answers")
    shown = table(f"{report.seconds:.0f} s", "questions", "about", *columns)
    parts = [((names[language], kind), part) for (language, kind), part in report.groups().items()]
    for (language, kind), part in [*parts, (("all", ""), report.answers)]:
        counts = tally(part)
        pairs = [
            ("right", "questions"),
            ("falsely_refused", "answerable"),
            ("well_cited", "answerable"),
        ]
        cells = [f"{counts[of]} of {counts[whole]}" if counts[whole] else "" for of, whole in pairs]
        shown.add_row(language, kind, *cells)
    return shown


def scoreboard_table(board: "Scoreboard") -> "Table":
    """Return models against tasks: score, and the gain over the base with its 95 % interval."""
    columns = [
        column for task in board.tasks for column in (task, f"{task}: gain over base [95 %]")
    ]
    shown = table("", "model", *columns)
    for line in board.lines:
        cells = []
        for scores, gain in zip(line.scores, line.gains, strict=True):
            cells.append(f"{100 * scores.mean:.1f} % (n={len(scores.values)})")
            interval = (
                f"{100 * gain.difference:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
            )
            cells.append("" if line is board.lines[0] else interval)
        shown.add_row(line.model, *cells)
    return shown
