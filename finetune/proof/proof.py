"""Whether the adapter is better than its base: held-out loss and held-out answers, compared row by row."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from adapt.evaluation.bootstrap import Comparison
from adapt.evaluation.tasks import Scores, Task, compare, run_task
from adapt.models.runtime import ModelRuntime
from adapt.protocols import Progress
from adapt.records import Example
from adapt.registry.bases.find import Base
from finetune.settings import SftSettings


@dataclass(frozen=True)
class Proof:
    """Held-out results of a base and of the adapter on it.

    Attributes:
        answers: scores of the answers to some of the held-out rows, base then adapter; None where nothing is asked, as in
            plain text.
        losses: per held-out row, mean negative log-likelihood of the answer's tokens, base then adapter.
        before: the adapter that was continued, by its reference, and its scores on the same rows.
    """

    answers: tuple[Scores, Scores] | None
    losses: tuple[tuple[float, ...], tuple[float, ...]]
    before: tuple[str, Scores] | None = None

    @property
    def gain(self) -> Comparison | None:
        """Return how much better the adapter's answers are, where there are any."""
        return compare(*self.answers) if self.answers else None

    @property
    def progress(self) -> Comparison | None:
        """Return how much better its answers are than those of the adapter that it continues."""
        return compare(self.before[1], self.answers[1]) if self.before and self.answers else None

    @property
    def loss_gain(self) -> Comparison:
        """Return how much lower the adapter's loss is; larger is better."""
        before, after = (
            Scores("held-out", "negative loss", tuple(-x for x in side), ()) for side in self.losses
        )
        return compare(before, after)

    @property
    def verdict(self) -> str:
        """Return one sentence for people, plain where the adapter is no better."""
        gain, loss = self.gain, self.loss_gain
        losses = (
            f"held-out loss {_mean(self.losses[0]):.3f} → {_mean(self.losses[1]):.3f} "
            f"({-loss.difference:+.3f}, 95 % {-loss.high:+.3f} … {-loss.low:+.3f})"
        )
        if self.answers is None or gain is None:
            head = "lower loss than the base" if loss.better else "NOT better than the base"
            return f"{head}: {losses}"
        base, adapter = self.answers
        answers = (
            f"{base.metric} {base.mean:.3f} → {adapter.mean:.3f} "
            f"({gain.difference:+.3f}, 95 % {gain.low:+.3f} … {gain.high:+.3f}) on {len(base.values)} held-out rows"
        )
        if gain.better:
            head = "better than the base"
        elif loss.better:
            head = "lower loss than the base, but its answers are not proven better"
        else:
            head = "NOT better than the base"
        since = ""
        if self.before and self.progress:
            gain = self.progress
            since = f"; against {self.before[0]} {gain.difference:+.3f} (95 % {gain.low:+.3f} … {gain.high:+.3f})"
        return f"{head}: {answers}{since}; {losses}"

    def as_metrics(self) -> dict[str, JsonValue]:
        """Return what a card keeps under `heldout`; `better` is of the answers, or of the loss where nothing is answered."""
        gain = self.gain
        answered: dict[str, JsonValue] = {"answered": 0}
        if self.answers is not None and gain is not None:
            base, adapter = self.answers
            answered = {
                "answered": len(base.values),
                "decoding": "greedy",
                "base": base.as_metrics(),
                "adapter": adapter.as_metrics(),
                "comparison": gain.as_metrics(),
            }
            if self.before and self.progress:
                answered["since"] = {
                    "adapter": self.before[0],
                    "scores": self.before[1].as_metrics(),
                    "comparison": self.progress.as_metrics(),
                }
        return {
            "rows": len(self.losses[0]),
            **answered,
            "loss": {
                "base": round(_mean(self.losses[0]), 5),
                "adapter": round(_mean(self.losses[1]), 5),
                "comparison": self.loss_gain.as_metrics(),
            },
            "better": (gain or self.loss_gain).better,
            "verdict": self.verdict,
        }


def score(
    base: Base,
    adapters: Mapping[str, Path],
    examples: Sequence[Example],
    *,
    settings: SftSettings,
    progress: Progress,
) -> list[Scores] | None:
    """Answer held-out prompts with the base, then with each adapter, and return the scores; None where there are no prompts.

    At most `scored_examples` are answered, drawn by the seed: answering costs far more than reading.
    """
    chosen = [example for example in examples if not example.plain]
    if not chosen:
        return None
    if len(chosen) > settings.scored_examples:
        draw = random.Random(settings.seed)  # noqa: S311  a sample, not a secret
        chosen = draw.sample(chosen, settings.scored_examples)
    task = Task("held-out", tuple(chosen), settings.metric or "")
    runtime = ModelRuntime(base)
    scores = [run_task(runtime, task, adapter=None, progress=progress)]
    for name, path in adapters.items():
        runtime.attach(name, path)
        scores.append(run_task(runtime, task, adapter=name, progress=progress))
    return scores


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
