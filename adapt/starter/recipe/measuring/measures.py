"""What is measured of a model that answers: shares with their intervals on held-out exercises and hand-written questions."""

import json
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adapt.errors import ModelError
from adapt.evaluation.general_text import PASSAGES
from adapt.records import Grounding, Message
from adapt.starter.recipe.exercises.exercise import Exercise, ExerciseSource, render_system
from adapt.starter.recipe.exercises.exercises import make_exercise
from adapt.starter.recipe.exercises.preferences import NOT_SAID
from adapt.starter.recipe.exercises.talk import TALK_ENGLISH, TALK_SPANISH
from adapt.starter.recipe.texts.natural import QUESTIONS, UNANSWERED
from adapt.starter.recipe.training.record import Figure

_CITED = re.compile(r" ?\[(\d+)\]$")


@dataclass(frozen=True)
class MeasuredItem:
    """One thing to answer: the messages before the reply, what it may quote, and the reply that is asked for."""

    messages: tuple[Message, ...]
    grounding: Grounding | None
    right: str


# answers every item, held to its grounding or not
Answer = Callable[[Sequence[MeasuredItem], bool], list[str]]
DRAWS = 100
# makes the exercises of a measurement: those that the model can read whole
Draw = Callable[..., Exercise]


def fitting(fits: Callable[[Sequence[Message]], bool]) -> Draw:
    """Return `make_exercise`, drawing again where the messages do not fit; the app, too, leaves out what does not."""

    def draw(rng: random.Random, source: ExerciseSource, kind: str, **wanted: Any) -> Exercise:
        for _ in range(DRAWS):
            exercise = make_exercise(rng, source, kind, **wanted)
            if fits(item(exercise).messages):
                return exercise
        raise ModelError(
            f"{DRAWS} exercises of kind '{kind}' are too long for this model's context"
        )

    return draw


def share(name: str, outcomes: Sequence[bool], goal: float | None = None) -> Figure:
    """Return a share with its 95 % Wilson interval."""
    n, z = len(outcomes), 1.96
    value = sum(outcomes) / n
    middle = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Figure(
        name=name, value=value, n=n, low=max(0.0, middle - half), high=min(1.0, middle + half), goal=goal
    )  # fmt: skip


def item(exercise: Exercise) -> MeasuredItem:
    """Return an exercise's last question as an item."""
    messages = tuple(Message(role, content) for role, content in exercise.messages[:-1])  # type: ignore[arg-type]
    return MeasuredItem(messages, exercise.grounding, exercise.answer)


def measure_reading(
    answer: Answer, source: ExerciseSource, *, count: int, seed: int, draw: Draw = make_exercise
) -> list[Figure]:
    """Return the figures of quoting and citing, and of saying that the passages do not say, free and held to them."""
    figures: list[Figure] = []
    kinds = [
        ("fact", "own held-out documents", 0.9),
        ("quote", "sentences of unseen textbooks", None),
    ]
    if "en" in source.reading_sets:
        kinds.insert(0, ("real", "held-out TyDiQA questions, 3 passages", 0.6))
    for kind, words, goal in kinds:
        rng = random.Random(f"evaluate:{kind}:{seed}")
        english = False if kind == "real" else None
        exercises = [
            draw(rng, source, kind, turns=1, absent=False, spanish=english) for _ in range(count)
        ]
        items = [item(exercise) for exercise in exercises]
        for way, grounded in (("free", False), ("held to the passages", True)):
            answers = answer(items, grounded)
            outcomes = {
                "sentence and citation": [
                    a == b.right for a, b in zip(answers, items, strict=True)
                ],
                "citation number": [
                    number(a) == number(b.right) for a, b in zip(answers, items, strict=True)
                ],
                "wrongly said not to be there": [a in NOT_SAID.values() for a in answers],
            }
            for name, values in outcomes.items():
                figures.append(
                    share(
                        f"{words}: {name}, {way}",
                        values,
                        goal if name.startswith("sentence") else None,
                    )
                )
    return figures + _measure_absent(answer, source, count=count, seed=seed, draw=draw)


