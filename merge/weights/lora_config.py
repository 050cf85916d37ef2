"""`adapter_config.json` of peft: what is needed for ΔW, and a refusal by name of what would make ΔW wrong.

Imports neither torch nor peft: a recipe is checked in milliseconds. Source: peft 0.21, `tuners/lora/config.py`.
"""

import math
from pathlib import Path

import regex
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapt.errors import ModelError
from adapt.registry.model_files import read_object

CONFIG = "adapter_config.json"
PATTERN_SECONDS = 0.5  # a pattern that backtracks without end is somebody's trap or mistake
# Initialisations that change the base's own weights: ΔW belongs to that changed base, not to the one on disk.
BASE_CHANGING = ("pissa", "olora", "corda", "loftq", "lora_ga")
# Features whose effect is not a difference of weights, or whose tensors are laid out otherwise.
UNSUPPORTED = (
    "trainable_token_indices",
    "layer_replication",
    "use_qalora",
    "target_parameters",
    "use_bdlora",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "alora_invocation_tokens",
    "ensure_weight_tying",
)


class LoraConfig(BaseModel):
    """The part of peft's LoRA configuration that decides ΔW."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    r: int = Field(8, gt=0)
    lora_alpha: float = 8
    use_rslora: bool = False
    use_dora: bool = False
    fan_in_fan_out: bool = False
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}

    def rank(self, module: str) -> int:
        """Return the rank of a module's adapter, `rank_pattern` applied."""
        return self.rank_pattern.get(_pattern_key(self.rank_pattern, module), self.r)

    def scaling(self, module: str) -> float:
        """Return the factor before B·A: alpha / rank, or alpha / √rank with rank-stabilised LoRA."""
        alpha = self.alpha_pattern.get(_pattern_key(self.alpha_pattern, module), self.lora_alpha)
        rank = self.rank(module)
        return alpha / math.sqrt(rank) if self.use_rslora else alpha / rank


def _pattern_key(patterns: dict[str, int] | dict[str, float], module: str) -> str:
    """Return the first pattern that matches the end of a module's name, as peft's `get_pattern_key` does."""
    for pattern in patterns:
        try:
            if regex.match(rf"(.*\.)?({pattern})$", module, timeout=PATTERN_SECONDS):
                return pattern
        except TimeoutError as error:
            raise ModelError(
                f"{CONFIG}: the pattern '{pattern[:60]}' takes over {PATTERN_SECONDS} s for one name; write the names out"
            ) from error
    return module


def read_lora_config(folder: Path) -> LoraConfig:
    """Return the configuration of an adapter folder.

    Raises:
        ModelError: it is missing, damaged, not LoRA, or uses something that cannot be merged exactly.
    """
    path = folder / CONFIG
    if not path.exists():
        raise ModelError(f"{folder}: has no {CONFIG}; is it an adapter folder?")
    raw = read_object(path)
    refused = _refusal(raw)
    if refused:
        raise ModelError(f"{path}: {refused}")
    given = {key: value for key, value in raw.items() if value is not None}
    try:
        config = LoraConfig.model_validate(given)
        for pattern in (*config.rank_pattern, *config.alpha_pattern):
            regex.compile(pattern)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        raise ModelError(f"{path}: {key}: {fault['msg']} (got {fault['input']!r})") from error
    except regex.error as error:
        raise ModelError(
            f"{path}: a rank_pattern or alpha_pattern is no pattern ({error})"
        ) from error
    return config


def _refusal(raw: dict[str, object]) -> str:
    """Return why an adapter of this configuration cannot be merged, or nothing."""
    kind = raw.get("peft_type")
    if kind != "LORA":
        return f"is a {kind} adapter; only LoRA adapters (DoRA and rsLoRA included) can be merged"
    if raw.get("bias", "none") != "none":
        return f"trained biases (bias: {raw['bias']}), which are not merged; train with bias: none"
    initial = str(raw.get("init_lora_weights") or "").lower()
    if initial.startswith(BASE_CHANGING):
        return (
            f"was started by {initial}, which changes the base's weights; convert it to plain LoRA first "
            "(peft: save_pretrained with path_initial_model_for_weight_conversion)"
        )
    used = [name for name in UNSUPPORTED if raw.get(name)]
    return f"uses {used[0]}, which cannot be merged exactly into a model" if used else ""
