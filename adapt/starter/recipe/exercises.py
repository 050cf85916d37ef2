"""Makes the chat exercises: who is asked what, with which passages and feedback in the prompt, and the right answer.

The prompt has exactly the form that the product builds. Everything is drawn from one `random.Random`, so a seed
gives the same exercises; `held_out=True` draws names, question forms and sections that training never uses.
"""

import random
from dataclasses import dataclass

from adapt.starter.recipe.coined import coin_value
from adapt.starter.recipe.facts import make_fact, templates
from adapt.starter.recipe.passages import (
    Library,
    ask_for_sentence,
    fact_passages,
    real_passage,
    source_name,
)
from adapt.starter.recipe.talk import make_talk, make_task

IDENTITY = "You are Adapt, a helpful assistant."
NOT_SAID = {False: "The passages do not say.", True: "Los pasajes no lo dicen."}
PREFERENCES = (
    "I prefer short answers.", "I like details.", "I live in Madrid.", "I work at night.", "Please call me Sam.",
    "I write in English and Spanish.", "I like tea.", "I do not like long lists.", "I am a teacher.", "I travel a lot.",
    "Prefiero respuestas cortas.", "Vivo en Sevilla.", "I use metric units.", "I am new here.", "I work in sales.",
)  # fmt: skip
KINDS = {
    "quote": 0.34,
    "fact": 0.30,
    "missing": 0.09,
    "feedback": 0.09,
    "talk": 0.05,
    "task": 0.10,
    "profile": 0.03,
}


@dataclass(frozen=True)
class Exercise:
    """One conversation as (role, content) pairs; the last is the answer that evaluation asks for."""

    kind: str
    messages: tuple[tuple[str, str], ...]

    @property
    def answer(self) -> str:
        """The last reply."""
        return self.messages[-1][1]


@dataclass(frozen=True)
class Source:
    """What exercises are made from: real text by language, and the side to draw from."""

    libraries: dict[str, Library]
    held_out: bool


