"""Exercises on passages: questions about them, some of which they do not answer, and preferences that shape the answers."""

import random
from collections.abc import Iterator
from dataclasses import replace

from adapt.starter.recipe.attention.pointers import Pointer
from adapt.starter.recipe.exercises.exercise import (
    Exercise,
    ExerciseSource,
    conversation,
    loosely,
    neutral,
    render_system,
)
from adapt.starter.recipe.exercises.memory import feedback_line
from adapt.starter.recipe.exercises.preferences import (
    KINDS,
    NOT_SAID,
    Preference,
    make_length,
    make_preference,
)
from adapt.starter.recipe.exercises.scenes import Asked, Scene, fact_scene, quote_scene, real_scene
from adapt.starter.recipe.exercises.talk import make_talk

ABSENT_SHARE = 0.12  # of questions; at 0.16 a starter refused 12 % of real questions that were answered, and had 92 % of an even mix right
TALK_SHARE = 0.2  # of exercises


def make_reading(
    rng: random.Random,
    source: ExerciseSource,
    kind: str,
    *,
    turns: int | None,
    absent: bool | None,
    spanish: bool,
) -> Exercise:
    """Return an exercise of kind `quote`, `real`, `fact` or `preference`; see `make_exercise` for the arguments."""
    while True:
        scene, preference = _scene(rng, source, kind, spanish=spanish)
        many = turns or rng.choices((1, 2, 3, 4), weights=(35, 25, 25, 15))[0]
        pairs, last, spans = _questions(rng, scene, preference, many, absent=absent)
        if pairs and (absent is None or (last is None) == absent):
            if not source.held_out and preference is None and rng.random() < TALK_SHARE:
                place = rng.randint(0, len(pairs) if absent is None else len(pairs) - 1)
                pairs.insert(place, make_talk(rng, spanish=scene.spanish))
            exercise = _put_together(rng, source, scene, preference, pairs)
            return replace(exercise, kind=kind, asked=last, spans=spans)


def _scene(
    rng: random.Random, source: ExerciseSource, kind: str, *, spanish: bool
) -> tuple[Scene, Preference | None]:
    if kind != "preference":
        return _scene_of(rng, source, kind, spanish=spanish), None
    preference = make_preference(rng, rng.choice(KINDS), held_out=source.held_out)
    real = "real" if rng.random() < 0.3 else "fact"
    scene = _scene_of(rng, source, real, spanish=spanish)
    if preference.kind in ("metric", "imperial"):
        scene = _with_length(rng, scene, preference.kind, held_out=source.held_out)
    return scene, preference


def _scene_of(rng: random.Random, source: ExerciseSource, kind: str, *, spanish: bool) -> Scene:
    language = "es" if spanish else "en"
    if kind == "real" and language in source.reading_sets:
        return real_scene(
            rng, source.reading_sets[language], spanish=spanish, held_out=source.held_out,
            count=3 if source.held_out else None,
        )  # fmt: skip
    make = quote_scene if kind == "quote" else fact_scene
    return make(rng, source.library(spanish=spanish), spanish=spanish, held_out=source.held_out)


def _questions(
    rng: random.Random,
    scene: Scene,
    preference: Preference | None,
    turns: int,
    *,
    absent: bool | None,
) -> tuple[list[tuple[str, str]], Asked | None, dict[str, str]]:
    """Return questions with their replies; the last that the passages answer, None if they do not answer the last; their spans."""
    language = scene.spanish
    if preference and preference.spanish is not None:
        language = preference.spanish
    questions, untold = list(scene.asked), list(scene.absent)
    pairs: list[tuple[str, str]] = []
    spans: dict[str, str] = {}
    last: Asked | None = None
    for turn in range(turns):
        given = absent is not None and turn == turns - 1
        wanted = absent if given else rng.random() < ABSENT_SHARE
        if wanted and untold:
            pairs.append((loosely(rng, untold.pop()), NOT_SAID[language]))
            last = None
        elif questions:
            last = questions.pop()
            cited = f"{last.sentence} [{last.passage + 1}]"
            question = loosely(rng, last.question)
            spans[question] = last.span
            pairs.append((question, preference.answer(last) if preference else cited))
    return pairs, last, spans


def _put_together(
    rng: random.Random,
    source: ExerciseSource,
    scene: Scene,
    preference: Preference | None,
    pairs: list[tuple[str, str]],
) -> Exercise:
    about = neutral(rng) if rng.random() < 0.15 else []
    if preference:
        about.insert(rng.randint(0, len(about)), f"- {preference.line}")
    feedback = [feedback_line(rng, source, spanish=scene.spanish)[0]] if rng.random() < 0.12 else []
    passages = tuple(" ".join(text) for text in scene.passages)
    system = render_system(
        about=about, feedback=feedback, passages=list(zip(scene.names, passages, strict=True))
    )
    exercise = conversation("", system, pairs)
    return replace(
        exercise,
        choices=tuple(scene.sentences),
        preference=preference,
        passages=passages,
        pointers=tuple(_names(exercise, preference)) if preference and preference.name else (),
    )


def _names(exercise: Exercise, preference: Preference) -> Iterator[Pointer]:
    """Yield where the user's name in each reply stands in the line that tells it."""
    at = exercise.messages[0][1].index(preference.line) + preference.line.index(preference.name)
    for index, (role, content) in enumerate(exercise.messages):
        start = content.find(preference.name)
        if role == "assistant" and 0 <= start < len("Dear ") + 1:
            yield Pointer(index, start, start + len(preference.name), 0, at)


def _with_length(rng: random.Random, scene: Scene, kind: str, *, held_out: bool) -> Scene:
    """Put a sentence with a length in two units into a scene, and ask for it alone."""
    sentence, question, span = make_length(rng, kind, held_out=held_out)
    place = rng.randrange(len(scene.passages))
    passages = [list(passage) for passage in scene.passages]
    passages[place].insert(rng.randint(0, len(passages[place])), sentence)
    asked = (Asked(question, sentence, place, span),)
    return Scene(scene.names, tuple(map(tuple, passages)), asked, (), scene.spanish)
