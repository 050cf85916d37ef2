"""Distillation after regmean: nearer to the adapters' answers on real architectures, and when a search tries it."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, strategies as st
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, Gemma2Config

from adapt.errors import ModelError
from adapt.evaluation.likelihood import AnswerRow, answer_logits, encode_answers, pad
from adapt.evaluation.tasks import Task
from adapt.records import Example, Message
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.check.resolve import Resolved, resolve
from merge.fit import distill, fit as row_methods
from merge.fit.distill import Distiller, divergence, pace
from merge.fit.domains import Domain
from merge.fit.fit import RowMethods
from merge.fit.swapped_model import SwappedModel
from merge.methods.trial import Space, Trial
from merge.search import candidates as search_methods
from merge.search.bench import Bench
from merge.search.candidates import METHODS, fit_seconds, worth_fitting
from merge.search.journal import Line
from merge.search.loop import next_start
from merge.search.outcome import SearchResult, SearchSettings
from merge.search.search import search, trial_recipe
from tests.merge.fit.test_regmean import DOMAINS, FAMILIES, WORDS, recipe_of, task, two, written
from tests.merge.planted import train
from tests.tiny import SHAPE, make_base
from tests.ui.shell import Shell

NAMES = ((0, "a"), (1, "b"))
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def resolved(tmp_path: Path, workspace: Workspace) -> Resolved:
    return resolve(recipe_of(*two(tmp_path)), workspace=workspace, has_rows=True)


@given(seed=st.integers(0, 1000), kept=st.integers(1, 12))
def test_the_divergence_is_that_of_kept_tokens_and_the_rest_as_one(seed: int, kept: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    logits, teacher = (2 * torch.randn(5, 12, generator=draw) for _ in range(2))
    log_probs = teacher.log_softmax(-1)
    top = log_probs.topk(kept, dim=-1)

    divergences = divergence(logits, top.values, top.indices)

    p, q = log_probs.exp().double(), logits.softmax(-1).double()
    for row in range(5):
        chosen = top.indices[row].tolist()
        pairs = [(p[row, i], q[row, i]) for i in chosen]
        if kept < 12:
            pairs.append((1 - p[row, chosen].sum(), 1 - q[row, chosen].sum()))
        assert float(divergences[row]) == pytest.approx(
            float(sum(a * (a / b).log() for a, b in pairs)), abs=1e-4
        )
    assert divergence(teacher, top.values, top.indices).abs().max() < 1e-5


def asked(seed: int, count: int, place: int) -> list[Example]:
    """Return rows of a domain: the first word of three after `open`, the last after `close`."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        words = draw.choices(WORDS, k=3)
        prompt = " ".join([("open", "close")[place], *words])
        rows.append(Example((Message("user", prompt), Message("assistant", words[2 * place]))))
    return rows


def domains(seed: int, count: int) -> list[Domain]:
    return [Domain(Task(name, tuple(asked(seed, count, i)), "exact"), i) for i, name in NAMES]


def learned(root: Path) -> Resolved:
    """Return the recipe of a tiny base and two adapters that were trained for their domains."""
    base = make_base(root / "base")
    workspace = Workspace(root / "w")
    opened = find_base(str(base), workspace)
    adapters = [train(opened, root / name, asked(1, 64, i), keep=[], seed=i) for i, name in NAMES]
    return resolve(recipe_of(base, adapters), workspace=workspace, has_rows=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to", "ignore:.*loss_type")
@pytest.mark.parametrize("family", [*FAMILIES, "gpt2"])
def test_it_answers_more_like_the_adapters_than_regmean_does(
    tmp_path: Path, workspace: Workspace, family: str
) -> None:
    # adapters so strong that what regmean finds layer by layer is far from both
    base, adapters = two(tmp_path, family, alpha=96)
    resolved = resolve(recipe_of(base, adapters), workspace=workspace, has_rows=True)
    rows = domains(1, 64)
    bench = Bench(resolved, rows, calibration=rows, progress=lambda _: None)
    swapped = bench.swapped
    model = swapped.model
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    needed = [parameter.requires_grad for parameter in model.parameters()]
    # rows of the same kind that neither method saw
    unseen = [
        encode_answers(swapped.runtime.tokenizer, d.task.examples, context_length=64)
        for d in domains(2, 64)
    ]

    def log_probs_of(encoded: list[AnswerRow]) -> torch.Tensor:
        with torch.no_grad():
            return answer_logits(model, encoded, pad_id=0).log_softmax(-1)

    wanted = []
    for place, encoded in enumerate(unseen):
        alone = Trial("task_arithmetic", tuple(float(i == place) for i in range(2)), {})
        with swapped.merged(bench.merger(alone)):
            wanted.append(log_probs_of(encoded))

    def apart(method: str) -> float:
        methods = RowMethods(resolved, swapped, rows)
        trial = Trial(
            method, (1.0, 1.0), {"steps": 100, "learning_rate": 1e-4} if method == "distill" else {}
        )
        with swapped.holding(methods.weights(method, trial.terms_of())):
            both = zip(wanted, unseen, strict=True)
            return sum(float((w.exp() * (w - log_probs_of(e))).sum(-1).mean()) for w, e in both)

    regmean, distilled = apart("regmean"), apart("distill")

    assert distilled < 0.95 * regmean
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())
    assert [parameter.requires_grad for parameter in model.parameters()] == needed
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_domain_of_no_weight_is_not_heard(resolved: Resolved) -> None:
    swapped = SwappedModel(resolved.base, resolved.plan)
    other = (DOMAINS[0], replace(DOMAINS[1], task=task("b", 9)))
    alone = Trial("distill", (1.0, 0.0), {"steps": 4}).terms_of()
    nothing = Trial("distill", (0.0, 0.0), {"steps": 4}).terms_of()

    heard, unheard = (
        RowMethods(resolved, swapped, rows).weights("distill", alone) for rows in (DOMAINS, other)
    )
    still = RowMethods(resolved, swapped, DOMAINS).weights("distill", nothing)

    assert all(torch.equal(heard[name], unheard[name]) for name in heard)
    assert all(torch.equal(still[name], swapped.original(name).to(still[name])) for name in still)


