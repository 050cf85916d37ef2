"""What is measured of a model that answers: shares with their intervals on held-out exercises and hand-written questions."""

import math
import random
import re
from collections.abc import Callable

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from adapt.starter.recipe.exercises import (
    IDENTITY,
    NOT_SAID,
    Exercise,
    Source,
    make_exercise,
    render_system,
)
from adapt.starter.recipe.natural import PASSAGES, QUESTIONS, UNANSWERED
from adapt.starter.recipe.record import Figure
from adapt.starter.recipe.talk import TALK_ENGLISH, TALK_SPANISH

Messages = tuple[tuple[str, str], ...]
Answer = Callable[[Messages], str]
_CITED = re.compile(r" ?\[(\d+)\]$")


def share(name: str, outcomes: list[bool]) -> Figure:
    """Return a share with its 95 % Wilson interval."""
    n, z = len(outcomes), 1.96
    value = sum(outcomes) / n
    middle = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Figure(
        name=name, value=value, n=n, low=max(0.0, middle - half), high=min(1.0, middle + half)
    )


def measure_exercises(
    answer: Answer, choose: Answer, source: Source, *, count: int, seed: int
) -> list[Figure]:
    """Return the figures on held-out exercises of every kind."""
    figures: list[Figure] = []
    for kind, words in (("fact", "coined facts"), ("quote", "sentences of unseen textbooks")):
        rng = random.Random(f"evaluate:{kind}:{seed}")
        exercises = _cited(rng, source, kind, count)
        rows = [(one.answer, answer(one.messages[:-1])) for one in exercises]
        outcomes = {
            "sentence and citation exact": [right == said for right, said in rows],
            "sentence exact": [_body(right) == _body(said) for right, said in rows],
            "citation number right": [_number(right) == _number(said) for right, said in rows],
            "wrongly said not to be there": [said in NOT_SAID.values() for _, said in rows],
            "exact where only quoting is allowed": [
                choose(one.messages[:-1]) == one.answer for one in exercises
            ],
        }
        figures += [share(f"{words}: {name}", values) for name, values in outcomes.items()]
    for kind, words in (
        ("missing", "absent facts: said so"),
        ("feedback", "earlier correction repeated exactly"),
        ("profile", "facts about the user: answer exact"),
        ("task", "short tasks (repeat, spell, extract …): exact"),
    ):
        rng = random.Random(f"evaluate:{kind}:{seed}")
        exercises = [make_exercise(rng, source, kind) for _ in range(count)]
        if kind == "missing":
            exercises = [one for one in exercises if one.answer in NOT_SAID.values()]
            chosen = [choose(one.messages[:-1]) == one.answer for one in exercises]
            figures.append(share("absent facts: said so where only quoting is allowed", chosen))
        figures.append(share(words, [answer(one.messages[:-1]) == one.answer for one in exercises]))
    return figures


def measure_natural(answer: Answer, choose: Answer, *, seed: int) -> list[Figure]:
    """Return the figures on hand-written questions, with small talk as it stands in the exercises."""
    rng = random.Random(f"natural:{seed}")
    said: list[tuple[str, str, str]] = []
    for asked, told in QUESTIONS:
        messages, number = _natural(rng, asked, told)
        said.append((answer(messages), choose(messages), f"{told} [{number}]"))
    absent = [answer(_natural(rng, asked, None)[0]) in NOT_SAID.values() for asked in UNANSWERED]
    talk = [
        answer((("system", IDENTITY), ("user", asked))) == reply
        for questions, reply in TALK_ENGLISH + TALK_SPANISH
        for asked in questions.split(" | ")
    ]
    return [
        share(
            "hand-written questions: sentence exact",
            [_body(reply) == _body(right) for reply, _, right in said],
        ),
        share(
            "hand-written questions: citation number right",
            [_number(reply) == _number(right) for reply, _, right in said],
        ),
        share(
            "hand-written questions: exact where only quoting is allowed",
            [chosen == right for _, chosen, right in said],
        ),
        share("hand-written questions without an answer: said so", absent),
        share("small talk (seen in training): reply as taught", talk),
    ]


@torch.no_grad()
def measure_text(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: list[str], *, pieces: int
) -> Figure:
    """Return the bits per byte on pieces of held-out text, 512 tokens each, with a normal 95 % interval."""
    rng = random.Random("bits")
    bits: list[float] = []
    for _ in range(pieces):
        text = rng.choice(texts)
        start = rng.randrange(max(1, len(text) - 3000))
        ids = torch.tensor([tokenizer.encode(text[start : start + 3000])[:512]])
        loss = float(model(input_ids=ids, labels=ids).loss)
        size = len(str(tokenizer.decode(ids[0, 1:])).encode())
        bits.append(loss * (ids.shape[1] - 1) / math.log(2) / size)
    mean = sum(bits) / len(bits)
    half = 1.96 * math.sqrt(sum((one - mean) ** 2 for one in bits) / (len(bits) - 1) / len(bits))
    return Figure(
        name="bits per byte on held-out books (lower is better)",
        value=mean,
        n=pieces,
        low=mean - half,
        high=mean + half,
    )


def _cited(rng: random.Random, source: Source, kind: str, count: int) -> list[Exercise]:
    found: list[Exercise] = []
    while len(found) < count:
        exercise = make_exercise(rng, source, kind)
        if _number(exercise.answer) is not None:
            found.append(exercise)
    return found


def _natural(rng: random.Random, asked: str, told: str | None) -> tuple[Messages, int]:
    right = [name for name, text in PASSAGES.items() if told is not None and told in text]
    others = rng.sample([name for name in PASSAGES if name not in right], 3 - len(right))
    names = right + others
    rng.shuffle(names)
    system = render_system(
        about=[], feedback=[], passages=[(name, PASSAGES[name]) for name in names]
    )
    return (("system", system), ("user", asked)), names.index(right[0]) + 1 if right else 0


def _body(text: str) -> str:
    return _CITED.sub("", text)


def _number(text: str) -> int | None:
    found = _CITED.search(text)
    return int(found.group(1)) if found else None
