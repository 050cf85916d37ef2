"""The geometry of adapters, layer by layer: cosines, norms and conflicts of sign of their ΔW; no answer is needed.

Products of plain LoRA parts come from the factors, ⟨B₁A₁, B₂A₂⟩ = Σ (B₁ᵀB₂) ∘ (A₁A₂ᵀ), so ΔW is formed for the signs
alone, some rows at a time. What the geometry cannot show: whether two adapters answer one question differently. That is
measured (`merge.report.report`, `merge.report.advice`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from pydantic import JsonValue
from torch import Tensor

from merge.weights.adapters import Adapter
from merge.weights.checkpoint import Checkpoint
from merge.weights.delta_tensors import delta, factors, read_tensor
from merge.weights.plan import MergePlan, OutputTensor
from merge.write.whole_tensor import one_thread

ENTRIES = 1 << 20  # of ΔW formed at once
LAYER = re.compile(r"\.(\d+)\.")
ELSEWHERE = "outside layers"  # embeddings, the head


@dataclass
class _Sums:
    """Sums over tensors, shape [adapters, adapters] each."""

    products: np.ndarray
    opposed: np.ndarray  # Σ min(|a|, |b|) where signs differ
    shared: np.ndarray  # Σ min(|a|, |b|)


@dataclass(frozen=True)
class Geometry:
    """One layer, or all: matrices between the adapters, in their order.

    Attributes:
        norms: of each adapter's ΔW (Frobenius).
        cosines: of each pair; None where one of them leaves the layer alone.
        conflicts: of what two adapters both change, weighted by the smaller change, the share that they change in opposite
            directions: 0 none, 0.5 as unrelated ones, 1 all; None where nothing is shared.
    """

    name: str
    norms: tuple[float, ...]
    cosines: tuple[tuple[float | None, ...], ...]
    conflicts: tuple[tuple[float | None, ...], ...]

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for cards and scripts."""
        return {
            "layer": self.name,
            "norms": [round(n, 6) for n in self.norms],
            "cosines": [_rounded(row) for row in self.cosines],
            "sign_conflicts": [_rounded(row) for row in self.conflicts],
        }


@dataclass(frozen=True)
class Analysis:
    """The geometry of a recipe's adapters: of all weights together, and of each layer."""

    adapters: tuple[str, ...]
    whole: Geometry
    layers: tuple[Geometry, ...] = field(default_factory=tuple)

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for cards and scripts."""
        return {
            "adapters": list(self.adapters),
            "whole": self.whole.as_json(),
            "layers": [layer.as_json() for layer in self.layers],
        }


def analyse(checkpoint: Checkpoint, adapters: Sequence[Adapter], plan: MergePlan) -> Analysis:
    """Return the geometry of a plan's adapters.

    Raises:
        ModelError: an adapter holds NaN or infinity.
    """
    layers: dict[str, _Sums] = {}
    size = (len(adapters), len(adapters))
    with one_thread():
        for tensor in (t for file in plan.files for t in file.tensors if t.changes):
            match = LAYER.search(tensor.record.name)
            name = f"layer {match[1]}" if match else ELSEWHERE
            blank = _Sums(np.zeros(size), np.zeros(size), np.zeros(size))
            _add(layers.setdefault(name, blank), checkpoint, adapters, tensor)
    whole = _Sums(
        *(
            np.sum([getattr(s, f) for s in layers.values()], axis=0)
            for f in ("products", "opposed", "shared")
        )
    )
    ordered = sorted(layers, key=lambda name: (name == ELSEWHERE, _number(name)))
    return Analysis(
        tuple(adapter.reference for adapter in adapters),
        _geometry("all", whole),
        tuple(_geometry(name, layers[name]) for name in ordered),
    )


def _add(
    sums: _Sums, checkpoint: Checkpoint, adapters: Sequence[Adapter], tensor: OutputTensor
) -> None:
    """Add one tensor's products and signs."""
    changes = tensor.changes
    plain = not any(change.part.needs_base or not change.part.a for change in changes)
    if plain:
        pairs = [
            (left * change.part.scaling, right)
            for change in changes
            for left, right in [factors(adapters[change.source], change.part, dtype=torch.float64)]
        ]
        parts = [_Product(left, right) for left, right in pairs]
    else:
        base = read_tensor(checkpoint.home[tensor.origin], tensor.origin).double()
        deltas = [delta(adapters[c.source], c.part, base) for c in changes]
        parts = [_Product(d.reshape(d.shape[0], -1), None) for d in deltas]
    for change, first in zip(changes, parts, strict=True):
        for other, second in zip(changes, parts, strict=True):
            if other.source < change.source:
                continue
            at, mirror = (change.source, other.source), (other.source, change.source)
            product = first.dot(second)
            opposed, shared = (0.0, 0.0) if at == mirror else _signs(first, second)
            for place in {at, mirror}:
                sums.products[place] += product
                sums.opposed[place] += opposed
                sums.shared[place] += shared


@dataclass(frozen=True)
class _Product:
    """ΔW as left·right, or whole where `right` is None."""

    left: Tensor
    right: Tensor | None

    def dot(self, other: "_Product") -> float:
        """Return ⟨ΔW, ΔW'⟩."""
        if self.right is None or other.right is None:
            return float((self.rows(0, len(self.left)) * other.rows(0, len(other.left))).sum())
        return float(((self.left.T @ other.left) * (self.right @ other.right.T)).sum())

    def rows(self, start: int, end: int) -> Tensor:
        """Return some rows of ΔW."""
        part = self.left[start:end]
        return part if self.right is None else part @ self.right

    @property
    def columns(self) -> int:
        """Return the width of ΔW."""
        return (self.left if self.right is None else self.right).shape[1]


def _signs(first: _Product, second: _Product) -> tuple[float, float]:
    """Return Σ min(|a|, |b|) where signs differ, and everywhere."""
    opposed = shared = 0.0
    for a, b in _blocks(first, second):
        smaller = torch.minimum(a.abs(), b.abs())
        shared += float(smaller.sum())
        opposed += float(smaller[(a * b) < 0].sum())
    return opposed, shared


def _blocks(first: _Product, second: _Product) -> Iterator[tuple[Tensor, Tensor]]:
    height = max(1, ENTRIES // max(1, first.columns))
    for start in range(0, len(first.left), height):
        yield first.rows(start, start + height), second.rows(start, start + height)


def _geometry(name: str, sums: _Sums) -> Geometry:
    norms = np.sqrt(np.maximum(np.diag(sums.products), 0))
    scale = np.outer(norms, norms)
    return Geometry(
        name,
        tuple(float(n) for n in norms),
        _shares(sums.products, scale),
        _shares(sums.opposed, sums.shared),
    )


def _shares(over: np.ndarray, under: np.ndarray) -> tuple[tuple[float | None, ...], ...]:
    return tuple(
        tuple(float(o / u) if u > 0 else None for o, u in zip(first, second, strict=True))
        for first, second in zip(over, under, strict=True)
    )


def _number(name: str) -> int:
    return int(name.rpartition(" ")[2]) if name != ELSEWHERE else -1


def _rounded(row: Sequence[float | None]) -> list[JsonValue]:
    return [None if value is None else round(value, 4) for value in row]
