"""A frozen linear layer with LoRA adapters, each on its own part of the tokens, as one operation with its own gradient.

peft's layer is a dozen operations with a tensor each; on a small base what they cost to call is a good part of a step. The
gradients are those of y = x Wᵀ + b + s (x Aᵀ) Bᵀ (LoRA, arXiv:2106.09685, equation 3), with W and b frozen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from finetune.passes.packed_rows import layout


@dataclass(frozen=True)
class Part:
    """Tokens [start, stop) of a pass, and the adapter they are for: matrices of shape [rank, in] and [out, rank]."""

    start: int
    stop: int
    scaling: float
    down: Tensor
    up: Tensor

    def of(self, rows: Tensor) -> Tensor:
        """Return its part of the rows."""
        return rows[self.start : self.stop]


class OtherTokensError(ValueError):
    """A layer reads a part of the tokens only, so which of them are whose is not known to it."""


class AdaptedLinear(nn.Module):
    """A frozen linear layer of all domains, with the adapter of each on its own tokens."""

    def __init__(self, base: nn.Linear, adapters: Mapping[int, LoraLinear]) -> None:
        """Take the layer, and the adapted layer of each model, by the model's id."""
        super().__init__()
        self.base = base
        self._adapters = dict(adapters)  # not registered: they belong to their own models

    @property
    def weight(self) -> Tensor:
        """Return the frozen weight, which some architectures read, as peft's layer does."""
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        """Return the frozen bias."""
        return self.base.bias

    def forward(self, x: Tensor) -> Tensor:
        """Return what peft's layer of each domain returns of its tokens; x of shape [1, length, in] or [length, in].

        Raises:
            OtherTokensError: it is given other tokens than those of the passes, as an expert of a mixture is.
        """
        rows = x.flatten(0, -2)
        tokens = sum(pass_.tokens for pass_ in layout().passes)
        if len(rows) != tokens:
            raise OtherTokensError(f"{len(rows)} tokens of {tokens} reach a layer")
        parts = []
        start = 0
        for pass_ in layout().passes:
            layer = self._adapters.get(id(pass_.model))
            if layer is not None:  # else this domain trains other layers
                parts.append(_part(layer, start, start + pass_.tokens))
            start += pass_.tokens
        return adapted_linear(rows, self.base, parts).view(*x.shape[:-1], -1)


def adapted_linear(x: Tensor, base: nn.Linear, parts: Sequence[Part]) -> Tensor:
    """Return the layer's outputs for rows of shape [n, in], shape [n, out]."""
    matrices = [matrix for part in parts for matrix in (part.down, part.up)]
    rows: Tensor = _Adapted.apply(x, base, parts, *matrices)  # type: ignore[no-untyped-call]  # torch's
    return rows


def fits(base: nn.Module, layer: LoraLinear) -> bool:
    """Return whether a layer is what `AdaptedLinear` computes: frozen and linear, with two matrices beside it, no more."""
    name = layer.active_adapters[0] if layer.active_adapters else None
    if type(base) is not nn.Linear or name not in layer.lora_A or base.weight.requires_grad:
        return False
    down, up = layer.lora_A[name], layer.lora_B[name]
    return len(layer.active_adapters) == 1 and all(
        type(matrix) is nn.Linear and matrix.bias is None for matrix in (down, up)
    )


def _part(layer: LoraLinear, start: int, stop: int) -> Part:
    name = layer.active_adapters[0]
    down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
    return Part(start, stop, layer.scaling[name], down, up)


class _Adapted(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, base: nn.Linear, parts: Sequence[Part], *matrices: Tensor
    ) -> Tensor:
        result = linear(x, base.weight, base.bias)
        lows = []
        for part in parts:
            low = part.of(x).to(part.down.dtype) @ part.down.t()
            _add(part.of(result), low, part.up.t(), part.scaling)
            lows.append(low)
        ctx.save_for_backward(x, *lows)
        ctx.base, ctx.parts = base, parts
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *lows = ctx.saved_tensors
        before = grad @ ctx.base.weight if ctx.needs_input_grad[0] else None
        gradients: list[Tensor | None] = []
        for part, low in zip(ctx.parts, lows, strict=True):
            own = part.of(grad).to(low.dtype)
            back = (own @ part.up).mul_(part.scaling)
            if before is not None:
                _add(part.of(before), back, part.down, 1.0)
            gradients += [back.t() @ part.of(x).to(low.dtype), (own.t() @ low).mul_(part.scaling)]
        return before, None, None, *gradients


def _add(rows: Tensor, left: Tensor, right: Tensor, scaling: float) -> None:
    """Add a product to rows, in the product's number format where theirs is a smaller one, as peft does."""
    if rows.dtype == left.dtype:
        rows.addmm_(left, right, alpha=scaling)
    else:
        rows.copy_(torch.addmm(rows.to(left.dtype), left, right, alpha=scaling))
