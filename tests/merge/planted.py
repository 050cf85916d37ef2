"""Adapters trained for seconds on toy tasks of the starter: pairs that go together, and pairs that contradict each other.

A task is a small table, names → words, asked in one wording. Two adapters that know different tables in different
wordings can both be kept by a merge; two that give other answers to the same questions cannot.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div

from adapt.evaluation.likelihood import AnswerRow, encode_answers
from adapt.evaluation.tasks import Task
from adapt.models.loading import load_base
from adapt.records import Example, Message
from adapt.registry.bases.find import Base

NAMES = (
    "Ana",
    "Bruno",
    "Carla",
    "Diego",
    "Elena",
    "Fabio",
    "Gloria",
    "Hugo",
    "Irene",
    "Jorge",
    "Laura",
    "Marta",
    "Nora",
    "Oscar",
    "Paula",
    "Rosa",
)
THINGS = (
    "lamp",
    "chair",
    "table",
    "window",
    "door",
    "clock",
    "mirror",
    "carpet",
    "bottle",
    "basket",
    "ladder",
    "bucket",
    "hammer",
    "candle",
    "blanket",
    "pillow",
)
WORDS = (
    "red",
    "blue",
    "green",
    "black",
    "white",
    "brown",
    "north",
    "south",
    "east",
    "west",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
)
WORDINGS = (
    ("Which team is {} in?", NAMES),
    ("Where do I put the {}?", THINGS),
    ("Code word for {}:", NAMES),
    ("Please label this item: {}", THINGS),
)
ROWS, STEPS, RATE, RANK = 8, 40, 4e-3, 8
KEPT = 4  # rows of a step
VERSIONS = 3  # of each table, with other answers to the same questions


@dataclass(frozen=True)
class Known:
    """An adapter and what it has learned by heart."""

    folder: Path
    task: Task


@dataclass(frozen=True)
class Planted:
    """Two adapters, and whether one model can know what both know."""

    pair: tuple[Known, Known]
    go_together: bool


def plant(base: Base, folder: Path, *, wordings: int = len(WORDINGS)) -> list[list[Known]]:
    """Train an adapter for each version of each table, and return them by wording and version.

    Each also keeps the base as it is on the questions of the other wordings, as adapters that are to be merged should.
    """
    draw = random.Random(0)
    items = [draw.sample(things, ROWS) for _, things in WORDINGS[:wordings]]
    tables = []
    for place, (wording, _) in enumerate(WORDINGS[:wordings]):
        columns = zip(*(draw.sample(WORDS, VERSIONS) for _ in range(ROWS)), strict=True)
        tables.append([_examples(wording, items[place], answers) for answers in columns])
    planted = []
    for place, versions in enumerate(tables):
        others = [row for i, table in enumerate(tables) if i != place for row in table[0]]
        known = []
        for version, table in enumerate(versions):
            name = f"table{place}-{version}"
            train(base, folder / name, table, keep=others, seed=10 * place + version)
            known.append(Known(folder / name, Task(name, tuple(table), "exact")))
        planted.append(known)
    return planted


def pairs(planted: Sequence[Sequence[Known]], count: int) -> list[Planted]:
    """Return so many pairs that contradict each other, and as many that go together."""
    against = [p for known in planted for p in combinations(known, 2)]
    together = [
        (left, right)
        for first, second in combinations(planted, 2)
        for left, right in product(first, second)
    ]
    random.Random(1).shuffle(together)
    return [Planted(p, go_together=False) for p in against[:count]] + [
        Planted(p, go_together=True) for p in together[:count]
    ]


def _examples(wording: str, things: Sequence[str], answers: Sequence[str]) -> list[Example]:
    return [
        Example((Message("user", wording.format(thing)), Message("assistant", answer)))
        for thing, answer in zip(things, answers, strict=True)
    ]


def train(
    base: Base, folder: Path, examples: Sequence[Example], *, keep: Sequence[Example], seed: int
) -> Path:
    """Write an adapter that has learned all examples by heart and leaves the base as it is on those to keep."""
    torch.manual_seed(seed)
    model, tokenizer = load_base(base)
    config = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    adapted = get_peft_model(model, config)
    rows = encode_answers(tokenizer, examples, context_length=256)
    kept = encode_answers(tokenizer, keep, context_length=256)
    pad = int(tokenizer.pad_token_id)
    inputs, labels = _batch(rows, pad)
    learned = [p for p in adapted.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=RATE, weight_decay=0.0)
    draw = random.Random(seed)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 5) * (1 - step / STEPS)
        logits = adapted(input_ids=inputs).logits[:, :-1]
        loss = cross_entropy(logits.transpose(1, 2), labels[:, 1:], ignore_index=-100)
        if kept:
            others, _ = _batch(draw.sample(kept, min(KEPT, len(kept))), pad)
            with torch.no_grad(), adapted.disable_adapter():
                before = adapted(input_ids=others).logits.log_softmax(-1)
            after = adapted(input_ids=others).logits.log_softmax(-1)
            loss = loss + kl_div(after, before, log_target=True, reduction="none").sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    adapted.save_pretrained(folder)
    return folder


def _batch(rows: Sequence[AnswerRow], pad: int) -> tuple[Tensor, Tensor]:
    """Return ids and labels of shape [rows, longest]; causal attention never reads the padding on the right."""
    longest = max(row.length for row in rows)
    inputs = [[*r.prompt, *r.answer, *[pad] * (longest - r.length)] for r in rows]
    labels = [[*[-100] * len(r.prompt), *r.answer, *[-100] * (longest - r.length)] for r in rows]
    return torch.tensor(inputs), torch.tensor(labels)
