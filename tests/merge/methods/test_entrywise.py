"""Every method of generalised task arithmetic against whole matrices in float64, the definitions written out again."""

import hashlib
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from safetensors.torch import load_file, save_file

from merge.methods.entrywise import RULES, merge_entries, needs_float64
from merge.methods.terms import Terms
from merge.weights.adapters import open_adapter
from merge.weights.checkpoint import open_checkpoint
from merge.weights.delta_blocks import Grid, Places
from merge.weights.dtypes import DType
from merge.weights.floats import Array
from merge.weights.plan import MergePlan, plan_merge
from merge.write.shards import write_weights
from merge.write.tensor import TensorMerger
from tests.merge.conftest import Zoo, steps_apart, weights
from tests.merge.methods.dense_reference import Wide, dense, peft_deltas, terms_of

METHODS = list(RULES)
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


ADAPTERS: dict[str, dict[str, object]] = {
    "plain": {"seed": 1},
    "wide": {"seed": 2, "r": 7, "targets": ["q_proj", "v_proj", "down_proj"]},
    "rslora": {"seed": 3, "r": 5, "use_rslora": True},
    "pattern": {
        "seed": 4,
        "rank_pattern": {"q_proj": 2, r"layers\.1\.self_attn\.v_proj": 6},
        "alpha_pattern": {"q_proj": 9, "layers.0.mlp.up_proj": 3},
    },
    "dora": {"seed": 5, "r": 3, "use_dora": True, "targets": ["q_proj", "up_proj"]},
}


def prepare(
    base: Path, adapters: Sequence[Path], method: str, terms: Terms, dtype: DType | None = None
) -> tuple[TensorMerger, MergePlan]:
    checkpoint = open_checkpoint(base)
    opened = [open_adapter(folder, reference=folder.name) for folder in adapters]

    def of(name: str) -> Terms:
        return Terms(terms.weights, terms.sources, terms.shared, places=terms.places, tensor=name)

    merger = TensorMerger(checkpoint, opened, method=method, terms=of)
    return merger, plan_merge(checkpoint, opened, output_dtype=dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("block", [300, 1 << 18])
@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("llama", ["plain", "wide"]),
        ("qwen2", ["plain", "rslora", "pattern", "wide", "dora"]),
        ("mistral", ["wide", "dora"]),
        ("gemma", ["plain", "wide", "rslora"]),
    ],
)
def test_every_method_is_within_one_rounding_step_of_the_dense_reference(
    zoo: Zoo,
    family: str,
    names: list[str],
    block: int,
    dtype: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("merge.weights.delta_blocks.BLOCK", block)
    base = zoo.base(family, dtype=DTYPES[dtype], tied=family in ("gemma", "qwen2"))
    adapters = [zoo.adapter(base, **ADAPTERS[name]) for name in names]
    deltas = [peft_deltas(base, adapter) for adapter in adapters]
    stored = weights(base)

    for method in METHODS:
        for shared in ({}, {"normalize": True, "rescale": True, "lambda": 0.7}):
            terms = terms_of(method, len(adapters), **({} if method == "linear" else shared))
            merger, plan = prepare(base, adapters, method, terms)
            for output in plan.files[0].tensors:
                merged = merger.tensor(output)
                name = output.record.name
                found = {i: d[name] for i, d in enumerate(deltas) if name in d}
                if not found:
                    assert merged.equal(stored[name])
                    continue
                expected = dense(method, stored[name].double().numpy(), found, terms, name)
                assert merged.dtype == DTYPES[dtype]
                assert steps_apart(merged, torch.from_numpy(expected)) <= 1, (method, name)


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("task_arithmetic", ["plain"]),
        ("task_arithmetic", ["plain", "rslora", "pattern"]),
        ("ties", ["plain"]),
        ("dare_ties", ["plain"]),
        ("dare_linear", ["plain", "rslora"]),
    ],
)
def test_where_base_and_change_cancel_nothing_but_the_last_rounding_is_lost(
    zoo: Zoo, tmp_path: Path, method: str, names: Sequence[str]
) -> None:
    plain = zoo.base(dtype=torch.bfloat16)
    adapters = [zoo.adapter(plain, **ADAPTERS[name]) for name in names]
    base = tmp_path / "base"
    base.mkdir()
    for file in plain.iterdir():
        (base / file.name).write_bytes(file.read_bytes())
    weights_of = [0.9, -0.7, 1.3][: len(names)] if len(names) > 1 else [1.0]
    deltas: dict[str, Wide] = {}
    for adapter, weight in zip(adapters, weights_of, strict=True):
        for name, delta in peft_deltas(plain, adapter).items():
            deltas[name] = deltas.get(name, 0) + weight * delta
    stored = load_file(base / "model.safetensors")
    for name, delta in deltas.items():
        stored[name] = torch.from_numpy(-delta).bfloat16()
    save_file(stored, base / "model.safetensors", metadata={"format": "pt"})
    terms = Terms(
        tuple(weights_of),
        {"density": (1.0,) * len(names)},
        {"normalize": False, "rescale": True, "lambda": 1.0, "seed": 0},
        places=tuple(range(len(names))),
    )

    merger, plan = prepare(base, adapters, method, terms)

    for output in plan.files[0].tensors:
        name = output.record.name
        if name in deltas:
            expected = stored[name].double() + torch.from_numpy(deltas[name])
            assert steps_apart(merger.tensor(output), expected) <= 1


