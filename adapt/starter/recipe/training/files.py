"""Writes the model folder and the run's checkpoint, each file complete or not at all; no pickle."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import GenerationConfig, LlamaForCausalLM

from adapt.errors import DataError
from adapt.starter.recipe.training.optimise import Optimisers
from adapt.starter.recipe.training.tokenizer import write_tokenizer

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class RunProgress:
    """Where a run stands: the next batch, and what was spent so far."""

    step: int
    pool: int
    index: int
    tokens: int
    seconds: float


def export_model(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write a plain Hugging Face folder with bf16 weights; a reader never sees half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.bfloat16()
    copy.generation_config = GenerationConfig.from_dict(
        {
            "eos_token_id": model.config.eos_token_id,
            "pad_token_id": model.config.pad_token_id,
            "max_new_tokens": 200,
            "do_sample": False,
        }
    )
    with tempfile.TemporaryDirectory(dir=folder.parent) as staging:
        copy.save_pretrained(staging)
        config = Path(staging) / "config.json"
        fields = json.loads(config.read_text(encoding="utf-8"))
        # transformers 4, vLLM and llama.cpp look for it here; without it they would assume 10,000
        fields["rope_theta"] = fields["rope_parameters"]["rope_theta"]
        fields["adapt"] = {"grounding": "auto"}
        write_json(config, fields)
        write_tokenizer(tokenizer, Path(staging), max_length=model.config.max_position_embeddings)
        for path in Path(staging).iterdir():
            path.chmod(0o644)
            path.replace(folder / path.name)


def save_checkpoint(
    model: LlamaForCausalLM, optimisers: Optimisers, progress: RunProgress, folder: Path
) -> None:
    """Write weights, optimiser state and progress as one safetensors file."""
    tensors: dict[str, Tensor] = {}
    names = {parameter: name for name, parameter in model.named_parameters()}
    for parameter, state in optimisers.states():
        name = names[parameter]
        tensors[f"weight.{name}"] = parameter.detach()
        for key, value in state.items():
            tensors[f"{key}.{name}"] = value
    staged = folder / f"{CHECKPOINT}.tmp"
    save_file(tensors, staged, metadata={"progress": json.dumps(asdict(progress))})
    with staged.open("rb") as handle:
        os.fsync(handle.fileno())
    staged.replace(folder / CHECKPOINT)


def load_checkpoint(model: LlamaForCausalLM, optimisers: Optimisers, folder: Path) -> RunProgress:
    """Put weights and optimiser state back and return the progress.

    Raises:
        DataError: there is no checkpoint, or it is damaged or of another model.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise DataError(f"{path}: no checkpoint to resume from; run without --resume")
    names = {parameter: name for name, parameter in model.named_parameters()}
    try:
        with safe_open(path, framework="pt") as stored:
            known = set(stored.keys())
            for parameter, state in optimisers.states():
                name = names[parameter]
                with torch.no_grad():
                    parameter.copy_(stored.get_tensor(f"weight.{name}"))
                for key in ("step", "exp_avg", "exp_avg_sq", "momentum_buffer"):
                    if f"{key}.{name}" in known:
                        state[key] = stored.get_tensor(f"{key}.{name}")
            return RunProgress(**json.loads(stored.metadata()["progress"]))
    except (SafetensorError, RuntimeError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: damaged, or the checkpoint of another model; run without --resume"
        ) from error


def write_json(path: Path, content: object) -> None:
    """Write JSON through a temporary file."""
    staged = path.with_name(path.name + ".tmp")
    staged.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    staged.replace(path)
