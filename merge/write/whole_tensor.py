"""One merged weight by a method that needs whole task vectors, or the factors of them.

Not here: the methods (`merge.methods.whole.by_name`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adapt.errors import ModelError
from merge.methods.terms import Terms
from merge.methods.whole.by_name import DENSE, FACTORED
from merge.weights.adapters import Adapter, Part
from merge.weights.delta_tensors import delta, factors, read_tensor
from merge.weights.floats import Array
from merge.weights.plan import Change, OutputTensor
from merge.weights.safetensors_file import TensorFile


@dataclass(frozen=True)
class WholeWeight:
    """A weight to merge: the file that holds the base's, what is written, and the method with its values for it."""

    home: TensorFile
    tensor: OutputTensor
    method: str
    terms: Terms


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread inside, in this thread and those started here, and give it its threads back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def merge_whole(
    asked: WholeWeight, adapters: Sequence[Adapter], changes: Sequence[Change]
) -> Array:
    """Return W + ΔW as a matrix of rows, in float32, or float64 where the output or the base is wide.

    Raises:
        ModelError: the method needs factors, and an adapter changes this weight in another way.
    """
    stored = read_tensor(asked.home, asked.tensor.origin)
    wide = asked.tensor.record.dtype in ("F32", "F64") or stored.dtype == torch.float64
    base = stored.to(torch.float64 if wide else torch.float32)
    if asked.method in DENSE:
        parts = {change.source: change.part for change in changes}
        deltas = [
            delta(adapter, parts[source], base) if source in parts else torch.zeros_like(base)
            for source, adapter in enumerate(adapters)
        ]
        merged = base + DENSE[asked.method](deltas, base, asked.terms)
    else:
        pairs = [_factors(asked.method, adapters[c.source], c.part) for c in changes]
        places = [change.source for change in changes]
        # as peft keeps them, (out, in), so that a method which treats left and right differently means the same on any base
        flips = changes[0].part.transposed
        given = [(right.T, left.T) if flips else (left, right) for left, right in pairs]
        left, right = FACTORED[asked.method](given, asked.terms.only(places))
        product = left @ right
        merged = base + (product.T if flips else product).to(base.dtype)
    rows: Array = merged.reshape(base.shape[0] if base.dim() > 1 else 1, -1).numpy()
    return np.ascontiguousarray(rows)


def _factors(method: str, adapter: Adapter, part: Part) -> tuple[Tensor, Tensor]:
    if not part.a or part.needs_base:
        raise ModelError(
            f"adapter '{adapter.reference}' changes {part.target} by more than B·A (DoRA, modules_to_save or a bias), "
            f"which {method} cannot merge; use task_arithmetic or ties"
        )
    left, right = factors(adapter, part, dtype=torch.float64)
    return left * part.scaling, right
