"""The measurements behind a merge's report: base, own adapters and controls in memory, the merged model as it was written.

An own adapter is measured as it is used, its ΔW added without rounding into the base's dtype.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from adapt.evaluation.general_text import PASSAGES
from adapt.evaluation.likelihood import answer_losses, encode_answers
from adapt.evaluation.tasks import Scores, Task, run_task
from adapt.models.runtime import ModelRuntime
from adapt.protocols import Progress, no_progress
from adapt.records import Example, Message
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from merge.check.resolve import Resolved
from merge.fit.domains import Domain, Fitted
from merge.fit.fit import RowMethods
from merge.fit.swapped_model import SwappedModel, merger_of
from merge.methods.trial import Trial, one_adapter
from merge.report.geometry import analyse
from merge.report.report import DomainResult, Forgetting, Report
from merge.weights.lora_config import CONFIG
from merge.weights.plan import plan_merge

MERGED = "merged"


@dataclass(frozen=True)
class MeasuredOn:
    """What a merge is measured on and against.

    Attributes:
        domains: held-out rows, and whose they are.
        joint: an adapter's folder that was trained on all data together.
        controls: whether each adapter alone and a random one answer every domain as well.
    """

    domains: tuple[Domain, ...]
    joint: Path | None = None
    controls: bool = True


class Yardstick:
    """The base and the adapters of a recipe in memory, and their scores; what they reached once is not asked again."""

    def __init__(self, resolved: Resolved) -> None:
        """Load the base."""
        self._resolved = resolved
        self._plan = plan_merge(resolved.checkpoint, resolved.adapters, output_dtype="float32")
        self.swapped = SwappedModel(resolved.base, self._plan)

    def base(self, task: Task, progress: Progress) -> Scores:
        """Return the base's scores."""
        return run_task(self.swapped.runtime, task, progress=progress)

    def adapter(self, place: int, task: Task, progress: Progress) -> Scores:
        """Return the scores of one adapter, by its place."""
        alone = one_adapter(place, of=len(self._resolved.adapters))
        with self.swapped.merged(merger_of(self._resolved, alone)) as runtime:
            return run_task(runtime, task, progress=progress)

    def trial(
        self,
        trial: Trial,
        tasks: Sequence[Task],
        progress: Progress,
        *,
        calibration: Sequence[Domain] = (),
        fitted: Fitted | None = None,
    ) -> list[Scores]:
        """Return the scores of a merge in memory.

        Args:
            calibration: what a method on rows fits the model to.
            fitted: what that came to, where a search has done it.
        """
        if trial.spec.space == "rows":
            if fitted is not None:
                weights = fitted.weights
            else:
                methods = RowMethods(self._resolved, self.swapped, calibration)
                weights = methods.weights(trial.method, trial.terms_of(), progress=progress)
            with self.swapped.holding(weights) as runtime:
                return [run_task(runtime, task, progress=progress) for task in tasks]
        with self.swapped.merged(merger_of(self._resolved, trial)) as runtime:
            return [run_task(runtime, task, progress=progress) for task in tasks]

    def random(self, tasks: Sequence[Task], progress: Progress, *, seed: int = 0) -> list[Scores]:
        """Return the scores of a random adapter: of the adapters' ranks together, and as large as they are together."""
        draw = torch.Generator().manual_seed(seed)
        sizes = self._norms()
        weights = {}
        for tensor in self.swapped.changed:
            name = tensor.record.name
            ranks = sum(change.part.rank or 1 for change in tensor.changes)
            weights[name] = _random(self.swapped.original(name), ranks, sizes[name], draw)
        with self.swapped.holding(weights) as runtime:
            return [run_task(runtime, task, progress=progress) for task in tasks]

    def _norms(self) -> dict[str, float]:
        """Return by tensor the root of the sum of the adapters' squared norms."""
        norms: dict[str, float] = {}
        count = len(self._resolved.adapters)
        for place in range(count):
            with self.swapped.merged(merger_of(self._resolved, one_adapter(place, of=count))):
                for tensor in self.swapped.changed:
                    name = tensor.record.name
                    change = self.swapped.current(name) - self.swapped.original(name)
                    norms[name] = norms.get(name, 0.0) + float(change.float().square().sum())
        return {name: total**0.5 for name, total in norms.items()}


def _random(original: Tensor, rank: int, norm: float, draw: torch.Generator) -> Tensor:
    shape = original.shape
    if len(shape) != 2:
        change = torch.randn(shape, generator=draw)
    else:
        left = torch.randn((shape[0], rank), generator=draw)
        change = left @ torch.randn((rank, shape[1]), generator=draw)
    scaled: Tensor = change * (norm / change.norm())
    return original + scaled.to(original)


