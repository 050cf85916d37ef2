"""What the benchmark of merging is run on and with: models, adapters, recipes, and one process measured from outside."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, Qwen2Config

MB = 1 << 20
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SHAPES: dict[str, PretrainedConfig] = {
    "494M": Qwen2Config(
        vocab_size=151_936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    ),
    "1.2B": LlamaConfig(
        vocab_size=128_256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=64,
        tie_word_embeddings=True,
    ),
}

WATCH = """
import json, resource, subprocess, sys, time
report, log, *command = sys.argv[1:]
started = time.monotonic()
with open(log, "wb") as output:
    status = subprocess.call(command, stdout=output, stderr=output)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cost = {"status": status, "seconds": time.monotonic() - started, "peak": used.ru_maxrss, "blocks": used.ru_oublock}
json.dump(cost, open(report, "w"))
"""


@dataclass(frozen=True)
class Cost:
    """Wall time, largest resident memory and bytes written of one process."""

    seconds: float
    peak_mb: float
    written: int


def make_base(folder: Path, shape: str) -> Path:
    """Save a random bf16 model and return its folder."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(SHAPES[shape], dtype=torch.bfloat16)
    model.save_pretrained(folder)
    return folder


def make_adapters(base: Path, count: int, *, embedding: bool = False) -> list[Path]:
    """Save random adapters of rank 16 on all linear layers, and on the embedding if asked, and return their folders."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    folders = []
    for i in range(count):
        targets = [*LINEARS, "embed_tokens"] if embedding else LINEARS
        lora = LoraConfig(r=16, lora_alpha=32, target_modules=targets, task_type="CAUSAL_LM")
        adapted = get_peft_model(model, lora)
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if "lora_B" in name or "lora_embedding" in name:
                    parameter.normal_(std=0.01)
        folders.append(base.parent / f"{base.name}-{'wide' if embedding else 'adapter'}{i}")
        adapted.save_pretrained(folders[-1])
        model = adapted.unload()
    return folders


def write_recipe(base: Path, adapters: list[Path], method: str) -> Path:
    """Write a recipe that both mergekit and we read, and return its path."""
    density = {} if method == "task_arithmetic" else {"density": 0.5}
    models = [
        {"model": f"{base}+{adapter}", "parameters": {"weight": 0.6, **density}}
        for adapter in adapters
    ]
    recipe = {
        "merge_method": method,
        "base_model": str(base),
        "models": models,
        "dtype": "bfloat16",
    }
    path = base.parent / f"{method}-{adapters[0].name}-{len(adapters)}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def measure(arguments: list[str], log: Path) -> Cost:
    """Run Python in a process of its own and return what it cost.

    Raises:
        RuntimeError: it failed; the text is the end of its output.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    # what is installed has its bytecode, and so the peers have
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    report = log.with_suffix(".json")
    # a light process in between: a child's peak starts from its parent's, and this one is large
    command = [sys.executable, "-S", "-c", WATCH, str(report), str(log), sys.executable, *arguments]
    subprocess.run(command, env=environment, check=True)
    cost = json.loads(report.read_text())
    if cost["status"]:
        raise RuntimeError(f"{arguments[:2]} failed:\n{log.read_text()[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB on Linux
    return Cost(cost["seconds"], cost["peak"] * unit / MB, cost["blocks"] * 512)
