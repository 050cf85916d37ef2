"""Which model families are written as GGUF, and what llama.cpp wants to know of each: one table, a line per family.

Source: llama.cpp's `conversion/{llama,qwen,gemma}.py` and `src/models/*.cpp`. What these cannot hold is refused by name.
Not here: tokenizers (`merge.export.gguf.tokenizer`) and the writing of tensors (`merge.export.gguf.writer`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adapt.errors import ModelError
from merge.weights.checkpoint import Checkpoint

if TYPE_CHECKING:
    from gguf import GGUFWriter

Config = dict[str, Any]
SILU, GELU = "silu", "gelu_pytorch_tanh"
QKV = ("q_proj", "k_proj", "v_proj")
ROPE_KEYS = {"rope_type", "type", "rope_theta", "partial_rotary_factor"}
SCALINGS = {
    "default": set[str](),
    "linear": {"factor"},
    "llama3": {
        "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"
    },
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """How llama.cpp knows a family of models.

    Attributes:
        arch: the architecture's name in `gguf.MODEL_ARCH`.
        turned: whether q and k are stored for a rotation of neighbours; transformers' are for one of halves.
        norm_shift: added to every norm: Gemma's are stored as their distance from 1.
        has_head: whether a head that is not the embedding can be stored.
        biases: modules that may have one.
        add: writes the keys that only this family has.
        fault: returns why a configuration cannot be written, or "".
    """

    arch: str
    activation: str = SILU
    turned: bool = False
    norm_shift: float = 0.0
    has_head: bool = True
    biases: tuple[str, ...] = ()
    add: Callable[["GGUFWriter", Config], None] = lambda _writer, _config: None
    fault: Callable[[Config], str] = lambda _config: ""


def _add_gemma2(writer: "GGUFWriter", config: Config) -> None:
    for key, add in (
        ("attn_logit_softcapping", writer.add_attn_logit_softcapping),
        ("final_logit_softcapping", writer.add_final_logit_softcapping),
    ):
        if config.get(key):
            add(float(config[key]))
    writer.add_sliding_window(int(config.get("sliding_window") or 4096))


def _add_gemma3(writer: "GGUFWriter", config: Config) -> None:
    if config.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(float(config["final_logit_softcapping"]))
    writer.add_sliding_window(int(config.get("sliding_window") or 4096))
    writer.add_rope_freq_base_swa(float(rope(config, kind="sliding_attention")["rope_theta"]))


def _gemma2_fault(config: Config) -> str:
    if not config.get("attn_logit_softcapping", 50.0):
        return "no soft cap on its attention"
    return _gemma_fault(config, every=2)


def _gemma3_fault(config: Config) -> str:
    if config.get("attn_logit_softcapping"):
        return "a soft cap on its attention"
    if rope(config, kind="sliding_attention").get("rope_type", "default") != "default":
        return "rotary scaling in its sliding layers"
    return _gemma_fault(config, every=6)


def _gemma_fault(config: Config, *, every: int) -> str:
    """Return what llama.cpp does not read from the file: it knows the pattern of windows and the scale by itself."""
    layers = int(config["num_hidden_layers"])
    pattern = ["full" if (i + 1) % every == 0 else "sliding" for i in range(layers)]
    kinds = [str(kind).removesuffix("_attention") for kind in config.get("layer_types") or pattern]
    if kinds != pattern or config.get("sliding_window_pattern", every) != every:
        return f"a pattern of sliding windows other than one full layer in {every}"
    if config.get("use_bidirectional_attention"):
        return "attention in both directions"
    scale = config.get("query_pre_attn_scalar", 256)
    heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
    widest = 46 if every == 2 else 62  # the 27 B of either generation
    if scale != (width / heads if layers == widest else head_size(config)):
        return f"query_pre_attn_scalar {scale}"
    return ""


def _qwen2_fault(config: Config) -> str:
    if head_size(config) * int(config["num_attention_heads"]) != int(config["hidden_size"]):
        return "heads that are not as wide as the model together"
    return ""


LLAMA_BIASES = (*QKV, "o_proj", "gate_proj", "up_proj", "down_proj")
FAMILIES = {
    "llama": Family("LLAMA", turned=True, biases=LLAMA_BIASES),
    "mistral": Family("LLAMA", turned=True),
    "qwen2": Family("QWEN2", biases=QKV, fault=_qwen2_fault),
    "qwen3": Family("QWEN3"),
    "gemma": Family("GEMMA", GELU, norm_shift=1.0, has_head=False),
    "gemma2": Family(
        "GEMMA2", GELU, norm_shift=1.0, has_head=False, add=_add_gemma2, fault=_gemma2_fault
    ),
    "gemma3_text": Family("GEMMA3", GELU, norm_shift=1.0, add=_add_gemma3, fault=_gemma3_fault),
}


def family_of(checkpoint: Checkpoint) -> Family:
    """Return the family of a model.

    Raises:
        ModelError: it is none of the table's, or has something that llama.cpp does not compute for this family.
    """
    config: Config = checkpoint.config
    kind = str(config.get("model_type"))
    if kind not in FAMILIES:
        raise ModelError(
            f"{checkpoint.folder}: GGUF is written for {', '.join(FAMILIES)}, and this is '{kind}'; "
            "export it with --to hf and use llama.cpp's convert_hf_to_gguf.py"
        )
    family = FAMILIES[kind]
    fault = _fault(family, checkpoint)
    if fault:
        raise ModelError(f"{checkpoint.folder}: GGUF of '{kind}' with {fault} is not written")
    return family


def _fault(family: Family, checkpoint: Checkpoint) -> str:
    config: Config = checkpoint.config
    activation = config.get("hidden_activation") or config.get("hidden_act") or family.activation
    if activation != family.activation:
        return f"activation '{activation}'"
    if not family.has_head and not checkpoint.is_tied:
        return "an output head of its own"
    for name in checkpoint.home:
        if name.endswith(".bias") and name.split(".")[-2] not in family.biases:
            return f"the bias '{name}'"
    return _rope_fault(rope(config)) or family.fault(config)


def _rope_fault(parameters: Config) -> str:
    kind = str(parameters.get("rope_type", "default"))
    if kind not in SCALINGS:
        return f"'{kind}' rotary scaling"
    if parameters.get("partial_rotary_factor", 1.0) != 1.0:
        return "a partial rotation"
    extra = sorted({key for key, value in parameters.items() if value is not None} - ROPE_KEYS)
    unknown = [key for key in extra if key not in SCALINGS[kind]]
    return f"'{unknown[0]}' in its rotary scaling" if unknown else ""


def rope(config: Config, *, kind: str = "full_attention") -> Config:
    """Return the rotary embedding's parameters of a kind of layers, as transformers 5 writes them or as 4 did."""
    parameters = config.get("rope_parameters") or {}
    if kind in parameters:
        return {"rope_theta": 10_000.0, **parameters[kind]}
    if kind == "sliding_attention":
        return {"rope_theta": config.get("rope_local_base_freq", 10_000.0)}
    theta = 1_000_000.0 if config.get("model_type") == "gemma3_text" else 10_000.0
    parameters = parameters or config.get("rope_scaling") or {}
    old = {"rope_type": parameters["type"]} if "type" in parameters else {}
    return {"rope_theta": config.get("rope_theta", theta), **old, **parameters}


