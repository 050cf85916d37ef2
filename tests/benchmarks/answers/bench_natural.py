"""Natural questions over the demo's documents, asked through the product: how many are answered rightly.

The demo's 60 (`ui/demo/data/questions.jsonl`) and 100 others (`natural_questions.jsonl`) were written from the documents
alone, before the product was asked any of them, and nothing is fitted on them: 510 questions over other documents
(`development/`) are for that. What counts as right says `ui.demo.questions`.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from adapt.starter.recipe.measuring.measures import share
from tests.benchmarks.report import Row
from tests.ui.pages.screenshot import SHOWN
from ui.actions.chat import Question, ask
from ui.actions.documents import IngestRequest, ingest
from ui.context import Context
from ui.demo.answers import AnswerReport, NaturalAnswer, ask_natural
from ui.demo.questions import read_natural
from ui.demo.run import COLLECTION, DATA, ingest_documents

HERE = Path(__file__).parent
NATURAL = HERE / "natural_questions.jsonl"
DEVELOPMENT = (
    HERE.parent / "development"
)  # a folder each: questions and the documents that they are asked of
GOAL_NATURAL, GOAL_REFUSED, GOAL_DEMO = 0.88, 0.03, 0.92


def run() -> list[Row]:
    """Ask both sets question by question, the 100 also within one conversation a language, and what the README shows."""
    demo, natural = read_natural(), read_natural(NATURAL)
    with tempfile.TemporaryDirectory() as folder:
        ctx = Context(Path(folder) / "w")
        ingest_documents(ctx)
        reports = [
            (f"the demo's {len(demo)} questions", ask_natural(ctx, demo), GOAL_DEMO),
            (f"{len(natural)} other natural questions", ask_natural(ctx, natural), GOAL_NATURAL),
            (
                f"the same {len(natural)} within one conversation",
                ask_natural(ctx, natural, together=True),
                GOAL_NATURAL,
            ),
        ]
        shown = _picture(ctx)
        ctx.close()
    rows = [row for name, report, goal in reports for row in rows_of(name, report, goal)]
    return [*rows, shown]


def rows_of(name: str, report: AnswerReport, goal: float) -> list[Row]:
    """Return the share of right answers and of false refusals, each with its interval and its parts."""
    answered = [answer for answer in report.answers if answer.question.kind != "absent"]
    right = [answer.right for answer in report.answers]
    refused = [answer.falsely_refused for answer in answered]
    parts = "; ".join(
        f"{language} {kind} {sum(answer.right for answer in part)} of {len(part)}"
        for (language, kind), part in report.groups().items()
    )
    return [
        Row(
            f"{name}: right",
            _said(right),
            f"goal {goal:.0%}",
            sum(right) / len(right) / goal,
            f"{parts}; {_cited(answered)}; {report.seconds / len(right):.2f} s a question",
        ),
        Row(
            f"{name}: refused though the documents tell",
            _said(refused),
            f"goal at most {GOAL_REFUSED:.0%}",
            GOAL_REFUSED * len(refused) / max(sum(refused), 0.5),
            "of the questions with an answer",
        ),
    ]


def develop(name: str) -> AnswerReport:
    """Return the answers to a set of questions that choices may be made by, over its own documents."""
    with tempfile.TemporaryDirectory() as folder:
        ctx = Context(Path(folder) / "w")
        ingest(ctx, IngestRequest(paths=(DEVELOPMENT / name / "documents",), collection=name))
        report = ask_natural(
            ctx, read_natural(DEVELOPMENT / name / "questions.jsonl"), collection=name
        )
        ctx.close()
    return report


def _picture(ctx: Context) -> Row:
    """Ask what the README's first picture shows, in one conversation as there."""
    turns = json.loads((DATA / "chat.json").read_text(encoding="utf-8"))["turns"]
    session_id = ""
    right = []
    for place in SHOWN:
        asked = Question(
            turns[place]["question"], user="picture", session_id=session_id, collection=COLLECTION
        )
        generation, session_id = ask(ctx, asked)
        right.append(turns[place]["fact"].casefold() in generation.wait().casefold())
    return Row(
        "questions of the README's first picture: right",
        f"{sum(right)} of {len(right)}",
        "goal all",
        sum(right) / len(right),
        "in one conversation, before anything is rated",
    )


def _cited(answered: Sequence[NaturalAnswer]) -> str:
    return f"only the document that answers is cited in {sum(answer.well_cited for answer in answered)} of {len(answered)}"


def _said(outcomes: Sequence[bool]) -> str:
    """Return a share with its 95 % interval (Wilson) and n."""
    figure = share("", outcomes)
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%}, n={figure.n})"


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(folder.name for folder in DEVELOPMENT.iterdir()):
        report = develop(name)
        for row in rows_of(f"development, {name}", report, GOAL_NATURAL):
            print(row.what, row.ours, row.note, sep=" | ")  # noqa: T201  a tool of its own
        print(report.text())  # noqa: T201
