"""The methods that need whole task vectors, or the factors of them, by name; importing this imports torch.

`DENSE`: f(deltas, base, terms) gets ΔW of every adapter, zeros for those that leave this weight alone, as mergekit does.
`FACTORED`: f(factors, terms) gets (left, right) of those that change it, in float64, the adapter's scaling in left.
"""

from collections.abc import Callable, Sequence

from torch import Tensor

from merge.methods.terms import Terms
from merge.methods.whole.dense import model_stock, nuslerp, sce, slerp
from merge.methods.whole.factored import core_space, iso_c, knots, tsv

Dense = Callable[[Sequence[Tensor], Tensor, Terms], Tensor]
Factored = Callable[[Sequence[tuple[Tensor, Tensor]], Terms], tuple[Tensor, Tensor]]

DENSE: dict[str, Dense] = {
    "sce": sce,
    "model_stock": model_stock,
    "slerp": slerp,
    "nuslerp": nuslerp,
}
FACTORED: dict[str, Factored] = {
    "knots": knots,
    "core_space": core_space,
    "tsv": tsv,
    "iso_c": iso_c,
}
