"""Reports: what is said first, what is kept of the gains and how sure that is, and the geometry against dense matrices."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adapt.errors import AdaptError
from adapt.evaluation.tasks import Scores, Task
from adapt.records import Example, Message
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.check.resolve import Resolved, resolve
from merge.check.sources import find_sources
from merge.fit.domains import Domain
from merge.recipes.from_flags import recipe_from_flags
from merge.recipes.recipe import Recipe
from merge.report.geometry import analyse
from merge.report.measure import MeasuredOn, measure
from merge.report.measure_plan import MeasurePlan
from merge.report.measured_merge import merge_measured
from merge.report.recovered import mean_recovered, recovered
from merge.report.report import Advice, DomainResult, Report
from tests.merge.conftest import Zoo, dense_deltas
from tests.tiny import make_adapter, make_base


def domain(name: str, base: list[float], own: list[float], merged: list[float]) -> DomainResult:
    sides = [Scores(name, "exact", tuple(values), ()) for values in (base, own, merged)]
    return DomainResult(f"{name}@1", *sides)


def report(*domains: DomainResult, is_plain: bool = False) -> Report:
    return Report(domains, "ties of all", is_plain)


ZEROS, ONES = [0.0] * 40, [1.0] * 40
HALF = [0.0, 1.0] * 20
MOST = [1.0, 1.0, 1.0, 0.0] * 10
GOOD = domain("good", ZEROS, ONES, MOST)
HALVED = domain("halved", ZEROS, ONES, HALF)
WORSE = domain("worse", HALF, ONES, [0.0] * 30 + [1.0] * 10)
IDLE = domain("idle", HALF, HALF, HALF)


@pytest.mark.parametrize(
    ("made", "advice"),
    [
        (report(GOOD, is_plain=True), Advice.MERGE),
        (report(GOOD), Advice.MERGE_WEIGHTED),
        (report(GOOD, IDLE), Advice.MERGE_WEIGHTED),
        (report(GOOD, HALVED), Advice.ROUTE),
        (report(GOOD, WORSE), Advice.ROUTE),
        (report(IDLE), Advice.ROUTE),
    ],
)
def test_the_advice_follows_from_what_each_domain_keeps(made: Report, advice: Advice) -> None:
    assert made.advice is advice


def test_a_domain_below_the_base_is_said_in_the_first_line() -> None:
    made = report(GOOD, WORSE)

    assert made.verdict.startswith("WORSE than the base on worse (0.500 → 0.250")
    assert made.as_metrics()["worse_than_base"] == ["worse"]
    assert report(GOOD).as_metrics()["worse_than_base"] == []
    assert report(GOOD).verdict.startswith("not below the base on any of 1 domains; keeps 75 %")


def test_a_gain_in_doubt_is_no_ground_for_a_share() -> None:
    noise = domain("noise", [0.0] * 40, [1.0] + [0.0] * 39, ONES)

    assert noise.recovered is None
    assert report(noise).mean_recovered is None
    assert report(noise, GOOD).mean_recovered == report(GOOD).mean_recovered


def test_the_interval_of_a_share_holds_the_truth_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        own = (draw.random(80) < 0.8).astype(float)
        merged = own * (draw.random(80) < 0.75)
        share = recovered(([0.0] * 80, own.tolist(), merged.tolist()), seed=seed)
        held += share.low <= 0.75 <= share.high

    assert 180 <= held <= 198  # 95 % of 200 are 190, give or take 3


def test_the_mean_over_domains_lies_between_them_and_a_missing_gain_is_refused() -> None:
    share = mean_recovered([GOOD.rows, HALVED.rows])

    assert share.value == pytest.approx((0.75 + 0.5) / 2)
    assert share.low < share.value < share.high
    with pytest.raises(ValueError, match="gained nothing"):
        recovered(IDLE.rows)


@pytest.mark.parametrize("settings", [{}, {"use_dora": True}])
def test_cosines_and_signs_are_those_of_the_dense_matrices(
    zoo: Zoo, workspace: Workspace, settings: dict[str, bool]
) -> None:
    base = zoo.base("llama")
    folders = [zoo.adapter(base, seed=1), zoo.adapter(base, seed=2, r=6, **settings)]
    resolved = _resolved(workspace, base, folders)

    found = analyse(resolved.checkpoint, resolved.adapters, resolved.plan)

    assert [layer.name for layer in found.layers] == ["layer 0", "layer 1"]
    assert found.whole.cosines[0][0] == pytest.approx(1)
    if not settings:
        a, b = (dense_deltas(base, folder) for folder in folders)
        one, other = (torch.cat([d[n].flatten() for n in sorted(a)]) for d in (a, b))
        smaller = torch.minimum(one.abs(), other.abs())
        opposed = smaller[one * other < 0].sum() / smaller.sum()
        cosine = torch.nn.functional.cosine_similarity(one, other, dim=0)
        assert found.whole.norms[1] == pytest.approx(float(other.norm()), rel=1e-6)
        assert found.whole.cosines[0][1] == pytest.approx(float(cosine), abs=1e-9)
        assert found.whole.conflicts[1][0] == pytest.approx(float(opposed), abs=1e-9)


def _resolved(workspace: Workspace, base: Path, folders: list[Path]) -> Resolved:
    recipe = recipe_from_flags(
        [str(f) for f in folders], method="task_arithmetic", base=str(base), name="m"
    )
    return resolve(recipe, workspace=workspace)


def test_a_negated_adapter_is_the_opposite(zoo: Zoo, workspace: Workspace, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = zoo.base("llama")
    folder = zoo.adapter(base, seed=1)
    negated = tmp_path / "negated"
    negated.mkdir()
    (negated / "adapter_config.json").write_bytes((folder / "adapter_config.json").read_bytes())
    weights = load_file(folder / "adapter_model.safetensors")
    flipped = {n: -t if "lora_B" in n else t for n, t in weights.items()}
    save_file(flipped, negated / "adapter_model.safetensors")
    resolved = _resolved(workspace, base, [folder, negated])

    found = analyse(resolved.checkpoint, resolved.adapters, resolved.plan)

    assert found.whole.cosines[0][1] == pytest.approx(-1)
    assert found.whole.conflicts[0][1] == pytest.approx(1)


def test_a_merge_is_measured_with_its_controls(tmp_path: Path, workspace: Workspace) -> None:
    base = make_base(tmp_path / "base")
    folders = [make_adapter(tmp_path / str(seed), base, seed=seed) for seed in (1, 2)]
    resolved = _resolved(workspace, base, folders)
    rows = (Example((Message("user", "office"), Message("assistant", "8:00 hours"))),)
    domains = tuple(Domain(Task(f"d{i}", rows, "f1"), i) for i in (0, 1))
    artifact = merge(resolved.recipe, workspace=workspace)

    made = measure(
        resolved, MeasuredOn(domains, joint=folders[0]), artifact.path, workspace=workspace
    )

    assert [d.name for d in made.domains] == ["d0", "d1"]
    assert made.controls is not None
    kinds = {name.split(",")[0] for name in made.controls}
    assert kinds == {"random adapter", "best single adapter", "trained jointly"}
    assert made.forgetting is not None
    assert math.isfinite(made.forgetting.rise.difference)
    assert made.is_plain
    assert made.as_json()["analysis"] is not None


def test_a_version_worse_than_its_base_is_promoted_only_by_force(workspace: Workspace) -> None:
    registry = Registry(workspace)
    with registry.stage("m") as staging:
        (staging.path / "x").write_text("x")
        staging.publish("model", metrics=report(GOOD, WORSE).as_metrics())

    with pytest.raises(AdaptError, match="worse than the base on worse; --force"):
        registry.promote("m")
    assert "production" not in registry.aliases("m")
    registry.promote("m", force=True)
    assert registry.aliases("m")["production"] == 1


def test_a_measured_merge_finds_what_its_recipe_names_once(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_base(tmp_path / "base")
    folders = [make_adapter(tmp_path / str(seed), base, seed=seed) for seed in (1, 2)]
    recipe = _resolved(workspace, base, folders).recipe
    rows = (Example((Message("user", "office"), Message("assistant", "8:00 hours"))),)
    tests = [Task(str(folder.name), rows, "f1") for folder in folders]
    asked: list[Recipe] = []

    def find(recipe: Recipe, *given: Any) -> Any:
        asked.append(recipe)
        return find_sources(recipe, *given)

    monkeypatch.setattr("merge.check.resolve.find_sources", find)

    merge_measured(recipe, MeasurePlan(tests, controls=False), workspace=workspace)

    assert len(asked) == 1
