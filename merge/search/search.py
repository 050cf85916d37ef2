"""Search: the method, the weights and the densities with which a merge keeps most of what its adapters gained.

Each trial overwrites the base's weights in memory and takes the loss of the wanted answers on every domain's
validation rows. Its score is the mean over the domains of the gain recovered, (base - merged) / (base - adapter) of those
losses (`merge.search.bench`): smooth, where right answers on a few hundred rows jump. Starts that are known to be good
come first, then random points, then a Gaussian process proposes (optuna's GPSampler). No test row is read here.

References: Snoek et al. 2012, arXiv:1206.2944 (Bayesian optimisation); Akiba et al. 2019, arXiv:1907.10902 (optuna).
"""

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from pydantic import Field, JsonValue
from torch import Tensor

from adapt.errors import RecipeError
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.workspace.folder import Workspace
from adapt.workspace.settings import Settings
from merge.check.resolve import Resolved
from merge.fit.domains import Domain, Fitted, fingerprint
from merge.methods.spec import Value
from merge.methods.trial import Space, Trial, known_methods
from merge.search.bench import Bench
from merge.search.candidates import METHODS, fit_seconds, rows_of, worth_fitting
from merge.search.journal import Journal, Line, open_journal
from merge.write.source_stamps import files_of

RANDOM = 8  # random points after the starts, before the sampler learns
ONCE = ("distill",)  # unasked, these are tried once: each trial takes minutes


class SearchSettings(Settings):
    """Section `search` of a recipe: how long, among what.

    Attributes:
        methods: to choose from; none leaves it to `merge.search.candidates`.
    """

    minutes: float | None = Field(10.0, gt=0)
    trials: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0)
    methods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """The best merge that was tried.

    Attributes:
        score: mean gain recovered over the domains.
        recovered: gain recovered by domain; None where its own adapter gained nothing.
        resumed: how many of the trials were found finished.
        fitted: the best merge's weights, where it was fitted to rows and tried in this call.
    """

    trial: Trial
    score: float
    recovered: Mapping[str, float | None]
    trials: int
    resumed: int
    seconds: float
    fitted: Fitted | None = field(default=None, repr=False)

    def as_metrics(self) -> dict[str, JsonValue]:
        """Return what a card keeps."""
        shares: dict[str, JsonValue] = {
            name: None if share is None else round(share, 4)
            for name, share in self.recovered.items()
        }
        return {
            "best": self.trial.line,
            "validation_gain_recovered": round(self.score, 4),
            "by_domain": shares,
            "trials": self.trials,
            "seconds": round(self.seconds, 1),
        }


def search(  # noqa: PLR0913  the rows to judge by and to fit to are two things
    resolved: Resolved,
    domains: Sequence[Domain],
    settings: SearchSettings,
    *,
    workspace: Workspace,
    calibration: Sequence[Domain] = (),
    fixed: Mapping[str, Value] | None = None,
    progress: Progress = no_progress,
) -> Found:
    """Return the best merge of a recipe's adapters within the budget; going on with what an earlier call finished.

    Args:
        domains: rows that trials are judged by.
        calibration: rows that methods on rows fit the model to; where there are none, every other row of `domains` is
            taken for it, and trials are judged by the rest.
        fixed: values of the whole merge that are not searched.

    Raises:
        RecipeError: a method is unknown or not for so many adapters, or there is neither a limit of minutes nor of trials.
        AdaptError: no adapter is better than the base on its validation rows, so there is nothing to keep.
    """
    fitted, judged = rows_of(resolved, domains, calibration, settings.methods)
    methods = settings.methods
    once: tuple[str, ...] = ()
    if not methods:
        unasked = worth_fitting(resolved, fitted) if fitted else []
        once = tuple(m for m in unasked if m in ONCE)
        methods = (*METHODS, *(m for m in unasked if m not in ONCE))
    _check(resolved, domains, settings, methods)
    space = Space(methods, len(resolved.adapters), fixed or {}, once)
    seconds = {method: fit_seconds(resolved, fitted, method) for method in once}
    base, adapters = resolved.base.sha256, files_of(resolved)
    journal = open_journal(workspace, _conditions(resolved, judged, fitted, settings, space))
    with workspace.lock(f"search-{journal.path.stem}", timeout_seconds=1):
        bench = Bench(resolved, judged, calibration=fitted, progress=progress)
        try:
            found, weights = _run(bench, space, settings, journal, seconds, progress)
            return replace(found, fitted=Fitted(weights, base, adapters)) if weights else found
        finally:
            bench.close()


