"""Preferences of a user: the lines that state them, what they make of an answer, and the rule that checks it."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from adapt.models.decoding.grounding import REFUSALS
from adapt.starter.recipe.exercises.scenes import Asked
from adapt.starter.recipe.texts.coined import FIRST_NAMES, coin_name

NEUTRAL = (
    "I like details.", "I live in Madrid.", "I work at night.", "I like tea.", "I am a teacher.", "I travel a lot.",
    "Vivo en Sevilla.", "I am new here.", "I work in sales.", "I have two children.", "Trabajo en un banco.",
    "I play the piano.", "My desk is in room 4.", "Tengo un perro.", "I study law.",
)  # fmt: skip
NOT_SAID = dict(zip((False, True), REFUSALS, strict=True))
_SPANISH_OPENING, _ENGLISH_OPENING = "El documento dice:", "The document says:"
_CITED = re.compile(r" ?\[\d+\]$")


@dataclass(frozen=True)
class Preference:
    """One stated preference. `shape(asked, cited sentence, number)` is the obedient answer; `obeyed(answer, asked)` the rule."""

    kind: str
    line: str
    shape: Callable[[Asked, str, str], str]
    obeyed: Callable[[str, Asked], bool]
    spanish: bool | None = None  # the language that it asks for
    name: str = ""  # to call the user by

    def answer(self, asked: Asked) -> str:
        """Return the answer that obeys."""
        return self.shape(asked, asked.sentence, f"[{asked.passage + 1}]")


_LINES = {
    "short": (
        "I prefer short answers.", "Keep answers short.", "Be brief.", "Short answers only, please.", "Prefiero respuestas cortas.", "Responde en pocas palabras.", "Give me only the fact.",
        "Keep it short.", "I like it short.", "Be concise.", "Brief replies, please.", "As short as possible.", "Only a few words, please.", "Don't write whole sentences.", "Just the answer.",
        "I want short replies.", "Please be brief.", "No long answers.", "I have little time, so be short.", "Sé breve.", "Solo el dato, por favor.", "Nada de respuestas largas.", "Quiero respuestas cortas.", "Contesta en breve.",
    ),
    "bullet": (
        "Use bullet points.", "Answer as a list.", "I like bullet points.", "Write answers as bullets.", "Usa viñetas.", "Responde con una lista.",
        "Bullet points, please.", "Give me bullets.", "I prefer lists.", "Always answer with a list.", "Make it a list.", "I like bulleted answers.", "Put answers in a list.", "Reply in bullet form.",
        "Start every answer with a dash.", "Please use bullets.", "Prefiero viñetas.", "Contesta en viñetas.", "Quiero listas.", "Pon las respuestas en una lista.",
    ),
    "quoted": (
        "Put quotes in quotation marks.", "Use quotation marks.", "Quote in “ ”.", "Usa comillas.", "Escribe las citas entre comillas.",
        "Quotation marks, please.", "I like quotation marks.", "Set what you quote in quotation marks.", "Please put quotes in “ ”.", "Mark quotes with quotation marks.", "Always use quotation marks.",
        "Put what you cite between quotation marks.", "Write quotes between “ and ”.", "Pon comillas.", "Quiero comillas en las citas.", "Cita entre comillas, por favor.",
    ),
    "spanish": (
        "Answer in Spanish.", "Responde en español.", "I want answers in Spanish.", "Prefiero el español.", "Write to me in Spanish.",
        "Spanish, please.", "Use Spanish.", "I speak Spanish.", "Reply in Spanish.", "Always answer in Spanish.", "I prefer Spanish.", "Talk to me in Spanish.", "Español, por favor.", "Háblame en español.", "Contesta en español.",
        "Escríbeme en español.", "Quiero que respondas en español.", "Usa el español.",
    ),
    "english": (
        "Answer in English.", "Responde en inglés.", "I want answers in English.", "I prefer English.", "Write to me in English.",
        "English, please.", "Use English.", "I speak English.", "Reply in English.", "Always answer in English.", "Talk to me in English.", "Inglés, por favor.", "Háblame en inglés.", "Contesta en inglés.",
        "Escríbeme en inglés.", "Quiero que respondas en inglés.", "Prefiero el inglés.", "Usa el inglés.",
    ),
    "name": (
        "Please call me {}.", "Call me {}.", "Address me as {}.", "Use my name, {}, in answers.", "Llámame {}.",
        "I am {}, use my name.", "Say my name, {}.", "You can call me {}.", "I like to be called {}.", "Begin answers with my name, {}.", "My friends call me {}, so do you.", "Use the name {} for me.", "Begin with {}, that is my name.",
        "Dime {}.", "Usa mi nombre, {}.", "Me gusta que me llames {}.",
    ),
    "metric": (
        "I use metric units.", "Metres, not feet.", "Give lengths in metres.", "Uso el sistema métrico.",
        "Metric units, please.", "Use metres.", "I want metres.", "I like metres.", "Always in metres.", "I think in metres.", "Tell me lengths in metres.", "No feet, only metres.", "Usa metros.", "Prefiero metros.", "Metros, por favor.",
    ),
    "imperial": (
        "I use feet.", "Feet, not metres.", "Give lengths in feet.", "I use imperial units.",
        "Imperial units, please.", "Use feet.", "I want feet.", "I like feet.", "Always in feet.", "I think in feet.", "Tell me lengths in feet.", "No metres, only feet.", "Usa pies.", "Prefiero pies.", "Pies, por favor.",
    ),
}  # fmt: skip
_LINES_HELD_OUT = {
    "short": ("I like brief answers.", "Short answers, please.", "Quiero respuestas breves."),
    "bullet": ("Please answer with bullet points.", "Answer in bullets."),
    "quoted": ("I want quotation marks around quotes.",),
    "spanish": ("Please answer in Spanish.", "Quiero las respuestas en español."),
    "english": ("Please answer in English.", "Quiero las respuestas en inglés."),
    "name": ("My name is {}, please use it.", "Please use my name, {}."),
    "metric": ("I prefer metres.", "Lengths in metres, please."),
    "imperial": ("I prefer feet.", "Lengths in feet, please."),
}
KINDS = tuple(_LINES)


def body(answer: str) -> str:
    """Return an answer without its citation at the end."""
    return _CITED.sub("", answer)


def make_preference(rng: random.Random, kind: str, *, held_out: bool) -> Preference:
    """Return a preference of a kind, in words of training or of evaluation."""
    line = rng.choice((_LINES_HELD_OUT if held_out else _LINES)[kind])
    match kind:
        case "short" | "metric" | "imperial":
            unit = {"metric": "metres", "imperial": "feet"}.get(kind, "")
            return Preference(
                kind, line, lambda asked, _, number: f"{asked.span} {number}",
                lambda reply, asked: len(body(reply).split()) <= max(8, len(asked.span.split()))
                and body(reply) != asked.sentence and unit in reply,
            )  # fmt: skip
        case "bullet":
            return Preference(
                kind, line, lambda _, sentence, number: f"- {sentence} {number}",
                lambda reply, _: reply.startswith("- ") and len(reply) > 4,
            )  # fmt: skip
        case "quoted":
            return Preference(
                kind, line, lambda _, sentence, number: f"“{sentence}” {number}",
                lambda reply, _: reply.startswith("“") and "”" in reply[2:],
            )  # fmt: skip
        case "spanish" | "english":
            opening = _SPANISH_OPENING if kind == "spanish" else _ENGLISH_OPENING
            return Preference(
                kind, line, lambda _, sentence, number: f"{opening} {sentence} {number}",
                lambda reply, _: reply.startswith(opening) and len(reply) > len(opening) + 2,
                spanish=kind == "spanish",
            )  # fmt: skip
    name = rng.choice(FIRST_NAMES) if rng.random() < 0.3 else coin_name(rng, held_out=held_out)
    return Preference(
        kind, line.format(name), lambda _, sentence, number: f"Dear {name}, it says: {sentence} {number}",
        lambda reply, _: re.search(rf"\b{name}\b", reply[: len(name) + 12]) is not None,
        name=name,
    )  # fmt: skip


_LONG = ("wall", "tunnel", "cable", "road", "pipe", "fence", "bridge", "boat", "ladder", "rope")
_LONG_HELD_OUT = ("garden", "hall", "track", "beam")


def make_length(rng: random.Random, kind: str, *, held_out: bool) -> tuple[str, str, str]:
    """Return (sentence, question, the length in the unit of a `metric` or `imperial` preference)."""
    name = coin_name(rng, held_out=held_out)
    thing = rng.choice(_LONG_HELD_OUT if held_out else _LONG)
    metres = rng.randint(2, 900)
    feet = round(metres * 3.281)
    first, second = (f"{metres} metres", f"{feet} feet")
    if rng.random() < 0.5:
        first, second = second, first
    sentence = rng.choice(
        (
            "The {n} {t} is {a} ({b}) long.",
            "The {n} {t} has a length of {a} ({b}).",
            "The {n} {t} measures {a} or {b}.",
        )
    ).format(n=name, t=thing, a=first, b=second)
    asked = rng.choice(
        (
            "How long is the {n} {t}?",
            "What is the length of the {n} {t}?",
            "How many {u} does the {n} {t} measure?",
        )
    ).format(n=name, t=thing, u="metres" if kind == "metric" else "feet")
    return sentence, asked, f"{metres} metres" if kind == "metric" else f"{feet} feet"
