"""Makes the chat exercises: who is asked what, with which passages and feedback in the prompt, and the right answers.

The prompt has exactly the form that the product builds. Everything is drawn from one `random.Random`, so a seed
gives the same exercises; `held_out=True` draws names, question forms, paragraphs and sections that training never uses.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

from adapt.models.decoding.tools import list_tools
from adapt.starter.recipe.attention.pointers import (
    Pointer,
    call_pointers,
    date_pointers,
    word_pointers,
)
from adapt.starter.recipe.exercises.dates import make_date
from adapt.starter.recipe.exercises.exercise import (
    Exercise,
    ExerciseSource,
    conversation,
    neutral,
    render_system,
)
from adapt.starter.recipe.exercises.memory import make_feedback, make_profile, make_small_talk
from adapt.starter.recipe.exercises.reading import make_reading
from adapt.starter.recipe.exercises.tables import make_query, query_pointers
from adapt.starter.recipe.exercises.talk import make_talk, make_task
from adapt.starter.recipe.exercises.tools import make_calls

KINDS = {
    "quote": 0.17, "real": 0.36, "fact": 0.09, "feedback": 0.05, "preference": 0.22, "profile": 0.02,
    "date": 0.18, "tool": 0.16, "talk": 0.06, "task": 0.05, "table": 0.04,
}  # fmt: skip
MOST_TURNS = {"profile": 3, "date": 8, "tool": 4, "task": 4, "table": 4}
SPANISH_DATES = 0.45  # of those to train on; at a quarter a starter had 91 % of English dates right, 80 % of Spanish ones
READING = ("quote", "real", "fact", "preference")


def make_exercise(
    rng: random.Random,
    source: ExerciseSource,
    kind: str | None = None,
    *,
    turns: int | None = None,
    absent: bool | None = None,
    spanish: bool | None = None,
) -> Exercise:
    """Return one exercise, of a kind drawn by `KINDS` unless given.

    Args:
        turns: how many questions; unless given several in training, and in evaluation one where nothing is read.
        absent: whether the last question is one that the passages do not answer; seldom unless given.
        spanish: the language; a quarter is Spanish unless given.
    """
    kind = kind or str(rng.choices(list(KINDS), weights=list(KINDS.values()))[0])
    if spanish is None:
        spanish = rng.random() < 0.25
    if kind in READING:
        return make_reading(rng, source, kind, turns=turns, absent=absent, spanish=spanish)
    if kind == "feedback":
        return make_feedback(rng, source, spanish=spanish)
    return _without_passages(rng, source, kind, turns=turns, spanish=spanish)


def _without_passages(
    rng: random.Random, source: ExerciseSource, kind: str, *, turns: int | None, spanish: bool
) -> Exercise:
    # a short question takes few tokens, so one prompt teaches several
    many = turns or (1 if source.held_out else rng.randint(1, MOST_TURNS.get(kind, 1)))
    about = neutral(rng) if rng.random() < 0.2 else []
    if kind == "profile":
        lines, pairs = make_profile(rng, source)
        system = render_system(about=lines)
        exercise = conversation(kind, system, pairs[:many])
        return _pointed(exercise, lambda i, _, reply: word_pointers(i, 0, system, reply))
    if kind == "tool":
        words = source.library(spanish=False).words
        schemas, pairs = make_calls(rng, words, many, held_out=source.held_out)
        system = f"{render_system(about=about)}\n\n{list_tools(schemas)}"
        if not source.held_out and rng.random() < 0.25:  # not every message is a request
            pairs.insert(rng.randint(0, len(pairs) - 1), make_talk(rng, spanish=spanish))
        exercise = replace(conversation(kind, system, pairs), tools=tuple(schemas))
        return _pointed(
            exercise,
            lambda i, asked, reply: (
                call_pointers(i, system, asked, reply) if reply[0] == "{" else ()
            ),
        )
    if kind == "date":
        spanish = spanish if source.held_out else rng.random() < SPANISH_DATES
        dates = [make_date(rng, spanish=spanish, held_out=source.held_out) for _ in range(many)]
        opening = render_system(about=about) if rng.random() < 0.7 else None
        exercise = conversation(kind, opening, [(date.asked, date.iso) for date in dates])
        by_request = {date.asked: date for date in dates}
        return _pointed(
            exercise, lambda i, asked, reply: date_pointers(i, asked, by_request[asked].written, reply, by_request[asked].today)
        )  # fmt: skip
    if kind == "table":
        words = source.library(spanish=False).words
        made_of = [make_query(rng, words, held_out=source.held_out) for _ in range(many)]
        queries = {query.asked: query for query in made_of}
        exercise = conversation(
            kind, render_system(about=about), [(q.asked, q.query) for q in made_of]
        )
        return _pointed(exercise, lambda i, asked, _: query_pointers(i, queries[asked]))
    if kind == "talk":
        return make_small_talk(rng, about, spanish=spanish)
    pairs = [
        make_task(rng, source.library(spanish=False).words, held_out=source.held_out)
        for _ in range(many)
    ]
    exercise = conversation(kind, render_system(about=about), pairs)
    return _pointed(exercise, lambda i, asked, reply: word_pointers(i, i - 1, asked, reply))


def _pointed(exercise: Exercise, points: Callable[[int, str, str], Iterable[Pointer]]) -> Exercise:
    """Return an exercise with the pointers of its replies; `points` gets a reply's index, its question and its text."""
    pointers: list[Pointer] = []
    for index, (role, content) in enumerate(exercise.messages):
        if role == "assistant":
            pointers += points(index, exercise.messages[index - 1][1], content)
    return replace(exercise, pointers=tuple(pointers))
