"""Whether to merge at all, found out on validation rows before anything is written.

Plain weights are tried first, then a short search; where neither keeps enough of each gain, a router keeps all of it.
What the geometry of the adapters (`merge.report.geometry`) is no ground for advice: adapters that contradict each other
may lie at right angles, and adapters that go together may share a direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from adapt.protocols import Progress, no_progress
from adapt.workspace.folder import Workspace
from merge.check.resolve import Resolved
from merge.fit.domains import Domain, Fitted
from merge.methods.trial import Trial
from merge.report.measure import Yardstick
from merge.report.report import Advice, DomainResult, advise
from merge.search.candidates import rows_of
from merge.search.outcome import SearchSettings
from merge.search.search import search


@dataclass(frozen=True)
class Advised:
    """What to do, the merge that it rests on, and what that merge reached."""

    advice: Advice
    trial: Trial
    domains: tuple[DomainResult, ...]

    @property
    def line(self) -> str:
        """Return it for people."""
        short = [domain.name for domain in self.domains if not domain.is_kept]
        if self.advice is Advice.ROUTE and short:
            return f"{self.advice.value} (no weights tried keep two thirds of the gain on {', '.join(short)})"
        if self.advice is Advice.ROUTE:
            return f"{self.advice.value} (no adapter is significantly better than the base)"
        return f"{self.advice.value}: {self.trial.line}"

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for scripts."""
        return {
            "advice": self.advice.value,
            "line": self.line,
            "merge": self.trial.line,
            "domains": {domain.name: domain.as_json() for domain in self.domains},
        }


def find_advice(
    resolved: Resolved,
    domains: Sequence[Domain],
    settings: SearchSettings,
    *,
    workspace: Workspace,
    calibration: Sequence[Domain] = (),
    progress: Progress = no_progress,
) -> Advised:
    """Return what to do with a recipe's adapters, from answers to validation rows.

    Args:
        calibration: as of `merge.search.search.search`; no row that a model was fitted to is asked here.

    Raises:
        AdaptError: as `merge.search.search.search`.
    """
    fitted, domains = rows_of(resolved, domains, calibration, settings.methods)
    yardstick = Yardstick(resolved)
    tasks = [domain.task for domain in domains]
    base = [yardstick.base(task, progress) for task in tasks]
    own = [yardstick.adapter(d.adapter, d.task, progress) for d in domains]
    plain = Trial("task_arithmetic", (1.0,) * len(resolved.adapters), {})

    def results(trial: Trial, known: Fitted | None = None) -> tuple[DomainResult, ...]:
        merged = yardstick.trial(trial, tasks, progress, calibration=fitted, fitted=known)
        return tuple(
            DomainResult(resolved.adapters[d.adapter].reference, b, o, m)
            for d, b, o, m in zip(domains, base, own, merged, strict=True)
        )

    measured = results(plain)
    advice = advise(measured, is_plain=True)
    if advice is Advice.MERGE or not any(domain.gained for domain in measured):
        return Advised(advice, plain, measured)
    best = search(
        resolved, domains, settings, workspace=workspace, calibration=fitted, progress=progress
    )
    measured = results(best.trial, best.fitted)
    return Advised(advise(measured, is_plain=False), best.trial, measured)
