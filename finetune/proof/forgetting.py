"""What training on a domain does to the model elsewhere: the loss on general text and on other domains' held-out rows.

An adapter can be better at its own task and worse at all else; its card says both. Forgetting is the rise of the loss, in
nats per token, with a paired bootstrap over the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peft import PeftModel
from pydantic import JsonValue

from adapt.evaluation.bootstrap import Comparison
from adapt.evaluation.general_text import PASSAGES
from adapt.evaluation.likelihood import answer_losses
from adapt.evaluation.tasks import Scores, compare
from adapt.records import Example, Message
from finetune.tokens.examples import EncodedRow, Encoder

GENERAL = "general text"
MOST_ROWS = 50  # of a domain that is not trained on


@dataclass(frozen=True)
class Elsewhere:
    """The losses of rows that were not trained on, base then adapted, and what the rows are."""

    name: str
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def rise(self) -> Comparison:
        """Return by how much the loss has risen; smaller is better, below 0 nothing was forgotten."""
        sides = (Scores(self.name, "loss", side, ()) for side in (self.before, self.after))
        return compare(*sides)

    @property
    def line(self) -> str:
        """Return what a person reads."""
        rise = self.rise
        if rise.low > 0:
            verdict = "worse than the base"
        elif rise.high < 0:
            verdict = "better than the base"
        else:
            verdict = "no significant difference"
        return (
            f"{self.name}: loss {_mean(self.before):.3f} → {_mean(self.after):.3f} "
            f"({rise.difference:+.3f}, 95 % {rise.low:+.3f} … {rise.high:+.3f}) on {len(self.before)} rows, {verdict}"
        )

    def as_metrics(self) -> dict[str, JsonValue]:
        """Return what a card keeps."""
        return {
            "rows": len(self.before),
            "base": round(_mean(self.before), 5),
            "adapter": round(_mean(self.after), 5),
            "rise": self.rise.as_metrics(),
        }


def general_rows(encoder: Encoder) -> list[EncodedRow]:
    """Return short texts in English and Spanish, a sentence or a few each, that no domain is about."""
    texts = [Example((Message("assistant", text),), plain=True) for text in PASSAGES.values()]
    return [row for text in texts for row in encoder.pieces(text)]


def look_elsewhere(
    model: PeftModel, others: Mapping[str, Sequence[EncodedRow]], *, pad_id: int
) -> list[Elsewhere]:
    """Return the losses of some rows of each kind, with the adapter off and on."""
    measured = []
    for name, rows in others.items():
        after = answer_losses(model, rows[:MOST_ROWS], pad_id=pad_id)
        with model.disable_adapter():
            before = answer_losses(model, rows[:MOST_ROWS], pad_id=pad_id)
        measured.append(Elsewhere(name, tuple(before), tuple(after)))
    return measured


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