def _measure_absent(
    answer: Answer, source: ExerciseSource, *, count: int, seed: int, draw: Draw
) -> list[Figure]:
    """Return how often a model tells what the passages say from what they do not, on as many of either."""
    rng = random.Random(f"evaluate:absent:{seed}")
    kinds = ("fact", "real") if "en" in source.reading_sets else ("fact",)
    exercises: list[Exercise] = []
    for index in range(count):
        kind = kinds[(index // 2) % len(kinds)]
        exercises.append(draw(rng, source, kind, turns=1, absent=index % 2 == 0))
    items = [item(exercise) for exercise in exercises]
    figures: list[Figure] = []
    for way, grounded in (("free", False), ("held to the passages", True)):
        answers = answer(items, grounded)
        refused = [reply in NOT_SAID.values() for reply in answers]
        absent = [index % 2 == 0 for index in range(count)]
        right = [a == b for a, b in zip(refused, absent, strict=True)]
        figures.append(share(f"said or not said, even mix: told apart, {way}", right, 0.85))
        for name, want in (("absent: said so", True), ("there: not denied", False)):
            part = [ok for ok, is_absent in zip(right, absent, strict=True) if is_absent == want]
            figures.append(share(f"said or not said, even mix: {name}, {way}", part))
    return figures


def measure_skills(
    answer: Answer, source: ExerciseSource, *, count: int, seed: int, draw: Draw = make_exercise
) -> list[Figure]:
    """Return the figures on preferences, dates, tools, feedback, the user's profile and short tasks."""
    figures: list[Figure] = []
    rng = random.Random(f"evaluate:preference:{seed}")
    exercises = [draw(rng, source, "preference", turns=1, absent=False) for _ in range(count)]
    answers = answer([item(exercise) for exercise in exercises], False)
    obeyed = [
        exercise.preference is not None
        and exercise.asked is not None
        and exercise.preference.obeyed(reply, exercise.asked)
        for exercise, reply in zip(exercises, answers, strict=True)
    ]
    figures.append(share("stated preference obeyed (by rule)", obeyed, 0.9))
    figures.append(
        share(
            "stated preference: whole answer right",
            [a == b.answer for a, b in zip(answers, exercises, strict=True)],
        )
    )
    for language, spanish in (("English", False), ("Spanish", True)):
        figures.append(
            _dates(answer, source, language, spanish=spanish, count=count // 2, seed=seed)
        )
    rng = random.Random(f"evaluate:tool:{seed}")
    exercises = [draw(rng, source, "tool") for _ in range(count)]
    for way, grounded in (("free", False), ("held to the schemas", True)):
        answers = answer([item(exercise) for exercise in exercises], grounded)
        pairs = list(zip(answers, exercises, strict=True))
        figures.append(share(f"tool call: valid JSON for its schema, {way}", [valid_call(a, b) for a, b in pairs], 0.95))  # fmt: skip
        figures.append(share(f"tool call: exactly right, {way}", [a == b.answer for a, b in pairs]))
    for kind, words in (
        ("feedback", "earlier correction repeated exactly"),
        ("profile", "facts about the user: answer exact"),
        ("task", "short tasks (repeat, spell, extract …): exact"),
        ("table", "queries over made tables, in SQL and others: exact"),
    ):
        rng = random.Random(f"evaluate:{kind}:{seed}")
        exercises = [draw(rng, source, kind) for _ in range(count)]
        answers = answer([item(exercise) for exercise in exercises], kind == "feedback")
        figures.append(
            share(words, [a == b.answer for a, b in zip(answers, exercises, strict=True)])
        )
    return figures


def _dates(
    answer: Answer,
    source: ExerciseSource,
    language: str,
    *,
    spanish: bool,
    count: int,
    seed: int,
) -> Figure:
    rng = random.Random(f"evaluate:date:{language}:{seed}")
    exercises = [make_exercise(rng, source, "date", spanish=spanish) for _ in range(count)]
    answers = answer([item(exercise) for exercise in exercises], False)
    right = [a == b.answer for a, b in zip(answers, exercises, strict=True)]
    return share(f"date to ISO, unseen ways of writing, {language}", right, 0.85)


def valid_call(reply: str, exercise: Exercise) -> bool:
    """Return whether a reply is a JSON object that names a tool shown and gives its parameters in their types."""
    try:
        call = json.loads(reply)
    except json.JSONDecodeError:
        return False
    if not isinstance(call, dict) or set(call) != {"name", "arguments"}:
        return False
    schemas = {}
    for tool in exercise.tools:
        function: Any = tool["function"]
        schemas[function["name"]] = function["parameters"]
    schema, arguments = schemas.get(call["name"]), call["arguments"]
    if (
        schema is None
        or not isinstance(arguments, dict)
        or set(arguments) != set(schema["required"])
    ):
        return False
    types: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    return all(
        isinstance(arguments[name], types[rule["type"]])
        and isinstance(arguments[name], bool) == (rule["type"] == "boolean")
        and arguments[name] in rule.get("enum", [arguments[name]])
        for name, rule in schema["properties"].items()
    )


def measure_natural(answer: Answer, *, seed: int) -> list[Figure]:
    """Return the figures on hand-written questions, with small talk as it stands in the exercises."""
    rng = random.Random(f"natural:{seed}")
    items = [_natural(rng, asked, sentence) for asked, sentence in QUESTIONS]
    absent = [_natural(rng, asked, None) for asked in UNANSWERED]
    talk = [
        MeasuredItem((Message("system", render_system()), Message("user", asked)), None, reply)
        for questions, reply in TALK_ENGLISH + TALK_SPANISH
        for asked in questions.split(" | ")
    ]
    figures: list[Figure] = []
    for way, grounded in (("free", False), ("held to the passages", True)):
        answers = answer(items, grounded)
        figures += [
            share(f"hand-written questions: sentence and citation, {way}", [a == b.right for a, b in zip(answers, items, strict=True)]),
            share(f"hand-written questions: citation number, {way}", [number(a) == number(b.right) for a, b in zip(answers, items, strict=True)]),
            share(f"hand-written questions without an answer: said so, {way}", [a in NOT_SAID.values() for a in answer(absent, grounded)]),
        ]  # fmt: skip
    replies = answer(talk, False)
    figures.append(share("small talk (seen in training): reply as taught", [a == b.right for a, b in zip(replies, talk, strict=True)]))  # fmt: skip
    return figures


def _natural(rng: random.Random, asked: str, sentence: str | None) -> MeasuredItem:
    right = [name for name, text in PASSAGES.items() if sentence is not None and sentence in text]
    others = rng.sample([name for name in PASSAGES if name not in right], 3 - len(right))
    names = right + others
    rng.shuffle(names)
    system = render_system(passages=[(name, PASSAGES[name]) for name in names])
    place = names.index(right[0]) + 1 if right else 0
    grounding = Grounding(
        tuple((index, PASSAGES[name]) for index, name in enumerate(names, start=1))
    )
    return MeasuredItem(
        (Message("system", system), Message("user", asked)), grounding, f"{sentence} [{place}]"
    )


def number(text: str) -> int | None:
    """Return the number that a text cites at its end."""
    match = _CITED.search(text)
    return int(match.group(1)) if match else None
