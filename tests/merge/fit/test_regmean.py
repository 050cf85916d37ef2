"""RegMean against brute force, on four architectures and GPT-2; what is tried is built; what it cannot do is reported."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, Gemma2Config, LlamaConfig

from adapt.errors import AdaptError, ModelError, RecipeError
from adapt.evaluation.likelihood import IGNORED, encode_answers, pad
from adapt.evaluation.tasks import Task
from adapt.records import Example, Message
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.check.resolve import Resolved, check, resolve
from merge.fit.domains import Domain, halves
from merge.fit.fit import RowMethods, fit
from merge.fit.layers import Batch, adds_to_stream, find_layers, record_calls
from merge.fit.regmean import ANSWER, Fitter
from merge.fit.swapped_model import SwappedModel
from merge.methods.trial import Trial
from merge.recipes.from_flags import recipe_from_flags
from merge.recipes.recipe import Recipe, read_recipe
from merge.search.bench import Bench
from merge.search.candidates import METHODS, RATE, fit_seconds, rows_of
from merge.search.search import trial_recipe
from tests.merge.conftest import load, make_adapter
from tests.merge.weights.test_transposed import make_gpt2
from tests.tiny import SHAPE, make_base, tiny_tokenizer
from tests.ui.shell import Shell

pytestmark = pytest.mark.usefixtures("one_thread")
FAMILIES = ("llama", "qwen3", "mistral", "gemma")
WORDS = ("office", "opens", "closes", "refund", "days", "call", "help", "week", "the", "is", "at")


def task(name: str, seed: int, count: int = 24) -> Task:
    draw = torch.Generator().manual_seed(seed)

    def words(n: int) -> str:
        return " ".join(WORDS[i] for i in torch.randint(len(WORDS), (n,), generator=draw).tolist())

    rows = [
        Example((Message("user", words(3 + i % 5)), Message("assistant", words(2))))
        for i in range(count)
    ]
    return Task(name, tuple(rows), "exact")


# down_proj whole, and the rest of a layer by B·A
WHOLE = {"modules_to_save": ["down_proj"], "targets": ["q_proj", "k_proj", "o_proj", "up_proj"]}
DOMAINS = (Domain(task("a", 1), 0), Domain(task("b", 2), 1))


def two(tmp_path: Path, family: str = "llama", **settings: object) -> tuple[Path, list[Path]]:
    if family == "gpt2":
        base = make_gpt2(tmp_path / "base", short_names=True, vocab=len(tiny_tokenizer()))
        tiny_tokenizer().save_pretrained(base)
        settings |= {"targets": ["c_attn", "c_proj", "c_fc"], "fan_in_fan_out": True}
    else:
        base = make_base(tmp_path / "base", family)
    names = {0: "a", 1: "b"}
    return base, [make_adapter(base, tmp_path / names[i], seed=5 + i, **settings) for i in range(2)]


def recipe_of(base: Path, adapters: list[Path], **fields: object) -> Recipe:
    return recipe_from_flags(
        [str(a) for a in adapters], method="regmean", base=str(base), name="m", **fields
    )


@pytest.fixture
def resolved(tmp_path: Path, workspace: Workspace) -> Resolved:
    return resolve(recipe_of(*two(tmp_path)), workspace=workspace, has_rows=True)


def inputs_of(model: torch.nn.Module, module: str, rows: Task, tokenizer: object) -> list[Tensor]:
    """Return a module's input for each row alone, and how much each of its tokens counts."""
    inputs, counts = [], []
    hook = model.get_submodule(module).register_forward_pre_hook(
        lambda _m, args: inputs.append(args[0][0])
    )
    for row in encode_answers(tokenizer, rows.examples, context_length=64):
        ids, _, labels = pad([row], 0)
        weight = torch.ones(ids.shape[1])
        weight[:-1][labels[0, 1:] != IGNORED] = ANSWER
        counts.append(weight)
        with torch.no_grad():
            model(input_ids=ids)
    hook.remove()
    return [torch.cat(inputs).double(), torch.cat(counts).double()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "features"),
    [
        *((family, {}) for family in (*FAMILIES, "gpt2")),
        ("llama", {"use_dora": True}),
        ("llama", WHOLE),
    ],
)
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to", "ignore:.*loss_type")
def test_each_weight_is_the_least_squares_solution(
    tmp_path: Path, workspace: Workspace, family: str, features: dict[str, object]
) -> None:
    base, adapters = two(tmp_path, family, **features)
    recipe = recipe_of(base, adapters, weights=[1.0, 0.5], parameters={"ridge": 1e-2})
    built = merge(recipe, workspace=workspace, calibration=DOMAINS).path
    merged = load(built, dtype=torch.float32)
    own = []
    for adapter in adapters:
        alone = recipe_from_flags(
            [str(adapter)], method="task_arithmetic", base=str(base), name="x"
        )
        own.append(load(merge(alone, workspace=workspace).path, dtype=torch.float32))
    start = load(base, dtype=torch.float32)
    tokenizer = tiny_tokenizer()
    stem = "transformer.h.1" if family == "gpt2" else "model.layers.1"
    # each weight, and whose input the hidden states are that its output is added to
    sites = {
        "llama": (("self_attn.k_proj", ""), ("mlp.down_proj", "post_attention_layernorm")),
        "gpt2": (("attn.c_attn", ""), ("attn.c_proj", "ln_1"), ("mlp.c_proj", "ln_2")),
    }

    for end, stream in sites.get(family, sites["llama"]):
        name = f"{stem}.{end}"
        left: Tensor | float = 0.0
        right: Tensor | float = 0.0
        for domain, alone_model, weight in zip(DOMAINS, own, (1.0, 0.5), strict=True):
            x, counts = inputs_of(merged, name, domain.task, tokenizer)
            x_own, _ = inputs_of(alone_model, name, domain.task, tokenizer)
            share = (weight / counts.sum()) * counts[:, None]
            w = alone_model.get_submodule(name).weight.double()
            wanted = x_own @ (w if family == "gpt2" else w.T)
            if stream:
                before, _ = inputs_of(merged, f"{stem}.{stream}", domain.task, tokenizer)
                before_own, _ = inputs_of(alone_model, f"{stem}.{stream}", domain.task, tokenizer)
                wanted = wanted + before_own - before
            left = left + x.T @ (share * x)
            right = right + x.T @ (share * wanted)
        rho = 1e-2 * left.diagonal().mean()
        w0 = start.get_submodule(name).weight.double()
        right = right + rho * (w0 if family == "gpt2" else w0.T)
        solved = torch.linalg.solve(left + rho * torch.eye(len(left)), right)
        fitted = merged.get_submodule(name).weight.double()
        learned = fitted if family == "gpt2" else fitted.T
        assert torch.allclose(learned, solved.detach(), atol=5e-4)
        assert not torch.allclose(learned, (w0 if family == "gpt2" else w0.T), atol=5e-3)


