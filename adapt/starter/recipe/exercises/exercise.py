"""An exercise: a conversation with its right answers, in exactly the form of the product's prompts."""

import random
from dataclasses import dataclass, field

from adapt.records import Grounding
from adapt.starter.recipe.attention.pointers import Pointer
from adapt.starter.recipe.exercises.preferences import NEUTRAL, Preference
from adapt.starter.recipe.exercises.scenes import Asked
from adapt.starter.recipe.texts.passages import Library
from adapt.starter.recipe.texts.questions import ReadingSet

IDENTITY = "You are Adapt, a helpful assistant."


@dataclass(frozen=True)
class Exercise:
    """Messages as (role, content); the last is the reply that is asked for.

    `choices` are the sentences it may quote; `spans` the words in them that answer, by question, where they are known;
    `pointers` where other replies come from.
    """

    kind: str
    messages: tuple[tuple[str, str], ...]
    choices: tuple[str, ...] = ()
    asked: Asked | None = None
    preference: Preference | None = None
    passages: tuple[str, ...] = ()
    tools: tuple[dict[str, object], ...] = ()
    spans: dict[str, str] = field(default_factory=dict)
    pointers: tuple[Pointer, ...] = ()

    @property
    def grounding(self) -> Grounding | None:
        """What the last reply may quote or call, as the product would say it."""
        if not self.passages and not self.tools:
            return None
        uncited = [
            choice for choice in self.choices if not any(choice in text for text in self.passages)
        ]
        return Grounding(tuple(enumerate(self.passages, start=1)), tuple(uncited), self.tools)

    @property
    def answer(self) -> str:
        """The last reply."""
        return self.messages[-1][1]


@dataclass(frozen=True)
class ExerciseSource:
    """What exercises are made from: real text and real questions by language, and the side to draw from."""

    libraries: dict[str, Library]
    reading_sets: dict[str, ReadingSet]
    held_out: bool

    def library(self, *, spanish: bool) -> Library:
        """Return the real text of a language, or of the one there is."""
        return self.libraries.get("es" if spanish else "en") or next(iter(self.libraries.values()))


def conversation(kind: str, system: str | None, pairs: list[tuple[str, str]]) -> Exercise:
    """Return an exercise of pairs of question and reply."""
    messages = [("system", system)] if system is not None else []
    for asked, reply in pairs:
        messages += [("user", asked), ("assistant", reply)]
    return Exercise(kind, tuple(messages))


def render_system(
    *,
    about: list[str] | None = None,
    feedback: list[str] | None = None,
    passages: list[tuple[str, str]] | None = None,
) -> str:
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


def neutral(rng: random.Random) -> list[str]:
    """Return lines about the user that change no answer."""
    return [f"- {line}" for line in rng.sample(NEUTRAL, k=rng.randint(1, 3))]


def loosely(rng: random.Random, question: str) -> str:
    """Return a question as people type it: now and then without capitals or the mark at its end."""
    if rng.random() < 0.12:
        question = question.lower()
    return question.rstrip("?") if rng.random() < 0.08 else question