def measure(
    resolved: Resolved,
    measured_on: MeasuredOn,
    folder: Path,
    *,
    workspace: Workspace,
    weights: Trial | None = None,
    progress: Progress = no_progress,
) -> Report:
    """Return the report of a merged model's, or merged adapter's, folder.

    Args:
        weights: how it was merged; None takes the recipe's own.

    Raises:
        ModelError: the folder does not load, or the base's weights cannot be overwritten in memory.
    """
    yardstick = Yardstick(resolved)
    tasks = [domain.task for domain in measured_on.domains]
    base = [yardstick.base(task, progress) for task in tasks]
    own = [
        yardstick.adapter(domain.adapter, domain.task, progress) for domain in measured_on.domains
    ]
    before = _general(yardstick.swapped.runtime, None)
    controls = (
        _controls(yardstick, resolved, measured_on, own, progress) if measured_on.controls else {}
    )
    merged, after = _of_folder(folder, resolved, workspace, tasks, progress)
    if measured_on.joint is not None:
        runtime = yardstick.swapped.runtime
        runtime.attach("joint", measured_on.joint)
        scores = [run_task(runtime, task, adapter="joint", progress=progress) for task in tasks]
        controls["trained jointly"] = _means(scores)
    domains = tuple(
        DomainResult(resolved.adapters[d.adapter].reference, b, o, m)
        for d, b, o, m in zip(measured_on.domains, base, own, merged, strict=True)
    )
    line, is_plain = _merged_by(resolved, weights)
    return Report(
        domains,
        line,
        is_plain,
        Forgetting(before, after),
        controls,
        analyse(resolved.checkpoint, resolved.adapters, resolved.plan),
    )


def _controls(
    yardstick: Yardstick,
    resolved: Resolved,
    measured_on: MeasuredOn,
    own: Sequence[Scores],
    progress: Progress,
) -> dict[str, Mapping[str, float]]:
    """Return the random adapter's means, and those of the single adapter that is best over all domains."""
    tasks = [domain.task for domain in measured_on.domains]
    controls: dict[str, Mapping[str, float]] = {
        "random adapter": _means(yardstick.random(tasks, progress))
    }
    singles = {}
    for place, adapter in enumerate(resolved.adapters):
        scores = [
            known if domain.adapter == place else yardstick.adapter(place, domain.task, progress)
            for domain, known in zip(measured_on.domains, own, strict=True)
        ]
        singles[adapter.reference] = _means(scores)
    best = max(singles, key=lambda name: sum(singles[name].values()))
    controls[f"best single adapter, {best}"] = singles[best]
    return controls


def _of_folder(
    folder: Path,
    resolved: Resolved,
    workspace: Workspace,
    tasks: Sequence[Task],
    progress: Progress,
) -> tuple[list[Scores], tuple[float, ...]]:
    if (folder / CONFIG).is_file():
        runtime, adapter = ModelRuntime(resolved.base), MERGED
        runtime.attach(MERGED, folder)
    else:
        runtime, adapter = ModelRuntime(find_base(str(folder), workspace)), None
    scores = [run_task(runtime, task, adapter=adapter, progress=progress) for task in tasks]
    return scores, _general(runtime, adapter)


def _general(runtime: ModelRuntime, adapter: str | None) -> tuple[float, ...]:
    """Return the loss of short texts in English and Spanish that no domain is about."""
    texts = [Example((Message("assistant", text),), plain=True) for text in PASSAGES.values()]
    rows = encode_answers(runtime.tokenizer, texts, context_length=runtime.context_length)
    with runtime.active(adapter) as model:
        return answer_losses(model, rows, pad_id=int(runtime.tokenizer.pad_token_id))


def _means(scores: Sequence[Scores]) -> dict[str, float]:
    return {score.task: score.mean for score in scores}


def _merged_by(resolved: Resolved, trial: Trial | None) -> tuple[str, bool]:
    """Return how the merge was made for people, and whether all weights are 1."""
    if trial is not None:
        return trial.line, set(trial.weights) == {1.0}
    recipe = resolved.recipe
    has_weight = recipe.spec.parameter("weight") is not None
    weights = [recipe.setting("weight", f.source) if has_weight else 1.0 for f in resolved.sources]
    parts = [
        f"{entry.adapter.reference} * {weight}"
        for entry, weight in zip(resolved.sources, weights, strict=True)
    ]
    return f"{recipe.merge_method} of {', '.join(parts)}", all(weight == 1 for weight in weights)
