"""Merged adapters: exact, or cut to a rank at the price that is reported; the base is never opened."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from adapt.errors import ModelError, RecipeError
from merge.methods.terms import Terms, TermsOf
from merge.weights.adapters import Adapter, open_adapter
from merge.write.adapter import WrittenAdapter, write_adapter
from tests.merge.conftest import Zoo, dense_deltas, load, weights
from tests.merge.methods.test_factored import METHODS as FACTORED, VARIANTS

WEIGHTS = (0.8, -0.3, 0.55)


def terms_of(
    weights: Sequence[float], *, inner: str = "task_arithmetic", density: float = 0.6
) -> TermsOf:
    shared = {"lambda": 1.0, "normalize": False, "inner": inner}
    return lambda _: Terms(
        tuple(weights), sources={"density": (density,) * len(weights)}, shared=shared
    )


def three(zoo: Zoo) -> tuple[Path, list[Path]]:
    """Return a base and adapters of different ranks and targets, one of them rank-stabilised."""
    base = zoo.base("llama")
    return base, [
        zoo.adapter(base, seed=11),
        zoo.adapter(base, seed=12, r=6, targets=["q_proj", "v_proj", "up_proj"]),
        zoo.adapter(base, seed=13, r=3, use_rslora=True),
    ]


def opened(folders: Sequence[Path]) -> list[Adapter]:
    return [open_adapter(folder, reference=folder.name) for folder in folders]


def write(
    folders: Sequence[Path], out: Path, *, method: str = "task_arithmetic", **settings: object
) -> WrittenAdapter:
    out.mkdir()
    terms = settings.pop("terms", terms_of(WEIGHTS[: len(folders)]))
    return write_adapter(opened(folders), out, method=method, terms=terms, base="b", **settings)


def weighted_sums(base: Path, folders: Sequence[Path]) -> dict[str, Tensor]:
    total: dict[str, Tensor] = {}
    for folder, weight in zip(folders, WEIGHTS, strict=False):
        for name, delta in dense_deltas(base, folder).items():
            total[name] = total.get(name, torch.zeros_like(delta)) + weight * delta
    return total


def changed(
    adapter: Path, out: Path, tensors: dict[str, Tensor] | None = None, **config: object
) -> Path:
    """Write an adapter with other tensors or another configuration and return its folder."""
    out.mkdir()
    given = json.loads((adapter / "adapter_config.json").read_text())
    (out / "adapter_config.json").write_text(json.dumps(given | config))
    save_file(weights(adapter) | (tensors or {}), out / "adapter_model.safetensors")
    return out


def without_whole_tensors(adapter: Path, out: Path) -> Path:
    """Write an adapter without the copy of the embedding that peft saves beside its factors."""
    changed(adapter, out)
    tensors = {name: t for name, t in weights(adapter).items() if "lora_" in name}
    save_file(tensors, out / "adapter_model.safetensors")
    return out


def frobenius(tensors: Sequence[Tensor]) -> float:
    return float(torch.linalg.vector_norm(torch.cat([t.reshape(-1) for t in tensors])))


@pytest.mark.parametrize("method", ["task_arithmetic", "core_space", "knots"])
def test_task_arithmetic_as_an_adapter_is_the_full_spaces_to_a_millionth(
    zoo: Zoo, tmp_path: Path, method: str
) -> None:
    base, folders = three(zoo)

    written = write(folders, tmp_path / "out", method=method)

    merged, reference = dense_deltas(base, tmp_path / "out"), weighted_sums(base, folders)
    assert merged.keys() == reference.keys()
    assert (written.error, set(written.errors.values())) == (0.0, {0.0})
    for name, delta in reference.items():
        assert frobenius([merged[name] - delta]) < 1e-6 * frobenius([delta])


@pytest.mark.parametrize(("method", "inner"), VARIANTS)
def test_a_method_on_factors_is_written_as_peft_reads_it(
    zoo: Zoo, tmp_path: Path, method: str, inner: str
) -> None:
    base, folders = three(zoo)
    terms = terms_of(WEIGHTS, inner=inner)

    write(folders, tmp_path / "out", method=method, terms=terms)

    merged = dense_deltas(base, tmp_path / "out")
    for name, delta in merged.items():
        sources = [
            (place, part, adapter)
            for place, adapter in enumerate(opened(folders))
            for part in adapter.parts
            if part.target == name
        ]
        factors = []
        for _, part, adapter in sources:
            tensors = load_file(adapter.file.path)
            factors.append((tensors[part.b].double() * part.scaling, tensors[part.a].double()))
        left, right = FACTORED[method](
            factors, terms(name).only([place for place, _, _ in sources])
        )
        assert frobenius([delta - left @ right]) < 1e-6 * frobenius([delta])


def test_an_adapter_cut_to_a_rank_is_the_best_of_its_rank_and_its_error_is_told(
    zoo: Zoo, tmp_path: Path
) -> None:
    base, folders = three(zoo)

    written = write(folders, tmp_path / "out", max_rank=5)

    merged, reference = dense_deltas(base, tmp_path / "out"), weighted_sums(base, folders)
    assert set(written.ranks.values()) == {5}
    for name, delta in reference.items():
        u, s, v = torch.linalg.svd(delta, full_matrices=False)
        best = u[:, :5] @ torch.diag(s[:5]) @ v[:5]
        assert frobenius([merged[name] - best]) < 1e-5 * frobenius([delta])
        error = frobenius([delta - best]) / frobenius([delta])
        assert written.errors[name.removesuffix(".weight")] == pytest.approx(error, rel=1e-9)
    differences = [merged[name] - delta for name, delta in reference.items()]
    overall = frobenius(differences) / frobenius(list(reference.values()))
    assert written.error == pytest.approx(overall, rel=1e-5)
    assert 0 < written.error < 1


@pytest.mark.parametrize("max_error", [0.0, 0.05, 0.3, 0.9])
def test_the_smallest_rank_within_an_error_is_taken(
    zoo: Zoo, tmp_path: Path, max_error: float
) -> None:
    base, folders = three(zoo)

    written = write(folders, tmp_path / "out", max_error=max_error)

    for name, delta in weighted_sums(base, folders).items():
        module = name.removesuffix(".weight")
        s = torch.linalg.svdvals(delta)
        rank = written.ranks[module]
        assert written.errors[module] <= max_error
        assert rank == 1 or float(s[rank - 1 :].norm() / s.norm()) > max_error
    assert written.error <= max_error


def test_a_rank_goes_before_an_error(zoo: Zoo, tmp_path: Path) -> None:
    _, folders = three(zoo)

    written = write(folders, tmp_path / "out", max_rank=3, max_error=0.01)

    assert set(written.ranks.values()) == {3}
    assert written.error > 0.01


def test_a_rank_above_that_of_all_adapters_changes_nothing(zoo: Zoo, tmp_path: Path) -> None:
    _, folders = three(zoo)
    write(folders, tmp_path / "exact")

    written = write(folders, tmp_path / "out", max_rank=64)

    assert written.error == 0
    exact, out = (load_file(tmp_path / n / "adapter_model.safetensors") for n in ("exact", "out"))
    assert all(out[name].equal(tensor) for name, tensor in exact.items())


def test_a_rank_above_that_of_the_matrix_is_brought_down_without_loss(
    zoo: Zoo, tmp_path: Path
) -> None:
    base = zoo.base("llama")
    folders = [zoo.adapter(base, seed=s, r=20, targets=["k_proj"]) for s in (31, 32)]

    written = write(folders, tmp_path / "out")

    assert set(written.ranks.values()) == {24}  # of a matrix of 24 rows, from ranks of 20 + 20
    merged = dense_deltas(base, tmp_path / "out")
    for name, delta in weighted_sums(base, folders).items():
        assert frobenius([merged[name] - delta]) < 1e-6 * frobenius([delta])


@pytest.mark.parametrize("settings", [{}, {"max_rank": 4}])
@pytest.mark.parametrize("method", ["task_arithmetic", "core_space"])
def test_a_merged_adapter_runs_in_peft(
    zoo: Zoo, tmp_path: Path, method: str, settings: dict[str, int]
) -> None:
    base, folders = three(zoo)
    tokens = torch.arange(3, 19).reshape(1, -1)

    write(folders, tmp_path / "out", method=method, **settings)

    with torch.no_grad():
        ours = PeftModel.from_pretrained(load(base), tmp_path / "out")(tokens).logits
        model = load(base)
        deltas = dense_deltas(base, tmp_path / "out") if settings else weighted_sums(base, folders)
        for name, delta in deltas.items():
            model.get_parameter(name).add_(delta.float())
        theirs = model(tokens).logits
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`")
def test_an_embedding_and_bfloat16_are_written_as_peft_reads_them(zoo: Zoo, tmp_path: Path) -> None:
    base = zoo.base("llama")
    folders = [
        without_whole_tensors(zoo.adapter(base, seed=seed, targets=["embed_tokens", "q_proj"]), out)
        for seed, out in ((41, tmp_path / "41"), (42, tmp_path / "42"))
    ]
    tokens = torch.arange(3, 19).reshape(1, -1)

    write(folders, tmp_path / "knots", method="knots", output_dtype="bfloat16")
    write(folders, tmp_path / "sum")

    written = load_file(tmp_path / "knots" / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {torch.bfloat16}
    with torch.no_grad():
        knots, exact = (
            PeftModel.from_pretrained(load(base), tmp_path / name)(tokens).logits
            for name in ("knots", "sum")
        )
    assert torch.allclose(knots, exact, atol=0.02)
    assert not torch.allclose(knots, load(base)(tokens).logits, atol=0.02)


def test_the_values_may_differ_from_tensor_to_tensor_and_leave_some_out(
    zoo: Zoo, tmp_path: Path
) -> None:
    base, folders = three(zoo)

    def terms(name: str) -> Terms:
        return terms_of((1.0, 0.0, 0.0) if "q_proj" in name else (0.0, 0.0, 0.0))(name)

    for method in ("task_arithmetic", "core_space"):
        written = write(folders, tmp_path / method, method=method, terms=terms)

        own = dense_deltas(base, folders[0])
        merged = dense_deltas(base, tmp_path / method)
        assert {name.split(".")[-2] for name in merged} == {"q_proj"}
        assert set(written.ranks.values()) == {4}
        for name, delta in merged.items():
            assert frobenius([delta - own[name]]) < 1e-6 * frobenius([delta])


def test_the_bytes_are_the_same_every_time(zoo: Zoo, tmp_path: Path) -> None:
    _, folders = three(zoo)

    for name in ("first", "second"):
        write(folders, tmp_path / name, method="core_space", max_rank=6)

    first, second = (
        (tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("first", "second")
    )
    assert first == second


def test_what_cannot_be_one_adapter_is_refused(zoo: Zoo, tmp_path: Path) -> None:
    base, folders = three(zoo)
    dora = zoo.adapter(base, seed=5, use_dora=True)
    whole = zoo.adapter(base, seed=6, targets=["q_proj"], modules_to_save=["lm_head"])
    flipped = zoo.adapter(base, seed=7, targets=["q_proj"])
    turned = changed(flipped, tmp_path / "turned", fan_in_fan_out=True)
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    wide = changed(flipped, tmp_path / "wide", {name: torch.ones(4, 50)})
    zeros = {n: torch.zeros_like(t) for n, t in weights(flipped).items() if "lora_B" in n}
    untrained = changed(flipped, tmp_path / "untrained", zeros)

    refused: list[tuple[list[Path], dict[str, object], str]] = [
        (folders, {"method": "ties"}, "ties cannot give an adapter: its result has no low rank"),
        (folders, {"method": "slerp"}, "slerp cannot give an adapter"),
        ([dora], {}, "is more than B·A"),
        ([whole], {"method": "core_space"}, "is more than B·A"),
        ([flipped, turned], {}, "differ in fan_in_fan_out"),
        ([flipped, wide], {}, "in different shapes; they were trained on different bases"),
        (folders, {"max_rank": 0}, "must be at least 1, got 0"),
        (folders, {"max_error": 1.0}, r"must be in \[0, 1\), got 1"),
        (folders, {"max_error": float("nan")}, "got nan"),
        (folders, {"terms": terms_of((0, 0, 0))}, "would be empty; give one a weight"),
        (folders, {"terms": terms_of((0, 0, 0)), "method": "tsv"}, "would be empty"),
        ([untrained], {"method": "iso_c"}, "no adapter changes anything"),
    ]
    for number, (sources, settings, sentence) in enumerate(refused):
        with pytest.raises(RecipeError, match=sentence):
            write(sources, tmp_path / str(number), **settings)


def test_factors_beyond_the_range_of_the_output_are_refused(zoo: Zoo, tmp_path: Path) -> None:
    _, folders = three(zoo)

    with pytest.raises(ModelError, match="beyond the range of F16"):
        write(folders, tmp_path / "out", output_dtype="float16", terms=terms_of((1e9, 1, 1)))
