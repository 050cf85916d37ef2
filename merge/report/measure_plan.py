"""`MeasurePlan`: what a merge is measured on, and chosen by; imports nothing heavy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapt.evaluation.tasks import Task
    from merge.search.outcome import SearchSettings


@dataclass(frozen=True)
class MeasurePlan:
    """What a merge is measured on, and chosen by.

    Attributes:
        tests: held-out rows of a domain each; a task is its adapter's where it has the adapter's name.
        validation: rows that a search may see; none of them may be among the tests.
        search: how long to search, among what; None merges as the recipe says.
        joint: an adapter trained on all data together, by reference, as a control.
        controls: whether each single adapter and a random one are measured on all domains as well.
        calibration: rows that a method on rows fits the model to; a search without them takes half of the validation rows.
    """

    tests: "Sequence[Task]" = ()
    validation: "Sequence[Task]" = ()
    search: "SearchSettings | None" = None
    joint: str = ""
    controls: bool = True
    calibration: "Sequence[Task]" = ()

    def over(self, other: "MeasurePlan") -> "MeasurePlan":
        """Return both together; what is given here goes before what the other says."""
        return MeasurePlan(
            self.tests or other.tests,
            self.validation or other.validation,
            self.search or other.search,
            self.joint or other.joint,
            self.controls,
            self.calibration or other.calibration,
        )
