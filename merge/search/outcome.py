"""How long a search may take and among what, and what it found."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import Field, JsonValue

from adapt.workspace.settings import Settings
from merge.fit.domains import Fitted
from merge.methods.trial import Trial


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
class SearchResult:
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
