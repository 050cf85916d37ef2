"""The definitions of generalised task arithmetic written out once more, on whole matrices in float64."""

import hashlib
import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from merge.methods.entrywise import RULES
from merge.methods.terms import Terms
from tests.merge.conftest import load

Wide = NDArray[np.float64]


def terms_of(method: str, count: int, *, seed: int = 5, **shared: float | bool) -> Terms:
    """Return different values for each adapter, with mergekit's defaults where nothing is said."""
    return Terms(
        weights=tuple(0.9 - 0.25 * i for i in range(count)),
        sources={
            "density": tuple(0.3 + 0.1 * i for i in range(count)),
            "gamma": (0.02,) * count,
            "epsilon": (0.15,) * count,
        },
        shared={
            "normalize": method in ("ties", "della"),
            "rescale": method.startswith(("dare", "della")),
            "lambda": 1.0,
            "seed": seed,
        }
        | shared,
        places=tuple(range(count)),
    )


def by_size(delta: Wide, first: int, last: int) -> Wide:
    flat = delta.reshape(-1)
    order = np.argsort(-np.abs(flat), kind="stable")[first:last]
    kept = np.zeros_like(flat)
    kept[order] = flat[order]
    return kept.reshape(delta.shape)


def stream(seed: int, name: str, place: int) -> np.random.PCG64:
    key = hashlib.sha256(f"{seed}\0{place}\0{name}".encode()).digest()
    return np.random.PCG64(int.from_bytes(key, "little"))


def drawn(shape: tuple[int, ...], seed: int, name: str, place: int) -> Wide:
    size = int(np.prod(shape))
    raw = stream(seed, name, place).random_raw((size + 1) // 2)
    return raw.view(np.uint32)[:size].reshape(shape) / 2.0**32


def binary(share: float) -> float:
    """Return a share rounded to 16 significant binary digits."""
    unit = 2.0 ** (math.floor(math.log2(share)) - 15)
    return round(share / unit) * unit


def chosen(
    shape: tuple[int, ...], seed: int, name: str, place: int, density: float
) -> NDArray[np.bool_]:
    """Return which numbers are below the density, each written in as many binary digits as that has.

    64 entries share a word per digit, the last digit's first; a bit that is set is a digit 0.
    """
    density = binary(density)
    digits = next(n for n in range(1, 60) if (density * 2**n).is_integer())
    size = int(np.prod(shape))
    words = stream(seed, name, place).random_raw(-(-size // 64) * digits).reshape(-1, digits)
    numbers = np.zeros(size)
    entries = np.arange(size)
    for digit in range(1, digits + 1):
        column = words[:, digits - digit]
        bits = column[entries // 64] >> (entries % 64).astype(np.uint64) & np.uint64(1)
        numbers += (1 - bits.astype(float)) / 2**digit
    return (numbers < density).reshape(shape)


def sparse(method: str, delta: Wide, terms: Terms, index: int, place: int, name: str) -> Wide:
    """Return what a method keeps of one task vector."""
    density, n = terms.sources["density"][index], delta.size
    rescale = terms.flag("rescale")
    if method in ("task_arithmetic", "linear"):
        return delta
    seed = int(terms.number("seed"))
    if method.startswith("dare"):
        mask = chosen(delta.shape, seed, name, place, density)
        return np.where(mask, delta / (density if rescale else 1), 0)
    if method.startswith("della"):
        draws = drawn(delta.shape, seed, name, place)
        epsilon = terms.sources["epsilon"][index]
        ranks = np.abs(delta).argsort(axis=1, kind="stable").argsort(axis=1)
        chance = density - epsilon + 2 * epsilon * ranks / (delta.shape[1] - 1)
        return np.where(draws < chance, delta / (chance if rescale else 1), 0)
    first = int(terms.sources["gamma"][index] * n) if method.startswith("bread") else 0
    kept = by_size(delta, first, first + int(density * n))
    return kept * (np.abs(delta).sum() / np.abs(kept).sum()) if rescale else kept


def dense(method: str, base: Wide, found: dict[int, Wide], terms: Terms, name: str) -> Wide:
    """Return W + ΔW from the ΔW of the adapters that change this tensor, by their place."""
    t = [terms.weights[i] * sparse(method, delta, terms, i, i, name) for i, delta in found.items()]
    if method == "linear":
        return base + sum(t) / sum(terms.weights)
    if RULES[method].agrees:
        sign = np.where(sum(t) >= 0, 1, -1)
        agrees = [np.sign(one) == sign for one in t]
        total = sum(one * a for one, a in zip(t, agrees, strict=True))
        divisor = sum(terms.weights[i] * a for i, a in zip(found, agrees, strict=True))
        divisor = np.where(divisor == 0, 1, divisor)
    else:
        total, divisor = sum(t), sum(terms.weights)
    return base + terms.number("lambda") * total / (divisor if terms.flag("normalize") else 1)


def peft_deltas(base: Path, adapter: Path) -> dict[str, Wide]:
    """Return ΔW of each weight in float64 from the layers that peft builds, DoRA included."""
    model = PeftModel.from_pretrained(load(base, dtype=torch.float32), adapter)
    deltas = {}
    for name, layer in model.get_base_model().named_modules():
        if not isinstance(layer, LoraLayer):
            continue
        a, b = (m["default"].weight.detach().double() for m in (layer.lora_A, layer.lora_B))
        delta = layer.scaling["default"] * (b @ a)
        if layer.use_dora["default"]:
            weight = layer.get_base_layer().weight.detach().double()
            magnitude = layer.lora_magnitude_vector["default"].weight.detach().double()
            moved = weight + delta
            delta = (magnitude / moved.norm(dim=1))[:, None] * moved - weight
        deltas[f"{name}.weight"] = delta.numpy()
    return deltas
