"""Held-out runs and what they prove: scores per example, paired bootstrap, and the table of models against tasks.

Greedy answers, so that a figure can be had again. Not here: what a task is made of (`finetune.data.datasets`).
"""

from dataclasses import dataclass

from pydantic import JsonValue

from adapt.errors import AdaptError
from adapt.evaluation.bootstrap import Comparison, bootstrap, paired
from adapt.evaluation.metrics import METRICS, choose_metric
from adapt.models.runtime import ModelRuntime
from adapt.protocols import Progress, no_progress
from adapt.records import Example, ProgressEvent


@dataclass(frozen=True)
class Task:
    """Held-out examples of one domain and the metric that judges them; unless named, the one that fits the answers."""

    name: str
    examples: tuple[Example, ...]
    metric: str = ""

    def __post_init__(self) -> None:
        """Refuse a task that could prove nothing."""
        if not self.examples:
            raise AdaptError(f"task '{self.name}' has no examples to evaluate on")
        if not self.metric:
            fitting = choose_metric([example.answer for example in self.examples])
            object.__setattr__(self, "metric", fitting)
        if self.metric not in METRICS:
            raise AdaptError(f"no metric named '{self.metric}'; there is: {', '.join(METRICS)}")


@dataclass(frozen=True)
class Scores:
    """One model's score on each example of a task, in [0, 1], and its answers."""

    task: str
    metric: str
    values: tuple[float, ...]
    outputs: tuple[str, ...]

    @property
    def mean(self) -> float:
        """Return the mean score."""
        return sum(self.values) / len(self.values)

    def as_metrics(self) -> dict[str, JsonValue]:
        """Return what a card keeps: mean, count and the 95 % bootstrap interval of the mean."""
        low, high = bootstrap(self.values)
        return {
            "metric": self.metric,
            "mean": round(self.mean, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "n": len(self.values),
        }


def compare(baseline: Scores, candidate: Scores, *, seed: int = 0) -> Comparison:
    """Return the paired bootstrap of candidate minus baseline on the same examples."""
    return paired(baseline.values, candidate.values, seed=seed)


def run_task(
    runtime: ModelRuntime,
    task: Task,
    *,
    adapter: str | None = None,
    progress: Progress = no_progress,
) -> Scores:
    """Answer every example greedily and score the answers against what the examples say.

    An answer may be a third longer than the longest expected one, so that a model that does not stop is seen and costs
    little.
    """
    tokenizer = runtime.tokenizer
    longest = max(len(tokenizer(e.answer)["input_ids"]) for e in task.examples)
    stage = f"evaluate {task.name} · {adapter or runtime.base.id}"

    def report(done: int) -> None:
        progress(ProgressEvent(stage, done, len(task.examples)))

    report(0)
    outputs = runtime.generate_batch(
        [example.prompt for example in task.examples],
        adapter=adapter,
        max_new_tokens=min(longest * 4 // 3 + 4, runtime.context_length // 2),
        on_batch=report,
    )
    judge = METRICS[task.metric]
    pairs = zip(outputs, task.examples, strict=True)
    values = tuple(judge(output, example.answer) for output, example in pairs)
    return Scores(task.name, task.metric, values, tuple(outputs))


@dataclass(frozen=True)
class Line:
    """One model's row of a scoreboard: its score on each task and its gain over the base."""

    model: str
    scores: tuple[Scores, ...]
    gains: tuple[Comparison, ...]


@dataclass(frozen=True)
class Scoreboard:
    """Models against tasks; the first line is the base, and every gain is against it."""

    tasks: tuple[str, ...]
    lines: tuple[Line, ...]

    @classmethod
    def of(cls, scores: dict[str, tuple[Scores, ...]]) -> "Scoreboard":
        """Build the table from the scores of each model, the base first."""
        base = next(iter(scores.values()))
        lines = tuple(
            Line(model, row, tuple(compare(b, s) for b, s in zip(base, row, strict=True)))
            for model, row in scores.items()
        )
        return cls(tuple(s.task for s in base), lines)

    def recovered(self, model: str, adapter: str, task: str) -> float | None:
        """Return (model - base) / (adapter - base) on a task; None where the adapter gained nothing."""
        column = self.tasks.index(task)
        by_name = {line.model: line.scores[column].mean for line in self.lines}
        gain = by_name[adapter] - self.lines[0].scores[column].mean
        return (by_name[model] - self.lines[0].scores[column].mean) / gain if gain > 0 else None

    def as_metrics(self) -> dict[str, JsonValue]:
        """Return the table as JSON: model → task → score and gain."""
        return {
            line.model: {
                task: {**scores.as_metrics(), "gain": gain.as_metrics()}
                for task, scores, gain in zip(self.tasks, line.scores, line.gains, strict=True)
            }
            for line in self.lines
        }
