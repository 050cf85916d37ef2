"""Which sentence of three passages answers a question: how often the starter quotes it and cites its passage, and how fast.

Each item goes through `ModelRuntime.generate`, held as the product holds it, under the heading of its prompts; right is the
whole sentence with its number. None of these paragraphs is in the starter's training: of TyDiQA and squad_es the recipe
holds one paragraph in nine out by a hash of its text (`is_held_out`), and of the textbooks one section in twenty.

squad_es (v1.1) is parted once more, by a hash of the article's title, so that no article is on both sides: `development` is
for choosing and fitting (`spanish_paragraphs("development")`), `proof` is measured here and nowhere else. The starter was
trained on the other eight ninths of both, so what is fitted on its likelihoods should be fitted on paragraphs held out of
`development`. TyDiQA's held-out ninth is what earlier figures were measured on as well; the seed is one that none of them
used, and no question comes twice.
"""

import gzip
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

import torch
from transformers import LogitsProcessorList

from adapt.models.decoding.grounding import GroundedLogits
from adapt.models.rendering import encode, render
from adapt.models.runtime import ModelRuntime
from adapt.records import Message
from adapt.registry.bases.find import find_base
from adapt.starter.recipe.exercises.exercise import Exercise, ExerciseSource
from adapt.starter.recipe.exercises.preferences import NOT_SAID
from adapt.starter.recipe.measuring.measures import MeasuredItem, fitting, item, number, share
from adapt.starter.recipe.texts.corpus import read_corpus
from adapt.starter.recipe.texts.questions import Paragraph, build_reading_set, read_squad
from adapt.starter.recipe.training.batches import make_source
from retrieval.prompt.source import PLAIN
from tests.benchmarks.report import Row
from tests.benchmarks.starter.bench_starter import DATA
from ui.context import Context

SEED = 20
ITEMS = 300
MAX_NEW_TOKENS = 200
MAX_DRAWS = 20  # for each item; the proof half of squad_es has little more than 300 questions
TIMED = 40
# what plain decoding held to the passages in `auto` got on these very items, before sentences were chosen
BEFORE = {"held-out TyDiQA, 3 passages": 0.587, "squad_es, proof half, 3 passages": 0.500}
GOAL_TIME = 1.2  # times plain decoding held to the same passages
HEADING = PLAIN[: PLAIN.index(" What they say")]  # as the recipe's exercises have it
FOLDERS = ("tydiqa_en", "squad_es", "text_en_openstax", "text_es_openstax")
Half = Literal["development", "proof"]


def run() -> list[Row]:
    """Return the rows; without the data, none."""
    missing = [name for name in FOLDERS if not (DATA / name).is_dir()]
    if missing:
        sys.stderr.write(f"no {', '.join(missing)} in {DATA}: sentences are left out\n")
        return []
    with tempfile.TemporaryDirectory() as folder:
        ctx = Context(Path(folder) / "w")
        runtime = ctx.runtime(find_base("starter", ctx.workspace))
        english, spanish = sources()
        sets = [
            ("held-out TyDiQA, 3 passages", draw(runtime, english, "real", spanish=False), 0.78),
            (
                "squad_es, proof half, 3 passages",
                draw(runtime, spanish, "real", spanish=True),
                0.70,
            ),
            ("the recipe's own held-out documents", draw(runtime, english, "fact"), 0.95),
            ("sentences of unseen textbooks", draw(runtime, english, "quote"), 0.92),
        ]
        rows = [_right(name, runtime, items, goal) for name, items, goal in sets]
        rows.append(_time(runtime, sets[0][1][:TIMED]))
        ctx.close()
    return rows


def sources() -> tuple[ExerciseSource, ExerciseSource]:
    """Return the recipe's held-out data with TyDiQA's questions, and the same with those of the proof half of squad_es."""
    folders = [DATA / name for name in FOLDERS if name != "squad_es"]
    english = make_source(read_corpus(folders), held_out=True)
    reading_set = build_reading_set(spanish_paragraphs("proof"))
    return english, replace(english, reading_sets={"es": reading_set})


def spanish_paragraphs(half: Half) -> list[Paragraph]:
    """Return the paragraphs of one half of squad_es v1.1 that the starter's training did not have."""
    with gzip.open(DATA / "squad_es" / "dev-v1.1-es_small.json.gz", "rt", encoding="utf-8") as file:
        content = json.load(file)
    pairs = read_squad("squad_es", content)
    return [
        paragraph
        for held_out, paragraph in pairs
        if held_out and half_of(paragraph.article) == half
    ]


