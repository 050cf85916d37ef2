"""Tiny random models of four families, and LoRA adapters on them whose B is not zero."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from adapt.workspace.folder import Workspace
from merge.recipes.recipe import Recipe

# peft 0.21 asks transformers for a name that transformers 5.23 has renamed
PEFT_WARNING = "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(PEFT_WARNING))


CONFIGS: dict[str, type[PretrainedConfig]] = {
    "llama": LlamaConfig,
    "qwen2": Qwen2Config,
    "qwen3": Qwen3Config,
    "mistral": MistralConfig,
    "gemma": GemmaConfig,
}
MANTISSA = {torch.float32: 23, torch.float16: 10, torch.bfloat16: 7}


def make_base(
    folder: Path,
    *,
    family: str = "llama",
    dtype: torch.dtype = torch.float32,
    tied: bool = False,
    shard: str = "1GB",
    seed: int = 0,
) -> Path:
    """Save a random two-layer model and return its folder."""
    torch.manual_seed(seed)
    config = CONFIGS[family](
        vocab_size=96,
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=12,
        max_position_embeddings=64,
        tie_word_embeddings=tied,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = AutoModelForCausalLM.from_config(config).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():  # norms too: ones would hide a lost factor
            parameter.add_(torch.randn_like(parameter) * 0.05)
    model.save_pretrained(folder, max_shard_size=shard)
    return folder


def load(folder: Path, *, dtype: torch.dtype | str = "auto") -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def make_adapter(
    base: Path,
    folder: Path,
    *,
    seed: int = 1,
    r: int = 4,
    targets: str | list[str] = "all-linear",
    **settings: object,
) -> Path:
    """Save a random adapter of a base and return its folder."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=r,
        lora_alpha=settings.pop("alpha", 2 * r),
        target_modules=targets,
        task_type="CAUSAL_LM",
        **settings,
    )
    model = get_peft_model(load(base, dtype=torch.float32), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                noise = torch.randn_like(parameter) * 0.1
                parameter.copy_(parameter + noise if "magnitude" in name else noise)
            elif "modules_to_save" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    return folder


def dense_deltas(base: Path, adapter: Path) -> dict[str, Tensor]:
    """Return s·B·A of each weight in fp64, from the layers that peft itself builds."""
    model = PeftModel.from_pretrained(load(base, dtype=torch.float32), adapter)
    deltas = {}
    for name, layer in model.get_base_model().named_modules():
        if isinstance(layer, LoraLayer):
            a = layer.lora_A["default"].weight.detach().double()
            b = layer.lora_B["default"].weight.detach().double()
            deltas[f"{name}.weight"] = layer.scaling["default"] * (b @ a)
    return deltas


def rounding_step(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the distance between neighbours of `dtype` at the size of each value."""
    exponent = torch.frexp(values.double().abs().clamp(min=torch.finfo(dtype).tiny))[1]
    return torch.exp2((exponent - 1 - MANTISSA[dtype]).double())


def steps_apart(ours: Tensor, reference: Tensor, *, size: Tensor | None = None) -> float:
    """Return the largest difference in rounding steps of our dtype, at the size of `size` or of the reference."""
    step = rounding_step(reference if size is None else size, ours.dtype)
    return float(((ours.double() - reference.double()).abs() / step).max())


def weights(folder: Path) -> dict[str, Tensor]:
    return {
        k: v for file in sorted(folder.glob("*.safetensors")) for k, v in load_file(file).items()
    }


def make_recipe(base: Path, adapters: list[Path], method: str, **fields: object) -> Recipe:
    """Make a recipe with a different weight (and density) for each adapter."""
    parameters = fields.pop("sources", None) or [
        {"weight": 0.9 - 0.35 * i} | ({"density": 0.3 + 0.2 * i} if method == "ties" else {})
        for i in range(len(adapters))
    ]
    models = [
        {"adapter": str(a), "parameters": p} for a, p in zip(adapters, parameters, strict=True)
    ]
    return Recipe.model_validate(
        {"merge_method": method, "base_model": str(base), "models": models} | fields
    )


@dataclass(frozen=True)
class Zoo:
    """Makes bases and adapters once per session; the same arguments give the same folder."""

    root: Path
    made: dict[str, Path]

    def base(self, family: str = "llama", **settings: object) -> Path:
        return self._once(
            f"{family}-{settings}", lambda out: make_base(out, family=family, **settings)
        )

    def adapter(self, base: Path, **settings: object) -> Path:
        key = f"{base}-{settings}"
        return self._once(key, lambda out: make_adapter(base, out, **settings))

    def _once(self, key: str, make: Callable[[Path], Path]) -> Path:
        if key not in self.made:
            self.made[key] = make(self.root / str(len(self.made)))
        return self.made[key]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute on one thread: the models are so small that threads would wait for each other longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"), {})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")
