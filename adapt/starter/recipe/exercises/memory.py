"""Exercises on what is known of the user: corrections and ratings of earlier answers, their profile, and small talk."""

import random

from adapt.starter.recipe.exercises.exercise import (
    Exercise,
    ExerciseSource,
    conversation,
    loosely,
    neutral,
    render_system,
)
from adapt.starter.recipe.exercises.preferences import make_preference
from adapt.starter.recipe.exercises.scenes import fact_scene
from adapt.starter.recipe.exercises.talk import make_talk, talk_in
from adapt.starter.recipe.texts.coined import coin_value
from adapt.starter.recipe.texts.facts import make_fact, templates


def make_small_talk(rng: random.Random, about: list[str], *, spanish: bool) -> Exercise:
    """Return small talk, sometimes with a preference that changes the reply."""
    if rng.random() < 0.4:
        kind = rng.choice(("spanish", "english", "name"))
        preference = make_preference(rng, kind, held_out=False)
        about = [*about, f"- {preference.line}"]
        if kind == "name":
            pair = talk_in(rng, 0, spanish=spanish, answer_spanish=spanish)
            pair = (pair[0], pair[1].replace("!", f", {preference.name}!", 1))
        else:
            pair = talk_in(rng, rng.randrange(8), spanish=spanish, answer_spanish=kind == "spanish")
        return conversation("talk", render_system(about=about), [pair])
    pairs = [make_talk(rng, spanish=spanish) for _ in range(rng.randint(1, 3))]
    return conversation("talk", render_system(about=about), pairs)


def feedback_line(
    rng: random.Random, source: ExerciseSource, *, spanish: bool
) -> tuple[str, str, str]:
    """Return (the line as the prompt shows it, the question, the right answer or '')."""
    kinds = templates(spanish=spanish, held_out=source.held_out)
    fact = make_fact(rng, rng.choice(kinds), held_out=source.held_out)
    if rng.random() < 0.3:
        given = make_fact(rng, fact.template, held_out=source.held_out, name=fact.name).sentence
        comment = rng.choice(
            ("too long", "wrong", "not helpful", "be shorter", "no es correcto", "old information")
        )
        verb, remark = rng.choice((("disliked", f" ({comment})"), ("disliked", ""), ("liked", "")))
        return f'- Asked "{fact.question}", the user {verb}: "{given}"{remark}', fact.question, ""
    value = coin_value(rng, fact.template.value, spanish=spanish, held_out=source.held_out)
    answer = fact.sentence if rng.random() < 0.6 else value[0].upper() + value[1:] + "."
    return f'- Asked "{fact.question}", the right answer was: {answer}', fact.question, answer


def make_feedback(rng: random.Random, source: ExerciseSource, *, spanish: bool) -> Exercise:
    """Return questions that were asked before and corrected, among other feedback."""
    lines = [feedback_line(rng, source, spanish=spanish) for _ in range(rng.randint(1, 4))]
    while not lines[0][2]:
        lines[0] = feedback_line(rng, source, spanish=spanish)
    asked = [(question, answer) for _, question, answer in lines if answer]
    rng.shuffle(lines)
    passages: list[tuple[str, str]] = []
    choices = [answer for _, answer in asked]
    if rng.random() < 0.5:
        scene = fact_scene(
            rng, source.library(spanish=spanish), spanish=spanish, held_out=source.held_out
        )
        passages = [
            (name, " ".join(text)) for name, text in zip(scene.names, scene.passages, strict=True)
        ]
        choices += scene.sentences
    system = render_system(feedback=[line for line, _, _ in lines], passages=passages)
    pairs = [(loosely(rng, question), answer) for question, answer in asked]
    if source.held_out:
        pairs = pairs[:1]
    exercise = conversation("feedback", system, pairs)
    return Exercise(
        "feedback", exercise.messages, tuple(choices), passages=tuple(text for _, text in passages)
    )


def make_profile(
    rng: random.Random, source: ExerciseSource
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return lines about the user, and questions that they answer, with the answers."""
    name, place, colour = (
        coin_value(rng, kind, spanish=False, held_out=source.held_out)
        for kind in ("name", "name", "colour")
    )
    facts = [
        (f"- My name is {name}.", "What is my name?", f"Your name is {name}."),
        (f"- I live in {place}.", "Where do I live?", f"You live in {place}."),
        (
            f"- My favourite colour is {colour}.",
            "What is my favourite colour?",
            f"Your favourite colour is {colour}.",
        ),
    ]
    lines = [line for line, _, _ in facts] + neutral(rng)
    rng.shuffle(lines)
    rng.shuffle(facts)
    return lines, [(question, answer) for _, question, answer in facts]