@pytest.mark.parametrize(("family", "adds"), [("llama", [True, True]), ("gemma2", [False, False])])
def test_what_is_added_to_the_hidden_states_is_found_out(family: str, adds: list[bool]) -> None:
    shape = {**SHAPE, "vocab_size": 96, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = {"llama": LlamaConfig, "gemma2": Gemma2Config}[family](**shape)
    model = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.arange(3, 19).reshape(2, 8)
    batch = Batch(ids, torch.ones_like(ids))
    layers = find_layers(model)
    record_calls(model, layers, [batch])
    assert batch.first is not None

    computed = [
        adds_to_stream(layers[0], module, later, 0, batch, batch.first)
        for module, later in (("self_attn.o_proj", ["mlp.down_proj"]), ("mlp.down_proj", []))
    ]

    assert computed == adds
    assert not adds_to_stream(layers[0], "self_attn.o_proj", [], 0, batch, batch.first)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_it_answers_more_like_the_adapters_than_a_sum_does(
    tmp_path: Path, workspace: Workspace, family: str
) -> None:
    base, adapters = two(tmp_path, family)
    resolved = resolve(recipe_of(base, adapters), workspace=workspace, has_rows=True)
    swapped = SwappedModel(resolved.base, resolved.plan)
    fitter = Fitter(resolved, swapped, DOMAINS)
    bench = Bench(resolved, DOMAINS, progress=lambda _: None)

    def logits(model: torch.nn.Module, rows: Task) -> Tensor:
        parts = []
        for row in encode_answers(swapped.runtime.tokenizer, rows.examples, context_length=64):
            with torch.no_grad():
                parts.append(model(input_ids=torch.tensor([[*row.prompt, *row.answer]])).logits[0])
        return torch.cat(parts)

    def apart(weights: dict[str, Tensor]) -> float:
        total = 0.0
        for place, domain in enumerate(DOMAINS):
            alone = Trial("task_arithmetic", tuple(float(i == place) for i in range(2)), {})
            with swapped.merged(bench.merger(alone)):
                wanted = logits(swapped.model, domain.task)
            with swapped.holding(weights):
                total += float((logits(swapped.model, domain.task) - wanted).square().mean())
        return total

    fitted = fitter.weights(resolved.terms_of)
    plain = bench.merger(Trial("task_arithmetic", (1.0, 1.0), {}))
    with plain.one_thread():
        summed = {t.record.name: plain.tensor(t) for t in swapped.changed}

    assert apart(fitted) < 0.7 * apart(summed)


@pytest.mark.slow
def test_equal_adapters_give_themselves(tmp_path: Path, workspace: Workspace) -> None:
    base, (adapter, _) = two(tmp_path)
    twice = recipe_of(base, [adapter, adapter], parameters={"ridge": 1e-9})
    resolved = resolve(twice, workspace=workspace, has_rows=True)
    domains = [Domain(task("a", 1, 200), 0), Domain(task("b", 2, 200), 1)]

    fitted = fit(resolved, domains, terms=resolved.terms_of)

    swapped = SwappedModel(resolved.base, resolved.plan)
    ids = torch.tensor(
        [
            encode_answers(
                swapped.runtime.tokenizer, domains[0].task.examples[:1], context_length=64
            )[0].prompt
        ]
    )
    alone = Bench(resolved, domains, progress=lambda _: None).merger(
        Trial("task_arithmetic", (1.0, 0.0), {})
    )
    with torch.no_grad():
        with swapped.merged(alone):
            wanted = swapped.model(input_ids=ids).logits
        with swapped.holding(fitted):
            computed = swapped.model(input_ids=ids).logits
        plain = swapped.model(input_ids=ids).logits
    assert torch.allclose(computed, wanted, atol=1e-3)
    assert not torch.allclose(plain, wanted, atol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "trial", [Trial("regmean", (0.7, 0.4), {}), Trial("distill", (0.7, 0.4), {"steps": 5})]
)
def test_the_weights_tried_are_those_of_the_built_model(
    resolved: Resolved, workspace: Workspace, trial: Trial
) -> None:
    methods = RowMethods(resolved, SwappedModel(resolved.base, resolved.plan), DOMAINS)
    tried = methods.weights(trial.method, trial.terms_of())
    again = methods.weights(trial.method, trial.terms_of())  # its second trial is like its first

    artifact = merge(trial_recipe(resolved.recipe, trial), workspace=workspace, calibration=DOMAINS)

    built = load_file(artifact.path / "model.safetensors")
    start = load_file(Path(resolved.base.path) / "model.safetensors")
    assert set(tried) == {
        t.record.name for f in resolved.plan.files for t in f.tensors if t.changes
    }
    assert {n for n in tried if not torch.equal(tried[n], built[n])} == set()
    assert {n for n in tried if not torch.equal(tried[n], again[n])} == set()
    assert {n for n in start if n not in tried and not torch.equal(start[n], built[n])} == set()
    rows = artifact.card.settings["calibration"]
    assert [(r["domain"], r["rows"]) for r in rows] == [("a", 24), ("b", 24)]


def test_a_search_fits_to_one_half_and_judges_by_the_other(
    resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = DOMAINS, [replace(d, task=task(d.task.name, d.adapter, 60)) for d in DOMAINS]

    nothing, judged_by_all = rows_of(resolved, few, [], ())
    fitted, judged = rows_of(resolved, many, [], ())
    given = rows_of(resolved, many, few, ("regmean",))

    assert (nothing, judged_by_all) == ([], list(few))
    assert (fitted, judged) == halves(many)
    assert [len(d.task.examples) for d in [*fitted, *judged]] == [30] * 4
    for domain, other in zip(fitted, judged, strict=True):
        assert not {id(e) for e in domain.task.examples} & {id(e) for e in other.task.examples}
    assert given == (list(few), many)
    assert rows_of(resolved, many, [], METHODS) == ([], many)
    assert 0 < fit_seconds(resolved, many) < 1
    for device in RATE:  # a model so large that a fit would take hours
        monkeypatch.setitem(RATE, device, 1.0)
    assert rows_of(resolved, many, [], ()) == ([], many)
    assert rows_of(resolved, many, few, ("regmean",)) == (list(few), many)


def test_what_it_cannot_fit_is_refused(tmp_path: Path, workspace: Workspace) -> None:
    base, adapters = two(tmp_path)
    wide = make_adapter(base, tmp_path / "wide", targets=["q_proj", "embed_tokens"])

    with pytest.raises(RecipeError, match=r"there are none for .*/a, .*/b; name a file under"):
        resolve(recipe_of(base, adapters), workspace=workspace)
    with pytest.raises(
        AdaptError, match=r"embed_tokens\.weight, which an adapter changes, is none"
    ):
        resolve(recipe_of(base, [adapters[0], wide]), workspace=workspace, has_rows=True)
    with pytest.raises(RecipeError, match=r"'.*/b' has none"):
        merge(recipe_of(base, adapters), workspace=workspace, calibration=DOMAINS[:1])
    with pytest.raises(RecipeError, match="regmean cannot give an adapter"):
        merge(recipe_of(base, adapters), workspace=workspace, output="adapter", calibration=DOMAINS)
    single = [replace(d, task=replace(d.task, examples=d.task.examples[:1])) for d in DOMAINS]
    with pytest.raises(AdaptError, match="has one validation row"):
        halves(single)


def written(path: Path, rows: Task) -> Path:
    lines = [{"prompt": e.prompt[-1].content, "completion": e.answer} for e in rows.examples]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_recipe_names_the_rows_and_none_of_them_may_be_a_test_row(
    tmp_path: Path, workspace: Workspace
) -> None:
    base, adapters = two(tmp_path)
    for domain in DOMAINS:
        written(tmp_path / f"{domain.task.name}.jsonl", domain.task)
    text = f"merge_method: regmean\nbase_model: {base}\nmodels:\n"
    text += "".join(f"  - adapter: {adapter}\n" for adapter in adapters)
    good = tmp_path / "good.yaml"
    good.write_text(text + "calibration: {a: a.jsonl, b: b.jsonl}\n")
    lacking = tmp_path / "lacking.yaml"
    lacking.write_text(text + "calibration: {a: a.jsonl}\n")
    unread = tmp_path / "unread.yaml"
    unread.write_text(good.read_text().replace("regmean", "ties"))
    shared = tmp_path / "shared.yaml"
    shared.write_text(text + "calibration: {a: a.jsonl, b: b.jsonl}\nevaluate: {a: a.jsonl}\n")

    report = check(read_recipe(good), workspace=workspace)

    assert (report.method, report.gives_adapter) == ("regmean", False)
    with pytest.raises(RecipeError, match=r"merge_method.*none for .*/b; name a file"):
        check(read_recipe(lacking), workspace=workspace)
    with pytest.raises(RecipeError, match=r"calibration.*ties does not use it"):
        check(read_recipe(unread), workspace=workspace)
    with pytest.raises(RecipeError, match=r"calibration\.a.* holds the same rows as evaluate\.a"):
        read_recipe(shared)


def test_the_command_line_fits_to_rows_and_refuses_test_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, adapters = two(tmp_path)
    files = [written(tmp_path / f"{d.task.name}.jsonl", d.task) for d in DOMAINS]
    command: list[object] = ["merge", "team", "--base", base, "--method", "regmean"]
    for adapter, file in zip(adapters, files, strict=True):
        command += ["--adapter", adapter, "--calibration", f"{adapter.name}={file}"]
    shell = Shell(tmp_path / "w", capsys)

    done = shell(*command, "--json")
    refused = shell(*command, "--test", f"a={files[0]}")

    assert done.code == 0, done.err
    assert json.loads(done.out)["artifact"] == "team@1"
    assert refused.code != 0
    assert "24 of the test rows of 'a' are among the calibration rows" in " ".join(
        refused.err.split()
    )


def test_rows_that_determine_nothing_are_told(tmp_path: Path, workspace: Workspace) -> None:
    base, adapters = two(tmp_path)
    one_row_each = [replace(d, task=replace(d.task, examples=d.task.examples[:1])) for d in DOMAINS]

    with pytest.raises(ModelError, match="the rows do not determine it; use a larger ridge"):
        merge(
            recipe_of(base, adapters, parameters={"ridge": 1e-300}),
            workspace=workspace,
            calibration=one_row_each,
        )
