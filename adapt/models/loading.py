"""Base model folder → weights and tokenizer in memory; safetensors only, and no code of a model's repository.

Not here: which base a name means (`adapt.registry.bases.find`), and what is done with a loaded one (`adapt.models.runtime`,
`finetune`).
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from adapt.errors import ModelError
from adapt.models.rendering import prepare_tokenizer, render
from adapt.records import Message
from adapt.registry.bases.find import Base

LARGE_PARAMETERS = (
    1_000_000_000  # above it, bf16 on the CPU too: fp32 would not fit the memory of a laptop
)

transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # our own bars take their place


def device_name() -> str:
    """Return what models run on here, for people."""
    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name()}"
    return f"cpu, {torch.get_num_threads()} threads, torch {torch.__version__}"


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model folder, with a padding token and a chat template.

    Raises:
        ModelError: there is none, or it cannot be read.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(f"{folder}: no usable tokenizer ({first_line(error)})") from error
    prepare_tokenizer(tokenizer)
    tokenizer.padding_side = "left"
    return tokenizer


def check_opens(name: str, folder: Path) -> None:
    """Open what can be opened of a base without its weights: its architecture, its tokenizer, its chat template.

    Raises:
        ModelError: the architecture is none of the library's, or one of the three cannot be used.
    """
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"base '{name}' cannot be used: {first_line(error)}") from error
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ModelError(
            f"base '{name}' is a '{config.model_type}', which is no model that continues text; choose an instruct model"
        )
    messages = [Message("system", "Be brief."), Message("user", "¿Qué hora es?")]
    render(load_tokenizer(folder), messages, add_generation_prompt=True)


def check_four_bit() -> None:
    """Find out whether bases can be held in 4 bits here.

    Raises:
        ModelError: the library that does it is not installed.
    """
    try:  # not by looking for the module, which is hidden where nothing is trained (`ui.environment`)
        version("bitsandbytes")
    except PackageNotFoundError as error:
        raise ModelError(
            "qlora needs bitsandbytes: pip install 'adapt-llm[qlora]'; or train with --variant lora"
        ) from error


def load_base(
    base: Base, *, four_bit: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a base model and its tokenizer for inference or training; safetensors only, no remote code.

    Weights are fp32 on a CPU (bf16 from one billion parameters), bf16 on a GPU that has it.

    Args:
        four_bit: whether the weights of linear layers, the head's apart, are held as 4-bit NormalFloats, their scales as
            8-bit numbers (QLoRA, arXiv:2305.14314, section 3); the numbers computed with are as above.

    Raises:
        ModelError: a weight file is damaged, a weight is missing, or the architecture is unknown.
    """
    check_safetensors(base.path.glob("*.safetensors"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = sum(file.stat().st_size for file in base.path.glob("*.safetensors"))
    small_on_cpu = device == "cpu" and size < 2 * LARGE_PARAMETERS
    dtype = torch.float32 if small_on_cpu else torch.bfloat16
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            base.path,
            dtype=dtype,
            **(_four_bit(device, dtype) if four_bit else {}),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise ModelError(f"base '{base.id}' cannot be loaded: {first_line(error)}") from error
    model: PreTrainedModel = loaded[0]
    missing = sorted(loaded[1]["missing_keys"])
    if missing:
        raise ModelError(
            f"base '{base.id}': {len(missing)} weights are missing from its files, the first is {missing[0]}"
        )
    if four_bit:
        _keep_packing(model)
    else:
        torch.nn.Module.to(model, device)
    model.train(mode=False)
    return model, load_tokenizer(base.path)


def _four_bit(device: str, dtype: torch.dtype) -> dict[str, Any]:
    """Return what loads a base in 4 bits: tensor by tensor onto its device, which need not hold it whole."""
    check_four_bit()
    config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]  # transformers'
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": config, "device_map": {"": device}}


def _keep_packing(model: PreTrainedModel) -> None:
    """Keep layers from packing their weights again, with scales in bf16, when a loss is taken amid a training."""
    for layer in model.modules():
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            setattr(layer, "support_avx512bf16_for_cpu", False)  # noqa: B010  torch types it as a module


def check_safetensors(files: Iterator[Path] | Sequence[Path]) -> None:
    """Open each file's header.

    Raises:
        ModelError: one is not a whole safetensors file; the text names it.
    """
    for file in files:
        try:
            with safe_open(file, framework="pt"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"{file}: damaged or not a safetensors file ({first_line(error)}); fetch or publish it again"
            ) from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, or its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
