"""The methods that fit a model to rows of each adapter's domain: `regmean`, and `distill` that goes on from it."""

from collections.abc import Sequence

from torch import Tensor

from adapt.protocols import Progress, no_progress
from merge.check.resolve import Resolved
from merge.fit.distill import Distiller
from merge.fit.domains import Domain
from merge.fit.regmean import Fitter
from merge.fit.swapped_model import SwappedModel
from merge.methods.terms import TermsOf


class RowMethods:
    """What several merges with the same rows share is made once: the rows as tokens, what the adapters say of them."""

    def __init__(
        self, resolved: Resolved, swapped: SwappedModel, domains: Sequence[Domain]
    ) -> None:
        """Take rows of each adapter's domain.

        Raises:
            RecipeError: an adapter has no rows.
            ModelError: an adapter changes what is no linear map within a layer.
        """
        self._resolved, self._swapped, self._domains = resolved, swapped, domains
        self._fitter = Fitter(resolved, swapped, domains)
        self._distiller: Distiller | None = None
        self._last: tuple[object, dict[str, Tensor]] | None = None

    def weights(
        self, method: str, terms: TermsOf, *, progress: Progress = no_progress
    ) -> dict[str, Tensor]:
        """Return the merged weights by name, rounded to the output's dtype; the same for the same rows and terms."""
        fitted = self._fitted(terms, progress)
        if method != "distill":
            return fitted
        if self._distiller is None:
            self._distiller = Distiller(self._resolved, self._swapped, self._domains)
        return self._distiller.weights(fitted, terms, progress=progress)

    def _fitted(self, terms: TermsOf, progress: Progress) -> dict[str, Tensor]:
        """Return what regmean finds; the last is kept, since a search distils from what it has just tried."""
        every = [terms(tensor.record.name) for tensor in self._swapped.changed]
        asked = [(of_tensor.weights, of_tensor.number("ridge")) for of_tensor in every]
        if self._last is None or self._last[0] != asked:
            self._last = asked, self._fitter.weights(terms, progress=progress)
        return self._last[1]


def fit(
    resolved: Resolved,
    domains: Sequence[Domain],
    *,
    terms: TermsOf,
    progress: Progress = no_progress,
) -> dict[str, Tensor]:
    """Return a recipe's merged weights by name, fitted to rows of the domains; loads the base for it.

    Raises:
        RecipeError: an adapter has no rows.
        ModelError: an adapter changes what is no linear map within a layer, the base's layers are no plain chain, or a
            distillation came to no number.
    """
    swapped = SwappedModel(resolved.base, resolved.plan)
    try:
        methods = RowMethods(resolved, swapped, domains)
        return methods.weights(resolved.recipe.merge_method, terms, progress=progress)
    finally:
        swapped.close()
