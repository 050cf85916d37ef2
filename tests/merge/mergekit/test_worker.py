"""What the worker does, in this process, against mergekit itself; the process around it is tested in `test_mergekit`."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mergekit.config import MergeConfiguration
from mergekit.io.tasks import LoaderCache
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from adapt.errors import ModelError
from adapt.workspace.folder import Workspace
from merge.mergekit.check import resolve
from merge.mergekit.config import job_of
from merge.mergekit.open_result import try_model
from merge.mergekit.process import WorkerJob
from merge.mergekit.worker import WORK, per_layer
from merge.recipes.mergekit.recipe import parse
from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore")
Work = Callable[[dict[str, object]], tuple[Path, WorkerJob, dict[str, object]]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = tmp_path_factory.mktemp("models")
    return [str(tiny.make_base(root / f"m{seed}", seed=seed, layers=3)) for seed in range(3)]


@pytest.fixture
def work(workspace: Workspace, tmp_path: Path) -> Work:
    """Return what checks a recipe and does the worker's part of it."""

    def done(values: dict[str, object]) -> tuple[Path, WorkerJob, dict[str, object]]:
        recipe = parse(values, where="recipe", lines={}, faults=[])
        resolved = resolve(recipe, workspace=workspace)
        folders = {name: model.folder for name, model in resolved.models.items()}
        out = tmp_path / "out"
        out.mkdir()
        job = job_of(resolved, folders, out=out)
        LoaderCache().loaders.clear()
        torch.manual_seed(job.seed)
        return out, job, WORK[job.kind](job)

    return done


def weights(folder: Path) -> dict[str, Tensor]:
    return {k: v for f in sorted(folder.glob("*.safetensors")) for k, v in load_file(f).items()}


def directly(job: WorkerJob, out: Path) -> dict[str, Tensor]:
    """Return what mergekit's own command makes of the same configuration."""
    LoaderCache().loaders.clear()
    options = MergeOptions(quiet=True, write_model_card=False, random_seed=job.seed)
    run_merge(MergeConfiguration.model_validate(job.config), str(out), options)
    return weights(out)


def sources(models: list[str], *names: int, **parameters: object) -> list[dict[str, object]]:
    return [{"model": models[i], "parameters": dict(parameters)} for i in names]


GRADIENT = {
    "t": [
        {"filter": "self_attn", "value": [0, 0.5, 1]},
        {"filter": "mlp", "value": [1, 0]},
        {"value": 0.25},
    ]
}
MERGES: dict[str, Callable[[list[str]], dict[str, object]]] = {
    "linear": lambda m: {
        "merge_method": "linear",
        "models": [*sources(m, 0, weight=0.7), *sources(m, 2, weight=0.2)],
        "dtype": "float32",
        "out_dtype": "bfloat16",
    },
    "ties": lambda m: {
        "merge_method": "ties",
        "base_model": m[0],
        "models": sources(m, 1, 2, weight=[0.2, 1.0], density=0.4),
        "parameters": {"normalize": True},
    },
    "slerp with gradients and filters": lambda m: {
        "merge_method": "slerp",
        "base_model": m[0],
        "models": [{"model": m[0]}, {"model": m[1]}],
        "parameters": GRADIENT,
    },
    "model stock": lambda m: {
        "merge_method": "model_stock",
        "base_model": m[0],
        "models": [{"model": m[1]}, {"model": m[2]}],
        "parameters": {"filter_wise": True},
    },
    "dare": lambda m: {
        "merge_method": "dare_ties",
        "base_model": m[0],
        "models": sources(m, 1, 2, weight=0.5, density=0.5),
        "seed": 5,
    },
    "modules": lambda m: {
        "merge_method": "linear",
        "modules": {"default": {"models": sources(m, 0, 1), "parameters": {"weight": 0.5}}},
    },
    "slices": lambda m: {
        "merge_method": "slerp",
        "base_model": m[0],
        "parameters": {"t": 0.5},
        "slices": [
            {
                "sources": [
                    {"model": m[0], "layer_range": [0, 2]},
                    {"model": m[1], "layer_range": [1, 3]},
                ],
                "parameters": {"t": [0.1, 0.9]},
            }
        ],
    },
}


@pytest.mark.parametrize("what", MERGES)
def test_a_merge_is_that_of_a_direct_run_of_mergekit(
    models: list[str], work: Work, tmp_path: Path, what: str
) -> None:
    out, job, result = work(MERGES[what](models))

    ours, theirs = weights(out), directly(job, tmp_path / "theirs")

    assert result["opened"] is True
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not torch.equal(ours["lm_head.weight"], weights(Path(models[0]))["lm_head.weight"])
    tokenizer = out / "tokenizer.json"
    assert tokenizer.read_bytes() == (Path(models[0]) / "tokenizer.json").read_bytes()


