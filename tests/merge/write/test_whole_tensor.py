"""The two kinds of methods that need whole matrices, with the plainest method of each kind."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from adapt.errors import ModelError
from merge.methods.catalogue import SPECS
from merge.methods.terms import Terms
from merge.methods.whole.by_name import DENSE, FACTORED
from merge.weights.adapters import open_adapter
from merge.weights.checkpoint import open_checkpoint
from merge.weights.plan import MergePlan, plan_merge
from merge.write.tensor import TensorMerger
from tests.merge.conftest import Zoo, dense_deltas, steps_apart, weights


def mean(deltas: Sequence[Tensor], base: Tensor, terms: Terms) -> Tensor:
    assert all((d.shape, d.dtype) == (base.shape, base.dtype) for d in deltas)
    assert len(terms.weights) == len(deltas)
    return sum(deltas, torch.zeros_like(base)) / len(deltas)


def joined(factors: Sequence[tuple[Tensor, Tensor]], terms: Terms) -> tuple[Tensor, Tensor]:
    lefts = [left * w for (left, _), w in zip(factors, terms.weights, strict=True)]
    return torch.cat(lefts, dim=1), torch.cat([right for _, right in factors])


@pytest.fixture(autouse=True)
def plain_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, like in (("mean", "sce"), ("joined", "tsv")):
        monkeypatch.setitem(SPECS, name, replace(SPECS[like], name=name))
    monkeypatch.setitem(DENSE, "mean", mean)
    monkeypatch.setitem(FACTORED, "joined", joined)


def prepared(
    zoo: Zoo, method: str, *features: dict[str, object], dtype: torch.dtype
) -> tuple[TensorMerger, MergePlan, list[dict[str, Tensor]], dict[str, Tensor]]:
    base = zoo.base(dtype=dtype)
    folders = [zoo.adapter(base, **f) for f in features]
    checkpoint = open_checkpoint(base)
    adapters = [open_adapter(folder, reference=folder.name) for folder in folders]
    terms = Terms((0.7, 0.4), places=(0, 1))
    merger = TensorMerger(checkpoint, adapters, method=method, terms=lambda _: terms)
    plan = plan_merge(checkpoint, adapters, output_dtype=None)
    return merger, plan, [dense_deltas(base, folder) for folder in folders], weights(base)


TWO: tuple[dict[str, object], ...] = ({"seed": 1}, {"seed": 2, "r": 7, "targets": ["q_proj"]})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_dense_method_gets_every_task_vector_and_zeros_where_there_is_none(
    zoo: Zoo, dtype: torch.dtype
) -> None:
    merger, plan, deltas, base = prepared(zoo, "mean", *TWO, dtype=dtype)

    with merger.one_thread():
        merged = {t.record.name: merger.tensor(t) for t in plan.files[0].tensors}

    for name, tensor in merged.items():
        change = sum(d[name] for d in deltas if name in d) / 2
        expected = base[name].double() + change
        assert steps_apart(tensor, expected, size=base[name].double().abs().max()) <= 1, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_method_on_factors_gets_those_that_change_the_weight_with_their_terms(
    zoo: Zoo, dtype: torch.dtype
) -> None:
    merger, plan, deltas, base = prepared(zoo, "joined", *TWO, dtype=dtype)

    for output in plan.files[0].tensors:
        name = output.record.name
        change = sum(w * d[name] for w, d in zip((0.7, 0.4), deltas, strict=True) if name in d)
        expected = base[name].double() + change
        merged = merger.tensor(output)
        assert steps_apart(merged, expected, size=base[name].double().abs().max()) <= 1, name


def test_a_method_on_factors_refuses_what_is_more_than_factors(zoo: Zoo) -> None:
    merger, plan, _, _ = prepared(
        zoo, "joined", {"seed": 1}, {"seed": 5, "use_dora": True}, dtype=torch.float32
    )
    output = next(t for t in plan.files[0].tensors if t.changes)

    with pytest.raises(ModelError, match="by more than B·A"):
        merger.tensor(output)
