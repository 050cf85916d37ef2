"""The bench on which a search tries merges: validation rows as tokens, a model in memory, and the reference losses.

The loss of a row is 1 - exp(mean log-likelihood of its answer's tokens), in [0, 1]: how far the model is from sure of the
answer. In nats a merge that gives an answer one chance in four has 85 % of the gain of an adapter that has learned it (7.6
to 0.3 on intents), and gets hardly one right.

Not here: what is tried, and in which order (`merge.search.search`).
"""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from adapt.errors import AdaptError
from adapt.evaluation.likelihood import AnswerRow, answer_losses, encode_answers
from adapt.protocols import Progress
from adapt.records import ProgressEvent
from merge.check.resolve import Resolved
from merge.fit.domains import Domain
from merge.fit.fit import RowMethods
from merge.fit.swapped_model import SwappedModel, merger_of
from merge.methods.trial import Trial, one_adapter
from merge.write.tensor import TensorMerger

LEAST_GAIN = 1e-3  # an adapter that gained less on its own validation rows has no share to keep


class Bench:
    """The model in memory, the validation rows as tokens, and what base and adapters reach on them."""

    def __init__(
        self,
        resolved: Resolved,
        domains: Sequence[Domain],
        *,
        calibration: Sequence[Domain] = (),
        progress: Progress,
    ) -> None:
        """Load the base and take the reference losses.

        Args:
            domains: the rows that trials are judged by.
            calibration: the rows that methods on rows fit the model to; none where no such method is tried.
        """
        self._resolved = resolved
        self._domains = domains
        self.swapped = SwappedModel(resolved.base, resolved.plan)
        runtime = self.swapped.runtime
        self._rows: dict[str, list[AnswerRow]] = {
            domain.task.name: encode_answers(
                runtime.tokenizer, domain.task.examples, context_length=runtime.context_length
            )
            for domain in domains
        }
        progress(ProgressEvent("search", detail="base and adapters on the validation rows"))
        self._progress = progress
        self.fitted: dict[str, Tensor] = {}  # the last trial's weights, where it was fitted to rows
        self._on_rows = RowMethods(resolved, self.swapped, calibration) if calibration else None
        self.base = self._losses()
        count = len(resolved.adapters)
        self.own: dict[str, float] = {}
        for domain in domains:
            name = domain.task.name
            alone = one_adapter(domain.adapter, of=count)
            self.own[name] = self.losses(alone, only=name)[name]

    def losses(self, trial: Trial, *, only: str = "") -> dict[str, float]:
        """Return the mean loss of the answers by domain, in [0, 1], under a merge."""
        self.fitted = self._fitted(trial) if trial.spec.space == "rows" else {}
        if self.fitted:
            with self.swapped.holding(self.fitted):
                return self._losses(only)
        with self.swapped.merged(self.merger(trial)):
            return self._losses(only)

    def _fitted(self, trial: Trial) -> dict[str, Tensor]:
        if self._on_rows is None:
            raise ValueError(f"{trial.method} without rows")
        return self._on_rows.weights(trial.method, trial.terms_of(), progress=self._progress)

    def merger(self, trial: Trial) -> TensorMerger:
        """Return what computes a trial's weights."""
        return merger_of(self._resolved, trial)

    def recovered(self, losses: Mapping[str, float]) -> dict[str, float | None]:
        """Return the gain recovered by domain; None where the adapter itself gained nothing."""
        shares: dict[str, float | None] = {}
        for name, loss in losses.items():
            gain = self.base[name] - self.own[name]
            shares[name] = (self.base[name] - loss) / gain if gain > LEAST_GAIN else None
        return shares

    def score(self, losses: Mapping[str, float]) -> float:
        """Return the mean gain recovered; a domain without a gain counts by what it loses.

        Raises:
            AdaptError: no domain has a gain.
        """
        shares = self.recovered(losses)
        if all(share is None for share in shares.values()):
            raise AdaptError(
                "no adapter is better than the base on its validation rows, so there is no gain that a merge could "
                "keep; train longer, or check that each file belongs to its adapter"
            )
        values = [
            min(0.0, self.base[name] - losses[name]) if share is None else share
            for name, share in shares.items()
        ]
        return sum(values) / len(values)

    def close(self) -> None:
        """Give the model back as it was loaded."""
        self.swapped.close()

    def _losses(self, only: str = "") -> dict[str, float]:
        pad = int(self.swapped.runtime.tokenizer.pad_token_id)
        by_domain = {}
        for name, rows in self._rows.items():
            if only in ("", name):
                losses = answer_losses(self.swapped.model, rows, pad_id=pad)
                by_domain[name] = sum(1 - math.exp(-loss) for loss in losses) / len(losses)
        return by_domain