class Given:
    """A task vector that is in memory."""

    def __init__(self, delta: Array) -> None:
        self.delta = delta

    def block(self, rows: slice, base: Array | None = None) -> Array:
        del base
        return self.delta[rows].copy()

    def exact(self, rows: slice, base: Array, at: Places) -> Wide:
        del base
        return self.delta[rows][at].astype(np.float64)

    def error(self, rows: slice, base: Array, *, additions: int) -> Wide:
        del base, additions
        return np.zeros((rows.stop - rows.start, 1))


@given(
    method=st.sampled_from(METHODS),
    count=st.integers(1, 5),
    rows=st.integers(2, 9),
    columns=st.integers(2, 9),
    seed=st.integers(0, 2**31),
    normalize=st.booleans(),
    rescale=st.booleans(),
    negative=st.booleans(),
)
def test_any_method_with_any_parameters_is_its_definition(  # noqa: PLR0917
    method: str,
    count: int,
    rows: int,
    columns: int,
    seed: int,
    normalize: bool,
    rescale: bool,
    negative: bool,
) -> None:
    rng = np.random.default_rng(seed)
    shape = (rows, columns)
    terms = terms_of(method, count, seed=seed, normalize=normalize, rescale=rescale)
    signs = [-1.0 if negative and i % 2 else 1.0 for i in range(count)]
    terms = Terms(
        tuple(w * s for w, s in zip(terms.weights, signs, strict=True)),
        {**terms.sources, "density": tuple(rng.uniform(0.3, 0.7, count).tolist())},
        terms.shared,
        places=terms.places,
        tensor="w",
    )
    found = {i: rng.standard_normal(shape) for i in range(count)}
    base = rng.standard_normal(shape)
    grid = Grid.of(shape)

    merge = merge_entries(
        method, [Given(d) for d in found.values()], grid, terms, places=range(count)
    )
    merged = merge.block(0, base, dtype=np.float64)

    assert np.allclose(merged, dense(method, base, found, terms, "w"), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_block_is_the_same_whatever_was_computed_before_it(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merge.weights.delta_blocks.BLOCK", 64)
    rng = np.random.default_rng(0)
    grid = Grid(40, 16)
    vectors = [Given(rng.integers(-3, 4, (40, 16)).astype(np.float32)) for _ in range(3)]
    base = rng.standard_normal((40, 16)).astype(np.float32)
    terms = terms_of(method, 3)

    def blocks(order: Sequence[int]) -> dict[int, bytes]:
        merge = merge_entries(method, vectors, grid, terms, places=range(3))
        return {n: merge.block(n, base[grid.span(n)], dtype=np.float32).tobytes() for n in order}

    forward = blocks(range(len(grid)))

    assert len(grid) == 10
    assert blocks(range(len(grid) - 1, -1, -1)) == forward
    assert blocks([7]) == {7: forward[7]}


@pytest.mark.parametrize("method", ["dare_ties", "della_linear"])
def test_a_mask_depends_on_seed_tensor_and_place_and_not_on_other_adapters(method: str) -> None:
    delta = np.ones((20, 30))
    grid = Grid.of(delta.shape)

    def merged(places: tuple[int, ...], count: int = 3, *, seed: int = 1, name: str = "w") -> Array:
        terms = terms_of(method, count, seed=seed, normalize=False)
        terms = Terms(
            (1.0,) * count,
            {**terms.sources, "density": (0.5,) * count},
            terms.shared,
            places=terms.places,
            tensor=name,
        )
        merge = merge_entries(method, [Given(delta)] * len(places), grid, terms, places=places)
        return merge.block(0, np.zeros_like(delta), dtype=np.float64)

    alone = merged((1,))

    assert (alone == merged((1,), 5)).all()
    assert (alone == merged((1,))).all()
    if method == "della_linear":
        assert np.allclose(merged((0, 1)), merged((0,)) + alone)
    for other in (merged((0,)), merged((1,), seed=2), merged((1,), name="v")):
        assert 0.2 < (alone == other).mean() < 0.8


def test_a_mean_of_weights_of_both_signs_is_computed_wide() -> None:
    both = Terms((1.0, -1.0), shared={"normalize": True})

    assert needs_float64("ties", both)
    assert not needs_float64("ties", Terms((1.0, -1.0), shared={"normalize": False}))
    assert not needs_float64("ties", Terms((1.0, 2.0), shared={"normalize": True}))
    assert not needs_float64("task_arithmetic", both)


@pytest.mark.parametrize("method", ["task_arithmetic", "ties", "dare_linear"])
def test_the_bytes_of_files_do_not_depend_on_the_number_of_threads(
    zoo: Zoo, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = zoo.base(dtype=torch.bfloat16, shard="40KB")
    adapters = [zoo.adapter(base, **ADAPTERS["plain"]), zoo.adapter(base, **ADAPTERS["wide"])]
    merger, plan = prepare(base, adapters, method, terms_of(method, 2))
    hashes = set()

    for threads in (1, 7):
        monkeypatch.setattr("merge.write.shards.MOST_THREADS", threads)
        monkeypatch.setattr("os.cpu_count", lambda: 8)
        out = tmp_path / str(threads)
        out.mkdir()
        files = [(out / file.name, file.tensors) for file in plan.files]
        with merger.one_thread():
            records = write_weights(files, merger, done=lambda _: None)
        for name, record in records.items():
            data = (out / name).read_bytes()
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (record.sha256, record.bytes)
        hashes.add(tuple(record.sha256 for record in records.values()))

    assert len(hashes) == 1


class Thin:
    """A large task vector of low rank, never whole."""

    def __init__(self, rows: int, columns: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.left = rng.standard_normal((rows, 4), np.float32)
        self.right = rng.standard_normal((4, columns), np.float32)

    def block(self, rows: slice, base: Array | None = None) -> Array:
        del base
        product: Array = self.left[rows] @ self.right
        return product

    def exact(self, rows: slice, base: Array, at: Places) -> Wide:
        return self.block(rows, base)[at].astype(np.float64)

    def error(self, rows: slice, base: Array, *, additions: int) -> Wide:
        del base, additions
        return np.zeros((rows.stop - rows.start, 1))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ties", "breadcrumbs", "della"])
def test_a_large_tensor_is_merged_in_the_memory_of_a_few_blocks(method: str) -> None:
    rows, columns = 16_384, 512
    vectors = [Thin(rows, columns, seed) for seed in range(3)]
    grid = Grid(rows, columns)
    tracemalloc.start()

    merge = merge_entries(method, vectors, grid, terms_of(method, 3), places=range(3))
    for number, span in enumerate(grid):
        nothing = np.zeros((span.stop - span.start, columns), np.float32)
        merge.block(number, nothing, dtype=np.float32)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows * columns * 4  # less than one ΔW, where three and their sum would be four


class Off(Given):
    """A task vector whose blocks in float32 are off by what its error allows."""

    def __init__(self, delta: Wide, by: float) -> None:
        super().__init__(delta.astype(np.float64))
        self.by = by

    def block(self, rows: slice, base: Array | None = None) -> Array:
        del base
        off: Array = (self.delta[rows] + self.by).astype(np.float32)
        return off

    def error(self, rows: slice, base: Array, *, additions: int) -> Wide:
        del base, additions
        return np.full((rows.stop - rows.start, 1), abs(self.by))


@pytest.mark.parametrize("by", [2.9e-3, -2.9e-3])
def test_what_float32_could_round_to_another_bfloat16_is_computed_again(by: float) -> None:
    # between 1 and 2 a step of bfloat16 is 2⁻⁷: this lies 0.002 from the middle between two of its numbers, so the error
    # of 0.0029 crosses it; 2⁹ times the error is 1.48, half of that would leave it as it is
    middle = 1.25 + 2.0**-8
    exact = np.array([[middle - np.sign(by) * 2e-3, -1.9]])
    grid = Grid.of(exact.shape)
    terms = terms_of("task_arithmetic", 1)
    terms = Terms((1.0,), terms.sources, terms.shared, places=(0,), tensor="w")

    merge = merge_entries("task_arithmetic", [Off(exact, by)], grid, terms, places=[0])
    merged = merge.block(0, np.zeros(exact.shape, np.float32), dtype=np.float32)

    def rounded(values: Array) -> list[float]:
        found: list[float] = torch.from_numpy(values.copy()).bfloat16().flatten().tolist()
        return found

    assert rounded(exact)[0] != rounded((exact + by).astype(np.float32))[0]
    assert rounded(merged)[0] == rounded(exact)[0]
    assert merged[0, 1] == np.float32(exact[0, 1] + by)  # far above the limit, left as it is
