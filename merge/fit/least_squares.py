"""One weight fitted to rows in closed form: the sums over the rows, and the solution. Equation: `merge.fit.regmean`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from merge.fit.layers import Batch, input_of, run_layer
from merge.methods.terms import Terms


@dataclass
class FitRows:
    """A batch of one domain, how much each of its tokens counts, and the hidden states under both models."""

    batch: Batch
    counts: Tensor
    own: Tensor
    merged: Tensor


@dataclass(frozen=True)
class Sums:
    """What the rows of a domain say of one input: X·D·Xᵀ, X·D·X̂ᵀ and X·D·(Ŝ - S)ᵀ over trace D, in float64."""

    inputs: Tensor
    across: Tensor
    drift: Tensor


@dataclass(frozen=True)
class Site:
    """Where weights of one input are fitted; `silent` are weights under which a layer gives S, None where it is not used."""

    layer: nn.Module
    number: int
    module: str
    silent: Mapping[str, Tensor] | None

    def input(self, batch: Batch, hidden: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return what the weights get, of shape [tokens, features]."""
        module = self.layer.get_submodule(self.module)
        return input_of(self.layer, module, self.number, batch, hidden, weights).float()

    def stream(self, batch: Batch, hidden: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the hidden states that their output is added to, of shape [tokens, features]."""
        lent = {**weights, **(self.silent or {})}
        states = run_layer(self.layer, self.number, batch, hidden, lent)
        return states[batch.mask.bool().to(states.device)].float()


def sums_of(
    site: Site, rows: Sequence[FitRows], own: Mapping[str, Tensor], merged: Mapping[str, Tensor]
) -> Sums:
    """Return the sums of a domain's rows, under its adapter's weights and under those that are merged so far."""
    inputs = across = drift = torch.zeros((), dtype=torch.float64)
    total = 0.0
    for group in rows:
        x_own = site.input(group.batch, group.own, own)
        x = site.input(group.batch, group.merged, merged)
        counted = (x * group.counts.to(x.device)[:, None]).T
        inputs = inputs + (counted @ x).double().cpu()
        across = across + (counted @ x_own).double().cpu()
        if site.silent is not None:
            apart = site.stream(group.batch, group.own, own) - site.stream(
                group.batch, group.merged, merged
            )
            drift = drift + (counted @ apart).double().cpu()
        total += float(group.counts.sum())
    return Sums(inputs / total, across / total, drift / total)


def solve(
    sums: Sequence[Sums],
    own: Sequence[Tensor],
    base: Tensor,
    terms: Terms,
    *,
    flips: bool,
) -> Tensor:
    """Return the fitted weight in the base's shape, in float64; `flips` where it is kept as (in, out)."""
    start = (base if flips else base.T).double().cpu()
    left = torch.zeros_like(sums[0].inputs)
    right = torch.zeros_like(start)
    for domain, weight, matrix in zip(sums, terms.weights, own, strict=True):
        if weight:
            left += weight * domain.inputs
            wanted = domain.across @ (matrix if flips else matrix.T).double().cpu()
            right += weight * (wanted + domain.drift)
    rho = terms.number("ridge") * float(left.diagonal().mean())
    if rho == 0:  # no domain has a weight
        return base
    left.diagonal().add_(rho)
    right += rho * start
    fitted = torch.cholesky_solve(right, torch.linalg.cholesky(left))
    return (fitted if flips else fitted.T).contiguous()
