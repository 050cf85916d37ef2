"""Do the passages that an answer cites say what it says? 300 questions over Markdown, HTML and text, with the starter.

Asked through the product with `grounding = "auto"`, where the model may begin freely. What counts as invented is judged here
by a checker of its own: a sentence with [n] whose words do not stand in passage n in their order, where passage n lacks one
of its figures or names, or a quarter of its words.
"""

import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.starter.recipe.measuring.measures import share
from tests.benchmarks.answers.places import KINDS, Case, documents_and_cases
from tests.benchmarks.report import Row
from ui.actions.chat import Question, ask
from ui.actions.documents import IngestRequest, ingest
from ui.context import Context

COUNT = 300
TOKENS = 60
MARK = re.compile(r"\s*\[(\d+(?:, ?\d+)*)\]")
SENTENCE_WITH_MARKS = re.compile(r"[^\n]*?[.!?]?(?:\s*\[\d+(?:, ?\d+)*\])+[.!?]?|[^\n]+")
WORD = re.compile(r"\w+(?::\w+)?")
NAME = re.compile(r"\d|.[A-Z]")  # a figure, a code, capitals within a word
LEAST = 0.75  # of a sentence's words stand in the passage that it cites


@dataclass(frozen=True)
class Answer:
    """What was answered to a case, with the texts of its passages, and what was said of its citations."""

    case: Case
    text: str
    passages: tuple[str, ...]
    unsupported: int


def run() -> list[Row]:
    """Ask all, and return what carried a citation without its passage saying it."""
    started = time.monotonic()
    answers = ask_all(COUNT)
    seconds = (time.monotonic() - started) / len(answers)
    bad = [bool(invented(answer)) for answer in answers]
    cited = [bool(MARK.search(answer.text)) for answer in answers]
    there = [answer for answer in answers if answer.case.kind == "there"]
    right = [
        answer.case.figure in answer.text and bool(MARK.search(answer.text)) for answer in there
    ]
    lost = sum(answer.unsupported > 0 for answer in answers)
    figure = share("", bad)
    return [
        Row(
            "invented answers with a citation, Markdown, HTML and text, `auto`",
            f"{sum(bad)} of {len(bad)} ({figure.low:.1%} to {figure.high:.1%})",
            "goal 0",
            1.0 if not any(bad) else 0.0,
            f"{sum(cited)} answers carry a citation; in {lost} a sentence lost its own; of {len(there)} questions for a "
            f"figure that is there {sum(right)} got it with a citation; {seconds:.1f} s each; "
            f"by kind {', '.join(f'{kind} {_count(answers, kind)}' for kind in KINDS)} invented",
        )
    ]


def ask_all(count: int) -> list[Answer]:
    """Return the answers of the product to that many questions."""
    documents, cases = documents_and_cases(count)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "w").mkdir()
        (root / "w" / "adapt.toml").write_text('[generation]\ngrounding = "auto"\n', "utf-8")
        ctx = Context(root / "w")
        for form, texts in documents.items():
            (root / form).mkdir()
            for file, text in texts.items():
                (root / form / file).write_text(text, encoding="utf-8")
            ingest(ctx, IngestRequest(paths=(root / form,), collection=form))
        answers = [_ask(ctx, case) for case in cases]
        ctx.close()
    return answers


def invented(answer: Answer) -> list[str]:
    """Return the sentences of an answer that cite a passage which does not say them."""
    return [
        sentence
        for match in SENTENCE_WITH_MARKS.finditer(answer.text)
        if (sentence := match.group()) and not _is_said(sentence, answer.passages)
    ]


def _is_said(sentence: str, passages: Sequence[str]) -> bool:
    numbers = [int(n) for marks in MARK.findall(sentence) for n in marks.split(",")]
    words = WORD.findall(MARK.sub("", sentence))
    lower = [word.lower() for word in words]
    for number in numbers:
        if not 1 <= number <= len(passages):
            return False
        there = [word.lower() for word in WORD.findall(passages[number - 1])]
        if f" {' '.join(lower)} " in f" {' '.join(there)} ":
            continue
        names = {word.lower() for word in words[1:] if word[0].isupper()}
        names |= {word.lower() for word in words if NAME.search(word)}
        known = statistics.fmean([word in there for word in lower]) if lower else 0.0
        if known < LEAST or not names <= set(there):
            return False
    return True


def _ask(ctx: Context, case: Case) -> Answer:
    question = Question(case.question, collection=case.form, max_new_tokens=TOKENS)
    generation, _ = ask(ctx, question)
    text = generation.wait(300)
    passages = tuple(
        f"{piece.label} {piece.passage.chunk.heading} {piece.passage.chunk.text}"
        for piece in generation.prompt.cited
        if piece.passage
    )
    return Answer(case, text, passages, len(generation.cleaned.unsupported))


def _count(answers: Sequence[Answer], kind: str) -> int:
    return sum(bool(invented(answer)) for answer in answers if answer.case.kind == kind)
