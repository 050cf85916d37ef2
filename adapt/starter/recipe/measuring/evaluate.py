"""Measures a starter model on held-out exercises, by greedy decoding through its own chat template: the table of its card.

`python -m adapt.starter.recipe.measuring.evaluate --model DIR --data DIR... [--count 300]` also writes figures.json and the card;
`adapt starter evaluate` prints the table. Every figure has its n and a 95 % interval, the bad ones too.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from adapt.errors import AdaptError
from adapt.evaluation.general_text import PASSAGES
from adapt.models.runtime import GenerationSettings, ModelRuntime
from adapt.records import Message
from adapt.registry.bases.find import Base, find_base
from adapt.starter.recipe.exercises.exercise import ExerciseSource
from adapt.starter.recipe.measuring.card import write_card
from adapt.starter.recipe.measuring.measures import (
    MeasuredItem,
    fitting,
    measure_natural,
    measure_reading,
    measure_skills,
)
from adapt.starter.recipe.measuring.text import measure_text
from adapt.starter.recipe.texts.corpus import Corpus, read_corpus
from adapt.starter.recipe.texts.passages import build_library
from adapt.starter.recipe.training.batches import make_source
from adapt.starter.recipe.training.files import write_json
from adapt.starter.recipe.training.record import Figure
from adapt.workspace.folder import Workspace

MAX_NEW_TOKENS = (
    200  # of 398 answers to TyDiQA questions 26 have more than 118 tokens, 3 more than 180
)
BATCH = 16
Report = Callable[[str, int, int], None]


def evaluate(
    base: Base,
    data: Iterable[Path] = (),
    *,
    count: int = 300,
    seed: int = 0,
    report: Report = lambda *_: None,
) -> list[Figure]:
    """Return all figures of a starter, or of any base that is to be compared with it.

    Raises:
        ModelError: the base cannot be loaded.
        DataError: a data folder cannot be read.

    Args:
        data: the recipe's data folders. Without any, what needs them (TyDiQA, textbooks, bits per byte) is left out.
        report: gets what is being measured, and how many answers of how many have been made.
    """
    runtime = ModelRuntime(base, GenerationSettings(grounding="sentences"))
    part = itertools.count(1)

    def answer(items: Sequence[MeasuredItem], grounded: bool) -> list[str]:
        what = f"part {next(part)}, {'held to the passages' if grounded else 'free'}"
        if not grounded:
            return runtime.generate_batch(
                [item.messages for item in items], max_new_tokens=MAX_NEW_TOKENS, batch_size=BATCH,
                on_batch=lambda done: report(what, done, len(items)),
            )  # fmt: skip
        replies: list[str] = []
        for item in items:
            replies.append(
                runtime.generate(
                    item.messages, max_new_tokens=MAX_NEW_TOKENS, grounding=item.grounding
                )
            )
            report(what, len(replies), len(items))
        return replies

    folders = list(data)
    corpus = read_corpus(folders) if folders else Corpus()
    source = make_source(corpus, held_out=True)
    if not source.libraries:
        library = build_library(PASSAGES.values())
        source = ExerciseSource({"en": library, "es": library}, source.reading_sets, held_out=True)

    def fits(messages: Sequence[Message]) -> bool:
        return runtime.count_tokens(messages) + MAX_NEW_TOKENS <= runtime.context_length

    figures = measure_reading(answer, source, count=count, seed=seed, draw=fitting(fits))
    figures += measure_skills(answer, source, count=count, seed=seed, draw=fitting(fits))
    figures += measure_natural(answer, seed=seed)
    if corpus.valid:
        figures += measure_text(runtime, corpus, pieces=max(2, min(count, 100)))
    return figures


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as lines of text."""
    lines = []
    for figure in figures:
        goal = (
            ""
            if figure.goal is None
            else f"  goal {figure.goal:.2f} {'reached' if figure.value >= figure.goal else 'missed'}"
        )
        lines.append(
            f"{figure.value:7.3f}  [{figure.low:.3f}, {figure.high:.3f}]  n={figure.n:<4} {figure.name}{goal}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Evaluate, print the table, write figures.json and the card; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m adapt.starter.recipe.measuring.evaluate", description=__doc__
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--count", type=int, default=300, help="held-out exercises of each kind")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    try:
        with tempfile.TemporaryDirectory() as nowhere:
            base = find_base(str(chosen.model), Workspace(Path(nowhere) / "workspace"))
        figures = evaluate(base, chosen.data, count=chosen.count, report=_say)
        write_json(chosen.model / "figures.json", [figure.model_dump() for figure in figures])
        write_card(chosen.model)
    except AdaptError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(figures))
    return 0


def _say(what: str, done: int, total: int) -> None:
    """Tell how far a part is, once it is done."""
    if done == total:
        print(f"{what}: {total} answers", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