def head_size(config: Config) -> int:
    """Return the width of one attention head."""
    heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
    return int(config.get("head_dim") or width // heads)


def context_length(config: Config) -> int:
    """Return how many tokens the file promises.

    Where llama.cpp would look past a window that the model was made with (Mistral, Qwen), it is that window: inside of it
    both are the same.
    """
    longest = int(config["max_position_embeddings"])
    window = config.get("sliding_window")
    kind = str(config.get("model_type"))
    slides = kind == "mistral" or bool(config.get("use_sliding_window"))
    return min(longest, int(window)) if window and slides and "gemma" not in kind else longest


def add_rope(writer: "GGUFWriter", config: Config) -> None:
    """Write base and linear scaling of the rotary embedding; Llama 3's scaling is a tensor (`rope_factors`)."""
    import gguf

    parameters = rope(config)
    writer.add_rope_dimension_count(head_size(config))
    writer.add_rope_freq_base(float(parameters["rope_theta"]))
    if parameters.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(parameters["factor"]))


def rope_factors(config: Config) -> Tensor | None:
    """Return by what each rotary frequency is divided, of shape (head size / 2,), or None where none is.

    As transformers' `_compute_llama3_parameters` has it: long waves by `factor`, short ones by 1, between them smoothly.
    """
    parameters = rope(config)
    if parameters.get("rope_type") != "llama3":
        return None
    factor, low, high = (
        float(parameters[key]) for key in ("factor", "low_freq_factor", "high_freq_factor")
    )
    old = float(parameters["original_max_position_embeddings"])
    size = head_size(config)
    powers = torch.arange(0, size, 2, dtype=torch.float64) / size
    turns = old * float(parameters["rope_theta"]) ** -powers / (2 * math.pi)
    smooth = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).float()
