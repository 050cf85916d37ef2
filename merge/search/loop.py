"""The loop of a search: the next point, its losses, the best so far.

Starts that are known to be good come first, then random points, then a Gaussian process proposes (optuna's GPSampler).
References: Snoek et al. 2012, arXiv:1206.2944 (Bayesian optimisation); Akiba et al. 2019, arXiv:1907.10902 (optuna).
"""

import math
import time
import warnings
from collections.abc import Mapping, Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from pydantic import JsonValue
from torch import Tensor

from adapt.protocols import Progress
from adapt.records import ProgressEvent
from merge.methods.trial import Space
from merge.search.bench import Bench
from merge.search.journal import Journal, Line
from merge.search.outcome import SearchResult, SearchSettings

RANDOM = 8  # random points after the starts, before the sampler learns


def try_all(
    bench: Bench,
    space: Space,
    settings: SearchSettings,
    journal: Journal,
    seconds: Mapping[str, float],
    progress: Progress,
) -> tuple[SearchResult, dict[str, Tensor]]:
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
    outcome = SearchResult(
        space.trial(best.point),
        best.score,
        bench.recovered(best.losses),
        len(lines),
        resumed,
        sum(line.seconds for line in lines),
    )
    return outcome, weights


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
    distributions: dict[str, BaseDistribution] = {"method": CategoricalDistribution(space.methods)}
    for name, (low, high) in space.dimensions.items():
        distributions[name] = FloatDistribution(low, high)
    return distributions


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
    study.tell(
        trial, state=optuna.trial.TrialState.FAIL
    )  # what was measured is reported in `_tell`
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
