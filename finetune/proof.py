"""Whether the adapter is better than its base: held-out loss and held-out answers, compared row by row."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from adapt.bases import Base
from adapt.evaluation import Comparison, Scores, Task, compare, run_task
from adapt.models import ModelRuntime
from adapt.protocols import Progress
from adapt.records import Example
from finetune.settings import SftSettings

CANDIDATE = "candidate"


@dataclass(frozen=True)
class Proof:
    """Held-out results of a base and of the adapter on it.

    Attributes:
        losses: per held-out row, mean negative log-likelihood of the answer's tokens, base then adapter.
        heldout_rows: rows that the losses are taken on; of these some are answered for the scores.
    """

    base: Scores
    adapter: Scores
    losses: tuple[tuple[float, ...], tuple[float, ...]]

    @property
    def gain(self) -> Comparison:
        """Return how much better the adapter's answers are."""
        return compare(self.base, self.adapter)

    @property
    def loss_gain(self) -> Comparison:
        """Return how much lower the adapter's loss is; larger is better."""
        before, after = (
            Scores(self.base.task, "negative loss", tuple(-x for x in side), ())
            for side in self.losses
        )
        return compare(before, after)

    @property
    def verdict(self) -> str:
        """Return one sentence for people, plain where the adapter is no better."""
        gain, loss = self.gain, self.loss_gain
        answers = (
            f"{self.base.metric} {self.base.mean:.3f} → {self.adapter.mean:.3f} "
            f"({gain.difference:+.3f}, 95 % {gain.low:+.3f} … {gain.high:+.3f}) on {len(self.base.values)} held-out rows"
        )
        losses = (
            f"held-out loss {_mean(self.losses[0]):.3f} → {_mean(self.losses[1]):.3f} "
            f"({-loss.difference:+.3f}, 95 % {-loss.high:+.3f} … {-loss.low:+.3f})"
        )
        if gain.better:
            head = "better than the base"
        elif loss.better:
            head = "lower loss than the base, but its answers are not proven better"
        else:
            head = "NOT better than the base"
        return f"{head}: {answers}; {losses}"

    def as_metrics(self) -> dict[str, JsonValue]:
        """Return what a card keeps under `heldout`."""
        return {
            "rows": len(self.losses[0]),
            "answered": len(self.base.values),
            "decoding": "greedy",
            "base": self.base.as_metrics(),
            "adapter": self.adapter.as_metrics(),
            "comparison": self.gain.as_metrics(),
            "loss": {
                "base": round(_mean(self.losses[0]), 5),
                "adapter": round(_mean(self.losses[1]), 5),
                "comparison": self.loss_gain.as_metrics(),
            },
            "better": self.gain.better,
            "verdict": self.verdict,
        }


def score(
    base: Base,
    adapter: Path,
    examples: Sequence[Example],
    *,
    settings: SftSettings,
    progress: Progress,
) -> tuple[Scores, Scores]:
    """Answer held-out prompts with the base and with the adapter and return both scores.

    At most `scored_examples` are answered, drawn by the seed: answering costs far more than reading.
    """
    chosen = list(examples)
    if len(chosen) > settings.scored_examples:
        draw = random.Random(settings.seed)  # noqa: S311  a sample, not a secret
        chosen = draw.sample(chosen, settings.scored_examples)
    task = Task("held-out", tuple(chosen), settings.metric)
    runtime = ModelRuntime(base)
    before = run_task(runtime, task, adapter=None, progress=progress)
    runtime.attach(CANDIDATE, adapter)
    return before, run_task(runtime, task, adapter=CANDIDATE, progress=progress)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
