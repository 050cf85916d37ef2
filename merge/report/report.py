"""What a merge is worth: per domain the base, the domain's own adapter and the merged model on the same held-out rows.

The first line is the verdict, and the advice follows from the figures: merge, merge with these weights, or do not merge
but route each message to its adapter.
Not here: how it is measured (`merge.report.measure`), the geometry of the adapters (`merge.report.geometry`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from pydantic import JsonValue

from adapt.evaluation.bootstrap import Comparison
from adapt.evaluation.tasks import Scores, compare
from merge.report.geometry import Analysis
from merge.report.recovered import Rows, Share, mean_recovered, recovered

FILE = "report.json"  # beside the merged weights
# Of each adapter's gain a merge must keep so much. Two adapters that answer one question differently can keep half each, and
# good merges of unrelated ones keep three quarters (Core Space 76 %, KnOTS 68 %): the line lies between.
KEPT = 2 / 3


class Advice(Enum):
    """What to do with the adapters."""

    MERGE = "merge"
    MERGE_WEIGHTED = "merge with these weights"
    ROUTE = "do not merge: route"


@dataclass(frozen=True)
class DomainResult:
    """One domain's held-out rows, answered by three models."""

    adapter: str
    base: Scores
    own: Scores
    merged: Scores

    @property
    def name(self) -> str:
        """Return the domain."""
        return self.base.task

    @property
    def rows(self) -> Rows:
        """Return the scores row by row."""
        return self.base.values, self.own.values, self.merged.values

    @property
    def change(self) -> Comparison:
        """Return how much better than the base the merged model is."""
        return compare(self.base, self.merged)

    @property
    def is_worse(self) -> bool:
        """Return whether the merged model scores below the base at all, significantly or not."""
        return self.change.difference < 0

    @property
    def gained(self) -> bool:
        """Return whether the own adapter is significantly better than the base, so that there is something to keep."""
        return compare(self.base, self.own).better

    @property
    def recovered(self) -> Share | None:
        """Return (merged - base) / (own - base); None where the own adapter's gain is not significant."""
        return recovered(self.rows) if self.gained else None

    @property
    def retention(self) -> float | None:
        """Return merged / own; None where the own adapter scores nothing."""
        return self.merged.mean / self.own.mean if self.own.mean else None

    @property
    def is_kept(self) -> bool:
        """Return whether the merge leaves this domain well: not below the base, and with most of a proven gain."""
        share = self.recovered
        return not self.is_worse and (share is None or share.value >= KEPT)

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for cards and scripts."""
        share, retention = self.recovered, self.retention
        return {
            "adapter": self.adapter,
            "base": self.base.as_metrics(),
            "own": self.own.as_metrics(),
            "merged": self.merged.as_metrics(),
            "change": self.change.as_metrics(),
            "retention": None if retention is None else round(retention, 4),
            "gain_recovered": None if share is None else share.as_json(),
        }


@dataclass(frozen=True)
class Forgetting:
    """Loss on general text, row by row, in nats per token: base and merged."""

    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def rise(self) -> Comparison:
        """Return by how much the loss has risen; smaller is better."""
        sides = (Scores("general text", "loss", side, ()) for side in (self.before, self.after))
        return compare(*sides)

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for cards and scripts."""
        before, after = (sum(side) / len(side) for side in (self.before, self.after))
        return {
            "rows": len(self.before),
            "base": round(before, 4),
            "merged": round(after, 4),
            "rise": self.rise.as_metrics(),
        }


@dataclass(frozen=True)
class Report:
    """All that is known of a merge.

    Attributes:
        weights: how it was merged, for people.
        is_plain: whether every adapter has the weight 1, so that nothing was chosen.
        controls: mean score by domain of what the merge is compared with: a random adapter, the best single one, …
    """

    domains: tuple[DomainResult, ...]
    weights: str
    is_plain: bool
    forgetting: Forgetting | None = None
    controls: Mapping[str, Mapping[str, float]] | None = None
    analysis: Analysis | None = None

    @property
    def worse_than_base(self) -> list[str]:
        """Return the domains on which the merged model scores below the base."""
        return [domain.name for domain in self.domains if domain.is_worse]

    @property
    def mean_recovered(self) -> Share | None:
        """Return the mean gain recovered over the domains with a proven gain; None where there is none."""
        proven = [domain.rows for domain in self.domains if domain.gained]
        return mean_recovered(proven) if proven else None

    @property
    def advice(self) -> Advice:
        """Return what to do."""
        return advise(self.domains, is_plain=self.is_plain)

    @property
    def verdict(self) -> str:
        """Return the first line."""
        share = self.mean_recovered
        kept = (
            f"keeps {share.text} of what the adapters gained"
            if share
            else "no adapter's gain is significant"
        )
        if self.worse_than_base:
            return f"WORSE than the base on {_worse_in_words(self.domains)}; {kept}"
        return f"not below the base on any of {len(self.domains)} domains; {kept}"

    @property
    def advice_line(self) -> str:
        """Return the advice with its reason."""
        advice = self.advice
        if advice is Advice.ROUTE:
            short = [domain.name for domain in self.domains if not domain.is_kept]
            why = (
                f"less than two thirds of the gain is left on {', '.join(short)}"
                if short
                else "no adapter is significantly better than the base"
            )
            return f"{advice.value} ({why}; weights chosen by a search may keep more)"
        return (
            f"{advice.value}: {self.weights}"
            if advice is Advice.MERGE_WEIGHTED
            else f"{advice.value}"
        )

    def as_metrics(self) -> dict[str, JsonValue]:
        """Return what a card keeps; `worse_than_base` is what the registry's gate reads."""
        return {
            "worse_than_base": [*self.worse_than_base],
            "tasks": {domain.name: domain.merged.as_metrics() for domain in self.domains},
            "merge_report": self.as_json(),
        }

    def as_json(self) -> dict[str, JsonValue]:
        """Return the whole report."""
        share = self.mean_recovered
        controls: dict[str, JsonValue] = {
            name: {domain: round(mean, 4) for domain, mean in scores.items()}
            for name, scores in (self.controls or {}).items()
        }
        return {
            "verdict": self.verdict,
            "advice": self.advice.value,
            "advice_line": self.advice_line,
            "merged_by": self.weights,
            "mean_gain_recovered": share.as_json() if share else None,
            "domains": {domain.name: domain.as_json() for domain in self.domains},
            "general_text": self.forgetting.as_json() if self.forgetting else None,
            "controls": controls,
            "analysis": self.analysis.as_json() if self.analysis else None,
        }


def advise(domains: Sequence[DomainResult], *, is_plain: bool) -> Advice:
    """Return what to do with adapters of whose merge this was measured."""
    if not any(domain.gained for domain in domains) or not all(d.is_kept for d in domains):
        return Advice.ROUTE
    return Advice.MERGE if is_plain else Advice.MERGE_WEIGHTED


def _worse_in_words(domains: Sequence[DomainResult]) -> str:
    parts = []
    for domain in domains:
        if domain.is_worse:
            change = domain.change
            sure = "significant" if change.high < 0 else "perhaps by chance"
            parts.append(
                f"{domain.name} ({domain.base.mean:.3f} → {domain.merged.mean:.3f}, {sure})"
            )
    return ", ".join(parts)
