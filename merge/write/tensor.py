"""The bytes of one weight of the merged model, computed when they are asked for.

Weights that no adapter changes are the base's bytes. Methods that work entry by entry are computed some rows at a time,
in float32 where the output is bfloat16 (and again in float64 where that would show), else in float64, so that the
rounding into the output dtype is the only one that counts even where W and ΔW cancel. Methods that need whole matrices
are `merge.write.whole_tensor`, imported only for them: the import of torch takes longer than merging a small model.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from adapt.errors import ModelError
from merge.methods.catalogue import SPECS
from merge.methods.entrywise import merge_entries, needs_float64
from merge.methods.terms import Terms, TermsOf
from merge.weights.adapters import Adapter
from merge.weights.checkpoint import Checkpoint
from merge.weights.delta_blocks import DeltaRows, StoredRows
from merge.weights.floats import LIMITS, Array, encode
from merge.weights.plan import Change, OutputTensor

if TYPE_CHECKING:
    from torch import Tensor


def keep_freed_memory() -> None:
    """Let this process reuse the memory of a block's arrays instead of giving it back and asking for it again.

    glibc maps pages for each array above a limit, which half of the time went into; it raises the limit to the largest
    array that was ever freed. Elsewhere this does nothing.
    """
    np.empty(1 << 24, np.uint8)


class TensorMerger:
    """Computes the weights of one merge: a base, adapters, a method and its parameters.

    Several threads may ask for different tensors at once.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        adapters: Sequence[Adapter],
        *,
        method: str,
        terms: TermsOf,
        fitted: Mapping[str, Array] | None = None,
    ) -> None:
        """Keep what is merged.

        Args:
            terms: gives a tensor's values, one weight per adapter, in order.
            fitted: merged weights that are known, by name, of their shape; a method on rows has them all.
        """
        self.checkpoint = checkpoint
        self.adapters = adapters
        self.method = method
        self.terms = terms
        self._fitted = fitted or {}
        keep_freed_memory()

    def is_copy(self, tensor: OutputTensor) -> bool:
        """Return whether the merged weight is the base's, byte for byte."""
        same = tensor.record.dtype == self.checkpoint.record(tensor.origin).dtype
        return same and not self.changes(tensor) and tensor.record.name not in self._fitted

    def changes(self, tensor: OutputTensor) -> list[Change]:
        """Return the changes that count: with weight 0 the base's bytes stay as they are, the sign of -0 included."""
        terms = self.terms(tensor.record.name)
        if terms.number("lambda") == 0:
            return []
        return [change for change in tensor.changes if terms.weights[change.source] != 0]

    @property
    def is_whole(self) -> bool:
        """Return whether the method needs whole matrices, and with them torch."""
        return SPECS[self.method].space in ("dense", "factors")

    def one_thread(self) -> AbstractContextManager[object]:
        """Return a context in which every matrix product runs in one thread.

        Tensors are merged side by side instead: threads that wait for each other in every small product took ten times
        the processor time; and so the bytes cannot depend on their number.
        """
        if not self.is_whole:
            limits: AbstractContextManager[object] = threadpool_limits(1)
            return limits
        from merge.write.whole_tensor import (
            one_thread,  # torch: only where matrices are needed whole
        )

        return one_thread()

    def threads(self, most: int) -> int:
        """Return how many tensors may be merged at once: whole ones take memory."""
        return min(most, 2) if self.is_whole else most

    def pieces(self, tensor: OutputTensor) -> Iterator[bytes | memoryview]:
        """Yield the bytes of one tensor of the output, in order.

        Raises:
            ModelError: a value is not finite, though the base's weight is; or a source file was changed.
        """
        if self.is_copy(tensor):
            yield from self.checkpoint.home[tensor.origin].chunks(tensor.origin)
            return
        base = StoredRows(self.checkpoint.home[tensor.origin], tensor.origin)
        code = tensor.record.dtype
        for rows, values in self._blocks(tensor, base):
            # two passes that write nothing; NaN comes out of both
            largest = max(values.max(initial=0), -values.min(initial=0))
            if not largest < LIMITS[code] and np.isfinite(base.block(rows)).all():
                raise ModelError(
                    f"{tensor.record.name}: the merged weight is beyond the range of {code}; "
                    "use smaller weights, or dtype: bfloat16"
                )
            yield encode(values, code)

    def tensor(self, output: OutputTensor) -> "Tensor":
        """Return one whole weight of the merged model, in its output dtype and shape.

        Raises:
            ModelError: as `pieces`.
        """
        from merge.weights.delta_tensors import tensor_of  # torch: only where a tensor is asked for

        return tensor_of(bytearray().join(self.pieces(output)), output.record)

    def _blocks(self, tensor: OutputTensor, base: StoredRows) -> Iterator[tuple[slice, Array]]:
        """Yield the merged weight by blocks of rows."""
        changes = self.changes(tensor)
        if tensor.record.name in self._fitted:
            known = self._fitted[tensor.record.name].reshape(base.grid.rows, base.grid.columns)
            yield from ((rows, known[rows].astype(np.float64)) for rows in base.grid)
            return
        if changes and self.is_whole:
            from merge.write.whole_tensor import WholeWeight, merge_whole  # torch, as above

            home = self.checkpoint.home[tensor.origin]
            asked = WholeWeight(home, tensor, self.method, self.terms(tensor.record.name))
            whole = merge_whole(asked, self.adapters, changes)
            yield from ((rows, whole[rows]) for rows in base.grid)
            return
        if not changes:
            yield from ((rows, base.block(rows)) for rows in base.grid)
            return
        terms = self.terms(tensor.record.name)
        dtype = self._dtype(tensor, base, terms.only([change.source for change in changes]))
        vectors = [
            DeltaRows(self.adapters[change.source], change.part, base, dtype=dtype)
            for change in changes
        ]
        merge = merge_entries(
            self.method, vectors, base.grid, terms, places=[change.source for change in changes]
        )
        for number, rows in enumerate(base.grid):
            yield rows, merge.block(number, base.block(rows), dtype=dtype)

    def _dtype(self, tensor: OutputTensor, base: StoredRows, terms: Terms) -> type[np.floating]:
        is_narrow = tensor.record.dtype == "BF16" and base.record.dtype != "F64"
        return np.float32 if is_narrow and not needs_float64(self.method, terms) else np.float64
