"""The support domain: a customer's message → the team and intent that it goes to.

Held out, for choosing and for the test, are whole templates, openings and closings, not only what fills their slots.
"""

import random
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from ui.demo.recipe.rows import Counts, Row, Side, gather, seeded
from ui.demo.recipe.templates import capitalise, expand, hurry, punctuate


class Pool(BaseModel):
    """Texts for training, texts for choosing and texts for the test."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: list[str]
    valid: list[str]
    test: list[str]


class Intent(Pool):
    """The templates of one intent, in both languages."""

    train_es: list[str]
    valid_es: list[str]
    test_es: list[str]

    def pool(self, side: Side, *, spanish: bool) -> list[str]:
        """Return the templates of one side and language."""
        chosen: list[str] = getattr(self, f"{side}_es" if spanish else side)
        return chosen


class SupportSource(BaseModel):
    """What `support.yaml` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: Counts
    cue: str
    spanish_share: float
    slots: dict[str, list[str]]
    slots_es: dict[str, list[str]]
    openings: Pool
    closings: Pool
    openings_es: Pool
    closings_es: Pool
    intents: dict[str, Intent]


def read_source() -> SupportSource:
    """Return the templates."""
    text = Path(__file__).with_name("support.yaml").read_text(encoding="utf-8")
    return SupportSource.model_validate(yaml.safe_load(text))


def make_rows(source: SupportSource, side: Side) -> list[Row]:
    """Return the rows of one side: every intent as often as any other, no two rows with the same prompt."""
    rng = seeded(f"support:{side}")
    intents = list(source.intents)

    def draw(number: int) -> Row:
        label = intents[number % len(intents)]
        spanish = rng.random() < source.spanish_share
        template = rng.choice(source.intents[label].pool(side, spanish=spanish))
        message = _message(rng, source, template, side, spanish=spanish)
        return Row(source.cue + message, label, template)

    return _shuffled(gather(getattr(source.count, side), draw), side)


def _message(
    rng: random.Random, source: SupportSource, template: str, side: Side, *, spanish: bool
) -> str:
    slots = source.slots_es if spanish else source.slots
    openings = source.openings_es if spanish else source.openings
    closings = source.closings_es if spanish else source.closings
    core = punctuate(expand(rng, template, slots), spanish=spanish)
    opening = expand(rng, rng.choice(getattr(openings, side)), slots)
    if not opening or opening.endswith((".", "?", "!")):
        core = capitalise(core)
    closing = expand(rng, rng.choice(getattr(closings, side)), slots)
    return hurry(rng, capitalise(" ".join(part for part in (opening, core, closing) if part)))


def _shuffled(rows: list[Row], side: Side) -> list[Row]:
    seeded(f"support:{side}:order").shuffle(rows)
    return rows
