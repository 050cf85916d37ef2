"""Makes the chat exercises: who is asked what, with which passages and feedback in the prompt, and the right answers.

The prompt has exactly the form that the product builds. Everything is drawn from one `random.Random`, so a seed
gives the same exercises; `held_out=True` draws names, question forms, paragraphs and sections that training never uses.
"""

import random
from dataclasses import replace

from adapt.starter.recipe.dates import make_date
from adapt.starter.recipe.exercise import Exercise, Source, conversation, neutral, render_system
from adapt.starter.recipe.memory import make_feedback, make_profile, make_small_talk
from adapt.starter.recipe.reading import make_reading
from adapt.starter.recipe.talk import make_task
from adapt.starter.recipe.tools import make_call, render_tools

KINDS = {
    "quote": 0.24, "real": 0.28, "fact": 0.20, "feedback": 0.06, "preference": 0.12, "profile": 0.03,
    "date": 0.14, "tool": 0.07, "talk": 0.04, "task": 0.05,
}  # fmt: skip
READING = ("quote", "real", "fact", "preference")


def make_exercise(
    rng: random.Random,
    source: Source,
    kind: str | None = None,
    *,
    turns: int | None = None,
    absent: bool | None = None,
    spanish: bool | None = None,
) -> Exercise:
    """Return one exercise, of a kind drawn by `KINDS` unless given.

    Args:
        turns: how many questions, one to four unless given.
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
    return _without_passages(rng, source, kind, spanish=spanish)


def _without_passages(rng: random.Random, source: Source, kind: str, *, spanish: bool) -> Exercise:
    about = neutral(rng) if rng.random() < 0.2 else []
    if kind == "profile":
        lines, pairs = make_profile(rng, source)
        return conversation(kind, render_system(about=lines), pairs)
    if kind == "tool":
        schemas, request, call = make_call(rng, held_out=source.held_out)
        system = f"{render_system(about=about)}\n\n{render_tools(schemas)}"
        made = conversation(kind, system, [(request, call)])
        return replace(made, tools=tuple(schemas))
    if kind == "date":
        pair = make_date(rng, spanish=spanish, held_out=source.held_out)
        opening = render_system(about=about) if rng.random() < 0.7 else None
        return conversation(kind, opening, [pair])
    if kind == "talk":
        return make_small_talk(rng, about, spanish=spanish)
    pairs = [
        make_task(rng, source.library(spanish=False).words, held_out=source.held_out)
        for _ in range(rng.randint(1, 2))
    ]
    return conversation(kind, render_system(about=about), pairs)