def make_exercise(rng: random.Random, source: Source, kind: str | None = None) -> Exercise:
    """Return one exercise, of a kind drawn by `KINDS` unless given; some have two or three turns."""
    kind = kind or rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
    spanish = (rng.random() < 0.25 and "es" in source.libraries) or "en" not in source.libraries
    about = (
        [f"- {rng.choice(PREFERENCES)}" for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.25
        else []
    )
    feedback: list[str] = []
    passages: list[list[str]] = []
    before = _small_turns(rng, source, spanish=spanish) if rng.random() < 0.12 else []
    match kind:
        case "quote":
            passages, turns = _quote(rng, source, spanish=spanish)
        case "fact" | "missing":
            passages, turns = _fact(rng, source, spanish=spanish, missing=kind == "missing")
        case "feedback":
            passages, feedback, turns = _feedback(rng, source, spanish=spanish)
        case "profile":
            about, turns = _profile(rng, source)
        case "talk":
            turns = [make_talk(rng, spanish=spanish)]
        case _:
            turns = [
                make_task(rng, _library(source, spanish=False).words, held_out=source.held_out)
            ]
    if kind in ("quote", "fact", "missing") and rng.random() < 0.2:
        feedback = [_feedback_line(rng, source, spanish=spanish)[0]]
    system = render_system(
        about=about,
        feedback=feedback,
        passages=[(source_name(rng, held_out=source.held_out), " ".join(one)) for one in passages],
    )
    messages = [("system", system)]
    for asked, reply in [*before, *turns]:
        messages += [("user", asked), ("assistant", reply)]
    return Exercise(kind, tuple(messages))


def render_system(*, about: list[str], feedback: list[str], passages: list[tuple[str, str]]) -> str:
    """Return the system message: its sections in the product's order, joined by a blank line."""
    sections = [IDENTITY]
    if about:
        sections.append("\n".join(["About the user:", *about]))
    if feedback:
        sections.append("\n".join(["Earlier feedback from this user:", *feedback]))
    if passages:
        numbered = "\n\n".join(
            f"[{number}] {name}\n{text}" for number, (name, text) in enumerate(passages, start=1)
        )
        sections.append(
            f"Passages from the user's documents. Answer from them and cite them as [n].\n{numbered}"
        )
    return "\n\n".join(sections)


def _library(source: Source, *, spanish: bool) -> Library:
    return source.libraries.get("es" if spanish else "en") or next(iter(source.libraries.values()))


def _small_turns(rng: random.Random, source: Source, *, spanish: bool) -> list[tuple[str, str]]:
    if rng.random() < 0.6:
        return [make_talk(rng, spanish=spanish)]
    return [make_task(rng, _library(source, spanish=False).words, held_out=source.held_out)]


def _quote(
    rng: random.Random, source: Source, *, spanish: bool
) -> tuple[list[list[str]], list[tuple[str, str]]]:
    library = _library(source, spanish=spanish)
    while True:
        passages = [real_passage(rng, library) for _ in range(rng.choice((1, 2, 2, 3, 3, 4)))]
        turns: list[tuple[str, str]] = []
        for _ in range(rng.choice((1, 1, 2))):
            asked = ask_for_sentence(
                rng, library, passages, spanish=spanish, held_out=source.held_out
            )
            if asked:
                turns.append((asked[0], f"{asked[1]} [{asked[2] + 1}]"))
        if turns:
            return passages, turns


def _fact(
    rng: random.Random, source: Source, *, spanish: bool, missing: bool
) -> tuple[list[list[str]], list[tuple[str, str]]]:
    library = _library(source, spanish=spanish)
    count = rng.choice((1, 2, 2, 3, 3, 4))
    passages, fact, where, absent = fact_passages(
        rng, library, count=count, spanish=spanish, held_out=source.held_out
    )
    told = (_loosely(rng, fact.question), f"{fact.sentence} [{where + 1}]")
    untold = (_loosely(rng, absent.question), NOT_SAID[spanish])
    if rng.random() < 0.25:
        return passages, [told, untold] if missing else [untold, told]
    return passages, [untold] if missing else [told]


def _loosely(rng: random.Random, question: str) -> str:
    if rng.random() < 0.12:
        question = question.lower()
    return question.rstrip("?") if rng.random() < 0.08 else question


def _feedback_line(rng: random.Random, source: Source, *, spanish: bool) -> tuple[str, str, str]:
    """Return (the line as the prompt shows it, the question, the right answer or '')."""
    kinds = templates(spanish=spanish, held_out=source.held_out)
    fact = make_fact(rng, rng.choice(kinds), held_out=source.held_out)
    if rng.random() < 0.3:
        wrong = make_fact(rng, fact.template, held_out=source.held_out, name=fact.name).sentence
        comment = rng.choice(
            ("too long", "wrong", "not helpful", "be shorter", "no es correcto", "old information")
        )
        return (
            f"- Asked “{fact.question}”, the user disliked: “{wrong}” ({comment})",
            fact.question,
            "",
        )
    value = coin_value(rng, fact.template.value, spanish=spanish, held_out=source.held_out)
    answer = fact.sentence if rng.random() < 0.6 else value[0].upper() + value[1:] + "."
    return f"- Asked “{fact.question}”, the right answer was: {answer}", fact.question, answer


def _feedback(
    rng: random.Random, source: Source, *, spanish: bool
) -> tuple[list[list[str]], list[str], list[tuple[str, str]]]:
    lines = [_feedback_line(rng, source, spanish=spanish) for _ in range(rng.randint(1, 4))]
    while not lines[0][2]:
        lines[0] = _feedback_line(rng, source, spanish=spanish)
    _, question, answer = lines[0]
    rng.shuffle(lines)
    passages: list[list[str]] = []
    if rng.random() < 0.4:
        passages, *_ = fact_passages(
            rng,
            _library(source, spanish=spanish),
            count=rng.randint(1, 2),
            spanish=spanish,
            held_out=source.held_out,
        )
    return passages, [line for line, _, _ in lines], [(_loosely(rng, question), answer)]


def _profile(rng: random.Random, source: Source) -> tuple[list[str], list[tuple[str, str]]]:
    name, place, colour = (
        coin_value(rng, kind, spanish=False, held_out=source.held_out)
        for kind in ("name", "name", "colour")
    )
    told = [
        (f"- My name is {name}.", "What is my name?", f"Your name is {name}."),
        (f"- I live in {place}.", "Where do I live?", f"You live in {place}."),
        (
            f"- My favourite colour is {colour}.",
            "What is my favourite colour?",
            f"Your favourite colour is {colour}.",
        ),
    ]
    lines = [line for line, _, _ in told] + [
        f"- {rng.choice(PREFERENCES)}" for _ in range(rng.randint(0, 2))
    ]
    rng.shuffle(lines)
    _, question, answer = rng.choice(told)
    return lines, [(question, answer)]