def test_a_gradient_gives_each_layer_its_own_value(models: list[str], work: Work) -> None:
    out, _, _ = work(MERGES["slerp with gradients and filters"](models))

    ours, first, second = weights(out), weights(Path(models[0])), weights(Path(models[1]))
    name = "model.layers.{}.{}.weight"
    for layer, part, source in (
        (0, "self_attn.q_proj", first),
        (2, "self_attn.q_proj", second),
        (0, "mlp.up_proj", second),
        (2, "mlp.up_proj", first),
    ):
        key = name.format(layer, part)
        torch.testing.assert_close(ours[key], source[key], atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_stacked_layers_are_those_of_their_models(work: Work, tmp_path: Path, family: str) -> None:
    base = tiny.make_base(tmp_path / "a", family, layers=3)
    other = tiny.make_base(tmp_path / "b", family, seed=3, layers=3)
    taken = [(base, 0), (base, 1), (other, 0), (other, 1), (base, 1), (base, 2)]
    ranges = [(base, 0, 2), (other, 0, 2), (base, 1, 3)]

    out, _, result = work(
        {
            "merge_method": "passthrough",
            "slices": [
                {"sources": [{"model": str(m), "layer_range": [a, b]}]} for m, a, b in ranges
            ],
        }
    )

    ours, plain = weights(out), {base: weights(base), other: weights(other)}
    config = AutoConfig.from_pretrained(out)
    assert result["layers"] == config.num_hidden_layers == 6
    for number, (source, layer) in enumerate(taken):
        begin = f"model.layers.{layer}."
        for name in (n for n in plain[source] if n.startswith(begin)):
            key = name.replace(begin, f"model.layers.{number}.")
            assert torch.equal(ours[key], plain[source][name]), key
    if family == "qwen3":
        assert len(config.layer_types) == 6


def test_lists_of_a_configuration_follow_the_layers() -> None:
    config = {"layer_types": ["full", "sliding", "full"], "layers_at": [1], "sizes": [1, 2, 3]}

    assert per_layer(config, [0, 1, 1, 2]) == {
        "layer_types": ["full", "sliding", "sliding", "full"]
    }
    assert per_layer(config, []) == {}


def test_a_union_of_tokenizers_keeps_every_token_and_its_embedding(
    work: Work, tmp_path: Path
) -> None:
    base, other = tiny.make_base(tmp_path / "a"), tiny.make_base(tmp_path / "b", seed=3)
    tokenizer = AutoTokenizer.from_pretrained(other)
    tokenizer.add_tokens(["<special>"])
    tokenizer.save_pretrained(other)
    model = AutoModelForCausalLM.from_pretrained(other)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(other)

    out, _, _ = work(
        {
            "merge_method": "linear",
            "base_model": str(base),
            "models": sources([str(base), str(other)], 0, 1, weight=0.5),
            "tokenizer": {"source": "union", "pad_to_multiple_of": 8},
            "chat_template": "chatml",
        }
    )

    merged = AutoTokenizer.from_pretrained(out)
    number = merged.convert_tokens_to_ids("<special>")
    table, theirs = weights(out)["model.embed_tokens.weight"], model.get_input_embeddings().weight
    assert number == len(merged) - 1
    assert table.shape[0] % 8 == 0
    assert AutoConfig.from_pretrained(out).vocab_size == table.shape[0]
    torch.testing.assert_close(table[number], theirs[-1].detach())
    assert "im_start" in merged.chat_template
    assert (out / "generation_config.json").is_file()


@pytest.mark.parametrize(
    ("config", "shared"), [(LlamaConfig, 0), (Qwen3Config, 0), (LlamaConfig, 1), (Qwen2Config, 1)]
)
def test_a_mixture_of_near_copies_answers_as_the_model_does(
    work: Work, tmp_path: Path, config: type[PretrainedConfig], shared: int
) -> None:
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": 500.0}
    unusual = {"vocab_size": 364, "rms_norm_eps": 1e-3, "rope_parameters": rope}
    model = AutoModelForCausalLM.from_config(config(**tiny.SHAPE | unusual))
    folders = []
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for i in range(3):  # mergekit refuses experts that are the same
            model.model.layers[0].mlp.up_proj.weight.add_(1e-7)
            folders.append(str(tiny.make_base(tmp_path / f"m{i}")))
            model.save_pretrained(folders[-1])
    experts = [
        {"source_model": folder, "positive_prompts": [word]}
        for folder, word in zip(folders[1:], ("refund", "office"), strict=True)
    ]
    silent = {"source_model": folders[0], "positive_prompts": ["help"], "residual_scale": 0.0}

    out, _, _ = work(
        {
            "base_model": folders[0],
            "gate_mode": "cheap_embed",
            "experts_per_token": 1,
            "experts": experts,
            "shared_experts": [silent] * shared,
        }
    )

    tokens = torch.arange(3, 40)[None]
    with torch.no_grad():
        ours = AutoModelForCausalLM.from_pretrained(out)(tokens).logits
        torch.testing.assert_close(ours, model(tokens).logits, atol=1e-4, rtol=0)


def test_an_extracted_adapter_is_the_truncated_svd(models: list[str], work: Work) -> None:
    out, _, result = work(
        {"extract_lora": {"model": models[1], "base_model": models[0], "rank": 5}}
    )

    base = AutoModelForCausalLM.from_pretrained(models[0])
    merged = PeftModel.from_pretrained(base, out).merge_and_unload().state_dict()
    error = size = 0.0
    for name, plain in weights(Path(models[0])).items():
        tuned = weights(Path(models[1]))[name].double()
        if name.endswith("_proj.weight"):
            u, s, v = torch.linalg.svd(tuned - plain.double(), full_matrices=False)
            expected = plain.double() + (u[:, :5] * s[:5]) @ v[:5]
            error, size = error + float((s[5:] ** 2).sum()), size + float((s**2).sum())
        else:
            expected = tuned  # embeddings and norms are kept whole where they differ
        torch.testing.assert_close(merged[name].double(), expected, atol=1e-5, rtol=0)
    assert result["relative_error"] == pytest.approx((error / size) ** 0.5, rel=1e-4)
    assert result["rank"] == 5


def test_only_what_differs_is_extracted_and_biases_are_not_lost(work: Work, tmp_path: Path) -> None:
    base = tmp_path / "base"
    tiny.make_base(base)
    config = {**tiny.SHAPE, "vocab_size": 364, "max_window_layers": 2}
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(Qwen2Config(**config)).save_pretrained(base)
    tuned = tmp_path / "tuned"
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        layer = model.model.layers[0].self_attn.q_proj
        layer.weight.add_(torch.outer(torch.randn(32), torch.randn(32)))
        layer.bias.add_(1.5)
        model.model.layers[1].mlp.up_proj.weight.mul_(1.5)
    model.save_pretrained(tuned)

    out, _, result = work(
        {"extract_lora": {"model": str(tuned), "base_model": str(base), "rank": 32}}
    )

    plain = AutoModelForCausalLM.from_pretrained(base)
    tokens = torch.tensor([[5, 6, 7, 8]])
    adapted = PeftModel.from_pretrained(plain, out)
    with torch.no_grad():
        torch.testing.assert_close(
            adapted(input_ids=tokens).logits, model(tokens).logits, atol=1e-4, rtol=0
        )
    assert (result["modules"], result["kept_whole"]) == (2, 0)


def test_what_does_not_open_is_not_taken_for_a_result(models: list[str], tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(models[0])
    config.save_pretrained(tmp_path)
    good = weights(Path(models[0]))
    missing = {name: t for name, t in good.items() if name != "model.norm.weight"}

    save_file(missing, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 missing keys, first model\.norm\.weight"):
        try_model(tmp_path)

    broken = good | {"model.norm.weight": torch.full_like(good["model.norm.weight"], torch.nan)}
    save_file(broken, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="answers with no numbers"):
        try_model(tmp_path)


def test_a_change_that_mergekit_would_leave_out_is_an_error(work: Work, tmp_path: Path) -> None:
    base = tiny.make_base(tmp_path / "base")
    config = AutoConfig.from_pretrained(base)
    config.attention_bias = True  # its description of Llama has no such biases
    AutoModelForCausalLM.from_config(config).save_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.bias.add_(1.5)
        model.model.layers[0].self_attn.q_proj.weight.mul_(1.5)
    model.save_pretrained(tmp_path / "tuned")
    recipe = {"model": str(tmp_path / "tuned"), "base_model": str(base), "rank": 4}

    with pytest.raises(ModelError, match=r"layers\.0\.self_attn\.q_proj\.bias differs"):
        work({"extract_lora": recipe})
