"""The bytes of one weight of the merged model, computed when they are asked for.

Weights that no adapter changes are the base's bytes. Weighted sums are computed in fp64, some rows at a time, so that
the rounding into the output dtype is the only one even where W and ΔW cancel. Methods that need every ΔW at once (TIES)
work in fp32, in fp64 where the output is fp32.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from adapt.errors import ModelError
from merge.adapters import Adapter
from merge.checkpoint import Checkpoint
from merge.deltas import DTYPES, delta, factors, read_tensor
from merge.methods import LINEAR, METHODS
from merge.plan import Change, OutputTensor
from merge.terms import Terms, TermsOf

BLOCK = 1 << 17  # entries computed at once: 1 MB of fp64, which stays in the processor's cache


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread inside, and give it its threads back after.

    The work is bound by memory: on 138M weights with two cores shared with other programs, two threads that wait for
    each other in every small product took 14 s of processor time, one took 1.3 s. And the bytes do not depend on it.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TensorMerger:
    """Computes the weights of one merge: a base, adapters, a method and its parameters."""

    def __init__(
        self, checkpoint: Checkpoint, adapters: Sequence[Adapter], *, method: str, terms: TermsOf
    ) -> None:
        """Keep what is merged; `terms` gives a tensor's values, one weight per adapter, in order."""
        self.checkpoint = checkpoint
        self._adapters = adapters
        self._method = method
        self._terms = terms

    def pieces(self, tensor: OutputTensor) -> Iterator[bytes]:
        """Yield the bytes of one tensor of the output, in order.

        Raises:
            ModelError: a value is not finite, though the base's weight is; or a source file was changed.
        """
        file = self.checkpoint.home[tensor.origin]
        terms = self._terms(tensor.record.name)
        changes = _active(tensor, terms)
        if not changes and tensor.record.dtype == file.tensors[tensor.origin].dtype:
            yield from file.chunks(tensor.origin)
            return
        base = read_tensor(file, tensor.origin)
        out_dtype = DTYPES[tensor.record.dtype]
        if not changes:
            blocks: Iterator[Tensor] = iter(torch.split(base.reshape(-1), BLOCK))
        elif self._method in LINEAR:
            blocks = self._weighted_sum(base, changes, LINEAR[self._method](terms))
        else:
            blocks = self._combined(base, changes, terms, out_dtype=out_dtype)
        was_finite = bool(torch.isfinite(base).all())
        for block in blocks:
            rounded = block.to(out_dtype)
            if was_finite and not torch.isfinite(rounded).all():
                raise ModelError(
                    f"{tensor.record.name}: the merged weight is beyond the range of {tensor.record.dtype}; "
                    "use smaller weights, or dtype: bfloat16"
                )
            yield rounded.reshape(-1).view(torch.uint8).numpy().tobytes()

    def _weighted_sum(
        self, base: Tensor, changes: Sequence[Change], coefficients: Sequence[float]
    ) -> Iterator[Tensor]:
        """Yield W + Σ cᵢ·ΔWᵢ in fp64, by blocks of rows where every ΔW is a plain product."""
        scaled = [(self._adapters[c.source], c.part, coefficients[c.source]) for c in changes]
        if any(part.needs_base or not part.a for _, part, _ in scaled):
            weight = base.double()
            total = weight.clone()
            for adapter, part, coefficient in scaled:
                total.add_(delta(adapter, part, weight), alpha=coefficient)
            yield total
            return
        products = [
            (*factors(adapter, part, dtype=torch.float64), coefficient * part.scaling)
            for adapter, part, coefficient in scaled
        ]
        rows = max(1, BLOCK // max(1, base.shape[1]))
        for start in range(0, base.shape[0], rows):
            total = base[start : start + rows].double()
            for left, right, factor in products:
                total.addmm_(left[start : start + rows], right, alpha=factor)
            yield total

    def _combined(
        self, base: Tensor, changes: Sequence[Change], terms: Terms, *, out_dtype: torch.dtype
    ) -> Iterator[Tensor]:
        """Yield W + the method's ΔW, in one block."""
        is_wide = torch.float64 in (out_dtype, base.dtype) or out_dtype == torch.float32
        weight = base.to(torch.float64 if is_wide else torch.float32)
        deltas = [delta(self._adapters[c.source], c.part, weight) for c in changes]
        yield weight + METHODS[self._method](
            deltas, terms.only([change.source for change in changes])
        )


def _active(tensor: OutputTensor, terms: Terms) -> list[Change]:
    """Return the changes that count: with weight 0 the base's bytes stay as they are, the sign of -0 included."""
    if terms.number("lambda") == 0:
        return []
    return [change for change in tensor.changes if terms.weights[change.source] != 0]
