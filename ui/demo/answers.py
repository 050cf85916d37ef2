"""Asks natural questions of the product as it is, and reports how many answers are right: `adapt demo --questions`.

Not here: what makes an answer right (`ui.demo.questions`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from retrieval.prompt.citations import cited
from ui.actions import chat as chat_actions
from ui.demo.questions import NaturalQuestion, is_refusal
from ui.demo.run import COLLECTION

if TYPE_CHECKING:
    from ui.context import Context

USER = "questions"  # nobody's feedback goes into these answers
MODEL = "starter"


@dataclass(frozen=True)
class NaturalAnswer:
    """What was answered to a question, and the documents that the answer cites."""

    question: NaturalQuestion
    answer: str
    documents: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Return whether the answer is right."""
        return self.question.is_right(self.answer)

    @property
    def falsely_refused(self) -> bool:
        """Return whether the documents answer the question and the product declined."""
        return self.question.kind != "absent" and is_refusal(self.answer)

    @property
    def well_cited(self) -> bool:
        """Return whether the answer cites documents, and only such as answer the question."""
        return bool(self.documents) and set(self.documents) <= set(self.question.relevant)

    def as_json(self) -> dict[str, JsonValue]:
        """Return the answer beside what was asked."""
        right: list[JsonValue] = [list(group) for group in self.question.right]
        return {
            "question": self.question.question,
            "language": self.question.language,
            "kind": self.question.kind,
            "answer": self.answer,
            "documents": list(self.documents),
            "relevant": list(self.question.relevant),
            "right": right,
        }


@dataclass(frozen=True)
class AnswerReport:
    """The answers to a set of questions."""

    answers: tuple[NaturalAnswer, ...]
    seconds: float

    @property
    def wrong(self) -> list[NaturalAnswer]:
        """Return the answers that are not right."""
        return [answer for answer in self.answers if not answer.right]

    def groups(self) -> dict[tuple[str, str], list[NaturalAnswer]]:
        """Return the answers by language and kind, in the order of the questions."""
        parts: dict[tuple[str, str], list[NaturalAnswer]] = {}
        for answer in self.answers:
            parts.setdefault((answer.question.language, answer.question.kind), []).append(answer)
        return parts

    def text(self) -> str:
        """Return the wrong answers, each as it was given beside what a right one holds."""
        lines = [f"{len(self.wrong)} of {len(self.answers)} answers are wrong:"]
        for answer in self.wrong:
            sources = ", ".join(answer.documents) or "nothing cited"
            groups = [
                " or ".join(f"“{string}”" for string in group) for group in answer.question.right
            ]
            wanted = f"{' and '.join(groups)} in {', '.join(answer.question.relevant)}"
            if answer.question.kind == "absent":
                wanted = "a refusal; the documents do not tell"
            lines += [
                f"  > {answer.question.question}",
                f"    wrong: {answer.answer}   [{sources}]",
            ]
            lines.append(f"    right: {wanted}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, JsonValue]:
        """Return counts and shares, in all and by language and kind, and the wrong answers."""
        groups: list[JsonValue] = [
            {"language": language, "kind": kind, **tally(part)}
            for (language, kind), part in self.groups().items()
        ]
        wrong: list[JsonValue] = [answer.as_json() for answer in self.wrong]
        return {
            "collection": COLLECTION,
            "model": MODEL,
            **tally(self.answers),
            "groups": groups,
            "wrong": wrong,
            "seconds": round(self.seconds, 1),
        }


def tally(answers: Sequence[NaturalAnswer]) -> dict[str, JsonValue]:
    """Return how many of the answers are right, and of how many questions with an answer were refused or rightly cited."""
    answered = [answer for answer in answers if answer.question.kind != "absent"]
    right = sum(answer.right for answer in answers)
    return {
        "questions": len(answers),
        "right": right,
        "share": round(right / len(answers), 4) if answers else 0.0,
        "answerable": len(answered),
        "falsely_refused": sum(answer.falsely_refused for answer in answered),
        "well_cited": sum(answer.well_cited for answer in answered),
    }


def ask_natural(
    ctx: "Context",
    questions: Sequence[NaturalQuestion],
    *,
    collection: str = COLLECTION,
    together: bool = False,
    progress: Progress = no_progress,
) -> AnswerReport:
    """Ask every question of the starter over a collection.

    Args:
        together: ask those of a language one after another in one conversation; else each in one of its own.
    """
    started = time.monotonic()
    sessions: dict[str, str] = {}
    answers = []
    for number, question in enumerate(questions):
        progress(ProgressEvent("ask", number, len(questions), question.question))
        session_id = sessions.get(question.language, "") if together else ""
        asked = chat_actions.Question(
            question.question, user=USER, session_id=session_id, model=MODEL, collection=collection
        )
        generation, sessions[question.language] = chat_actions.ask(ctx, asked)
        answer = generation.wait()
        pieces = generation.prompt.cited
        passages = [pieces[place - 1].passage for place in cited(answer, pieces)]
        documents = dict.fromkeys(p.chunk.document for p in passages if p is not None)
        answers.append(NaturalAnswer(question, answer, tuple(documents)))
    progress(ProgressEvent("ask", len(questions), len(questions)))
    return AnswerReport(tuple(answers), time.monotonic() - started)
