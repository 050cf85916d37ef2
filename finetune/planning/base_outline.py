"""What can be known of a base without reading its weights: tokenizer, context length, stop tokens, size."""

from dataclasses import dataclass
from pathlib import Path

import torch
from peft import get_peft_model
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedTokenizerBase,
)

from adapt.errors import ModelError
from adapt.models.loading import first_line, load_tokenizer
from adapt.models.rendering import FALLBACK_TEMPLATE
from adapt.registry.bases.find import Base
from finetune.passes.joint import can_join
from finetune.settings import SftSettings
from finetune.train.lora import lora_config


@dataclass(frozen=True)
class Outline:
    """A base as far as its small files describe it.

    Attributes:
        stops: the tokens at which generation ends.
        own_template: whether the base has a chat template; else it got our fallback.
    """

    base: Base
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    stops: frozenset[int]
    context_length: int
    own_template: bool

    @property
    def hidden_size(self) -> int:
        """Return the width of the model."""
        return int(self.config.get_text_config().hidden_size)

    @property
    def name(self) -> str:
        """Return how the base may be called in public: its id, or the last part of a local path."""
        return Path(self.base.id).name if Path(self.base.id).is_absolute() else self.base.id

    def size(self, settings: SftSettings) -> "Size":
        """Return how large the base and an adapter on it are.

        Raises:
            ModelError: the base has no layers of the names in `targets`.
        """
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                self.config, trust_remote_code=False
            )
            own = sum(parameter.numel() for parameter in model.parameters())
            try:
                adapted = get_peft_model(model, lora_config(settings))
            except ValueError as error:
                raise ModelError(
                    f"base '{self.base.id}' has no layers for targets={settings.targets!r} ({first_line(error)})"
                ) from error
        trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
        return Size(own, trained, can_join(adapted) and not settings.four_bit)


@dataclass(frozen=True)
class Size:
    """How many parameters a base has, how many an adapter trains, and whether our own layers can read the two."""

    parameters: int
    trained: int
    joins: bool  # see `finetune.passes.joint.can_join`


def read_outline(base: Base) -> Outline:
    """Return what the small files of a base show.

    Raises:
        ModelError: configuration or tokenizer cannot be read.
    """
    tokenizer = load_tokenizer(base.path)
    try:
        config = AutoConfig.from_pretrained(
            base.path, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"base '{base.id}': config.json cannot be read ({first_line(error)})"
        ) from error
    length = int(getattr(config.get_text_config(), "max_position_embeddings", None) or 2048)
    return Outline(
        base=base,
        config=config,
        tokenizer=tokenizer,
        stops=_stops(base, config, tokenizer),
        context_length=min(length, int(tokenizer.model_max_length)),
        own_template=tokenizer.chat_template != FALLBACK_TEMPLATE,
    )


def _stops(
    base: Base, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase
) -> frozenset[int]:
    if (base.path / "generation_config.json").is_file():
        generation = GenerationConfig.from_pretrained(base.path, local_files_only=True)
    else:
        generation = GenerationConfig.from_model_config(config)
    configured = generation.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return frozenset(int(end) for end in [*ends, tokenizer.eos_token_id] if end is not None)