def test_the_seed_draws_the_rows(resolved: Resolved) -> None:
    methods = RowMethods(resolved, SwappedModel(resolved.base, resolved.plan), DOMAINS)

    first, second = (
        methods.weights("distill", Trial("distill", (1, 1), {"steps": 3, "seed": s}).terms_of())
        for s in (0, 1)
    )

    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_steps_that_are_too_large_are_told(resolved: Resolved) -> None:
    swapped = SwappedModel(resolved.base, resolved.plan)
    distiller = Distiller(resolved, swapped, DOMAINS)
    start = {t.record.name: swapped.original(t.record.name) for t in swapped.changed}
    start = {name: torch.full_like(weight, torch.nan) for name, weight in start.items()}

    with pytest.raises(ModelError, match="no number came out at step 1 of 2; use a smaller"):
        distiller.weights(start, Trial("distill", (1.0, 1.0), {"steps": 2}).terms_of())
    now = {t.record.name: swapped.current(t.record.name) for t in swapped.changed}
    assert all(torch.equal(now[name], swapped.original(name)) for name in now)


def test_the_pace_goes_up_and_down() -> None:
    paces = [pace(step, 100) for step in range(100)]

    assert paces[0] == pytest.approx(0.2, abs=0.01)
    assert max(paces) == pytest.approx(1.0, abs=0.01)
    assert paces[:5] == sorted(paces[:5])
    assert paces[5:] == sorted(paces[5:], reverse=True)
    assert paces[-1] < 0.001


def test_each_row_is_drawn_once_before_any_comes_again() -> None:
    drawn = distill._drawn(20, 5, seed=3)

    assert [len(step) for step in drawn] == [8] * 5
    assert sorted(row for step in drawn for row in step) == sorted([*range(20), *range(20)])
    assert [len(step) for step in distill._drawn(3, 4, seed=0)] == [3] * 4