def _run(
    bench: Bench,
    space: Space,
    settings: SearchSettings,
    journal: Journal,
    seconds: Mapping[str, float],
    progress: Progress,
) -> tuple[Found, dict[str, Tensor]]:
    """Return the best merge, and its weights where they were fitted to rows and tried in this call."""
    lines = journal.lines()
    resumed = len(lines)
    weights: dict[str, Tensor] = {}
    study = _study()
    for line in lines:
        _tell(study, space, line)
    while not _is_spent(lines, settings):
        number = len(lines)
        started = time.monotonic()
        point = next_start(space, lines, settings, seconds)
        if point is None:
            point = _propose(study, space, number, seed=settings.seed)
        trial = space.trial(point)
        losses = bench.losses(trial)
        line = Line(
            number=number,
            point={name: value for name, value in point.items()},  # noqa: C416  JSON's types
            losses=losses,
            score=bench.score(losses),
            seconds=time.monotonic() - started,
        )
        journal.add(line)
        _tell(study, space, line)
        lines.append(line)
        if _best(lines) is line:
            weights = bench.fitted
        _report(lines, space, settings, progress)
    best = _best(lines)
    found = Found(
        space.trial(best.point),
        best.score,
        bench.recovered(best.losses),
        len(lines),
        resumed,
        sum(line.seconds for line in lines),
    )
    return found, weights


def _best(lines: Sequence[Line]) -> Line:
    return max(lines, key=lambda line: (line.score, -line.number))


def _is_spent(lines: Sequence[Line], settings: SearchSettings) -> bool:
    """Return whether minutes or trials are used up, those of earlier calls counted; one trial is always made."""
    spent = sum(line.seconds for line in lines)
    over_time = settings.minutes is not None and spent >= 60 * settings.minutes
    over_trials = settings.trials is not None and len(lines) >= settings.trials
    return bool(lines) and (over_time or over_trials)


def _study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize")


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    found: dict[str, BaseDistribution] = {"method": CategoricalDistribution(space.methods)}
    for name, (low, high) in space.dimensions.items():
        found[name] = FloatDistribution(low, high)
    return found


def next_start(
    space: Space, lines: Sequence[Line], settings: SearchSettings, seconds: Mapping[str, float]
) -> dict[str, JsonValue] | None:
    """Return the next point to begin with, none where all were tried; what is tried once waits for minutes enough.

    Args:
        seconds: how long each method that is tried once takes by estimate.
    """
    tried = [line.point for line in lines]
    left = math.inf
    if settings.minutes is not None:
        left = 60 * settings.minutes - sum(line.seconds for line in lines)
    for start in space.starts():
        if start not in tried and seconds.get(str(start["method"]), 0.0) <= left:
            return dict(start)  # type: ignore[arg-type]  # names and floats
    return None


def _propose(study: optuna.Study, space: Space, number: int, *, seed: int) -> dict[str, JsonValue]:
    """Return the next point; it depends on the seed and the finished trials alone, so a resumed search asks the same."""
    starts = space.starts()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = optuna.samplers.GPSampler(
            seed=seed + number,
            n_startup_trials=len(starts) + RANDOM,
            deterministic_objective=True,
        )
    trial = study.ask(_distributions(space))
    study.tell(trial, state=optuna.trial.TrialState.FAIL)  # what was measured is told in `_tell`
    return dict(trial.params)


def _tell(study: optuna.Study, space: Space, line: Line) -> None:
    if line.point["method"] in space.once:
        return  # not among what is proposed
    study.add_trial(
        optuna.trial.create_trial(
            params=dict(line.point), distributions=_distributions(space), value=line.score
        )
    )


def _report(
    lines: Sequence[Line], space: Space, settings: SearchSettings, progress: Progress
) -> None:
    best = _best(lines)
    done: float = len(lines)
    total: float | None = settings.trials
    if total is None:
        done, total = sum(line.seconds for line in lines) / 60, settings.minutes
    progress(
        ProgressEvent(
            "search",
            min(done, total or done),
            total,
            f"{len(lines)} tried, best {100 * best.score:.1f} %: {space.trial(best.point).line}",
            {"score": lines[-1].score, "best": best.score},
        )
    )


def _check(
    resolved: Resolved,
    domains: Sequence[Domain],
    settings: SearchSettings,
    methods: Sequence[str],
) -> None:
    if settings.minutes is None and settings.trials is None:
        raise RecipeError("search: give minutes, trials or both, or it never ends")
    unknown = known_methods(methods)
    if unknown:
        raise RecipeError(f"search.methods: there is no method '{unknown[0]}'")
    if not domains:
        raise RecipeError("search.validation: name a file for at least one domain")
    count = len(resolved.adapters)
    for name in methods:
        spec = Trial(name, (), {}).spec
        if count < spec.fewest or (spec.most is not None and count > spec.most):
            raise RecipeError(f"search.methods: {name} is not for {count} adapters")


def _conditions(
    resolved: Resolved,
    judged: Sequence[Domain],
    fitted: Sequence[Domain],
    settings: SearchSettings,
    space: Space,
) -> dict[str, JsonValue]:
    """Return all that a trial's result depends on; the budget is not among it."""
    known: list[JsonValue] = [[d.adapter, fingerprint(d.task.examples)] for d in fitted]
    return {
        "objective": "likelihood per token",
        "base": resolved.base.sha256,
        "adapters": [list(files) for files in files_of(resolved)],
        "dtype": resolved.recipe.output_dtype,
        "domains": [[d.task.name, d.adapter, fingerprint(d.task.examples)] for d in judged],
        **({"calibration": known} if known else {}),
        "methods": [*space.methods, *space.once],
        "seed": settings.seed,
        "fixed": dict(space.fixed),
    }