def half_of(article: str) -> Half:
    """Return the half that an article of squad_es belongs to."""
    odd = int(sha256(article.encode()).hexdigest(), 16) % 2
    return "proof" if odd else "development"


def draw(
    runtime: ModelRuntime,
    source: ExerciseSource,
    kind: str,
    *,
    spanish: bool | None = None,
    seed: int = SEED,
    count: int = ITEMS,
) -> list[MeasuredItem]:
    """Return items of one kind with the product's heading, no question twice; fewer where the source has no more."""

    def fits(messages: Sequence[Message]) -> bool:
        return runtime.count_tokens(messages) + MAX_NEW_TOKENS <= runtime.context_length

    rng, make = random.Random(f"sentences:{kind}:{spanish}:{seed}"), fitting(fits)
    items: dict[str, MeasuredItem] = {}
    for _ in range(MAX_DRAWS * count):
        if len(items) == count:
            break
        exercise: Exercise = make(rng, source, kind, turns=1, absent=False, spanish=spanish)
        measured = item(exercise)
        system, *others = measured.messages
        headed = replace(system, content=system.content.replace(HEADING, PLAIN))
        items.setdefault(
            others[-1].content.rstrip("?").lower(), replace(measured, messages=(headed, *others))
        )
    return list(items.values())


def _right(name: str, runtime: ModelRuntime, items: Sequence[MeasuredItem], goal: float) -> Row:
    answers = [
        runtime.generate(
            measured_item.messages, max_new_tokens=MAX_NEW_TOKENS, grounding=measured_item.grounding
        )
        for measured_item in items
    ]
    right = [a == b.right for a, b in zip(answers, items, strict=True)]
    cited = [number(a) == number(b.right) for a, b in zip(answers, items, strict=True)]
    refused = [a in NOT_SAID.values() for a in answers]
    figure = share(name, right)
    before = f"{BEFORE[name]:.3f} by plain decoding; " if name in BEFORE else ""
    return Row(
        f"{name}: sentence and citation",
        _said(right),
        f"goal {goal:.2f}",
        figure.value / goal,
        f"{before}citation {_said(cited)}; wrongly said not to be there {_said(refused)}; "
        f"grounding {runtime.grounding_way}, seed {SEED}",
    )


def _time(runtime: ModelRuntime, items: Sequence[MeasuredItem]) -> Row:
    """Answer each item by the product and by plain decoding held to its passages, by turns."""
    ours, plain = [], []
    _plain(runtime, items[0])
    runtime.generate(items[0].messages, grounding=items[0].grounding)
    for measured_item in items:
        started = time.perf_counter()
        runtime.generate(measured_item.messages, grounding=measured_item.grounding)
        between = time.perf_counter()
        _plain(runtime, measured_item)
        ours.append(between - started)
        plain.append(time.perf_counter() - between)
    times = sum(ours) / sum(plain)
    return Row(
        "starter, an answer over 3 passages: time",
        f"{sum(ours) / len(ours):.3f} s",
        f"{sum(plain) / len(plain):.3f} s by plain decoding, at most {GOAL_TIME} times that",
        GOAL_TIME / times,
        f"{times:.2f} times; mean of {len(items)} TyDiQA items answered by turns, none of them new to the process",
    )


def _plain(runtime: ModelRuntime, measured_item: MeasuredItem) -> None:
    """Answer greedily, every token held to the passages, and nothing chosen beforehand."""
    ids = encode(
        runtime.tokenizer,
        render(runtime.tokenizer, measured_item.messages, add_generation_prompt=True),
    )
    assert measured_item.grounding is not None
    processor = GroundedLogits(
        measured_item.grounding, runtime.tokenizer, way="sentences", prompt_length=len(ids)
    )
    inputs = torch.tensor([ids])
    with runtime.active(None) as model:
        model.generate(  # type: ignore[operator]  # peft's and transformers' models type it differently
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            logits_processor=LogitsProcessorList([processor]),
            pad_token_id=int(runtime.tokenizer.pad_token_id),
        )


def _said(outcomes: Sequence[bool]) -> str:
    """Return a share with its 95 % interval (Wilson)."""
    figure = share("", list(outcomes))
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}, n={figure.n})"