@pytest.mark.parametrize("family", [*FAMILIES, "gemma2"])
def test_answer_logits_are_those_of_the_whole_model(
    tmp_path: Path, workspace: Workspace, family: str
) -> None:
    if family == "gemma2":  # it caps its logits
        ids = {"vocab_size": 96, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
        config = Gemma2Config(**{**SHAPE, **ids, "final_logit_softcapping": 0.5})
        model = AutoModelForCausalLM.from_config(config).eval()
    else:
        base, adapters = two(tmp_path, family)
        resolved = resolve(recipe_of(base, adapters), workspace=workspace, has_rows=True)
        model = SwappedModel(resolved.base, resolved.plan).model
    rows = [AnswerRow((3, 4, 5), (6, 7)), AnswerRow((8,), (9, 10, 11)), AnswerRow((12, 13), (14,))]

    with torch.no_grad():
        computed = answer_logits(model, rows, pad_id=0)
        inputs, mask, _ = pad(rows, 0)
        whole = model(input_ids=inputs, attention_mask=mask).logits

    wanted = torch.cat([whole[0, 2:4], whole[1, 0:3], whole[2, 1:2]])
    assert torch.allclose(computed, wanted, atol=1e-5)
    assert whole.shape[:2] == inputs.shape  # no hook is left


def test_a_search_tries_it_once_last_and_with_minutes_enough(
    resolved: Resolved, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_methods, "LEAST_ROWS", {"regmean": 20, "distill": 20})
    assert worth_fitting(resolved, DOMAINS) == ["regmean", "distill"]
    assert fit_seconds(resolved, DOMAINS, "distill") > fit_seconds(resolved, DOMAINS)
    monkeypatch.setattr(search_methods, "LEAST_ROWS", {"regmean": 20, "distill": 25})
    assert worth_fitting(resolved, DOMAINS) == ["regmean"]
    space = Space((*METHODS, "regmean"), 2, {}, ("distill",))
    starts = space.starts()
    methods = [str(start["method"]) for start in starts]
    lines: list[Line] = []
    while (
        point := next_start(space, lines, SearchSettings(minutes=1), {"distill": 50.0})
    ) is not None:
        lines.append(Line(number=len(lines), point=point, losses={}, score=0.0, seconds=1.0))

    assert methods == [*METHODS, "regmean", *METHODS, "distill"]
    assert [line.point["method"] for line in lines] == methods
    late = [line.model_copy(update={"seconds": 2.0}) for line in lines[:-1]]  # 46 s are left
    assert next_start(space, late, SearchSettings(minutes=1), {"distill": 50.0}) is None
    more = next_start(space, late, SearchSettings(minutes=2), {"distill": 50.0})
    assert more is not None
    assert more["method"] == "distill"
    unlimited = next_start(space, late, SearchSettings(minutes=None), {"distill": 50.0})
    assert unlimited == more


@pytest.mark.slow
def test_a_search_finds_it_and_proposes_other_methods_after(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = learned(tmp_path)
    monkeypatch.setattr(search_methods, "LEAST_ROWS", {"regmean": 20, "distill": 20})
    monkeypatch.setattr(distill, "ROWS", 2)
    settings = SearchSettings(minutes=None, trials=20)
    seen: list[str] = []

    def tried() -> SearchResult:
        return search(
            resolved,
            domains(2, 20),
            settings,
            workspace=workspace,
            calibration=domains(1, 24),
            progress=lambda event: seen.append(event.stage),
        )

    first, again = tried(), tried()

    (journal,) = workspace.path.glob("cache/searches/*.jsonl")
    methods = [json.loads(line)["point"]["method"] for line in journal.read_text().splitlines()]
    assert methods.count("distill") == 1
    assert methods[7] == "distill"
    assert {"fit", "distill", "search"} <= set(seen)
    assert (first.trials, again.trials, again.resumed) == (20, 20, 20)
    assert again.trial == first.trial


@pytest.mark.slow
def test_what_a_search_fitted_is_built_without_another_fit(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = learned(tmp_path)
    rows = domains(1, 24)
    settings = SearchSettings(minutes=None, trials=1, methods=("regmean",))

    def run(judged: list[Domain]) -> SearchResult:
        return search(resolved, judged, settings, workspace=workspace, calibration=rows)

    best = run(domains(2, 20))
    again = run(domains(2, 20))  # nothing is left to try
    recipe = trial_recipe(resolved.recipe, best.trial)
    anew = merge(recipe, workspace=workspace, calibration=rows)
    with monkeypatch.context() as patched:
        patched.delattr(row_methods, "fit")
        built = merge(recipe, workspace=workspace, calibration=rows, fitted=best.fitted)

    fitted_anew, reused = (
        load_file(artifact.path / "model.safetensors") for artifact in (anew, built)
    )
    assert again.fitted is None
    assert all(torch.equal(fitted_anew[name], reused[name]) for name in fitted_anew)
    config = resolved.adapters[0].file.path.with_name("adapter_config.json")
    config.write_text(config.read_text().replace('"lora_alpha": 16', '"lora_alpha": 8'))
    with pytest.raises(ModelError, match="was changed while it was being merged"):
        merge(recipe, workspace=workspace, calibration=rows, fitted=best.fitted)


def test_the_command_line_distils(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, adapters = two(tmp_path)
    text = f"merge_method: distill\nbase_model: {base}\nname: team\nparameters: {{steps: 3}}\nmodels:\n"
    text += "".join(f"  - adapter: {adapter}\n" for adapter in adapters)
    for domain in DOMAINS:
        written(tmp_path / f"{domain.task.name}.jsonl", domain.task)
    good, varying = tmp_path / "good.yaml", tmp_path / "varying.yaml"
    good.write_text(text + "calibration: {a: a.jsonl, b: b.jsonl}\n")
    varying.write_text(good.read_text().replace("steps: 3", "steps: [3, 4]"))
    shell = Shell(tmp_path / "w", capsys)

    done = shell("merge", "run", good, "--json")
    refused = shell("merge", "check", varying)

    assert done.code == 0, done.err
    assert json.loads(done.out)["artifact"] == "team@1"
    assert refused.code != 0
    assert "steps" in refused.err
