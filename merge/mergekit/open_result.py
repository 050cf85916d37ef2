"""Opens what mergekit wrote, as anybody will: nothing missing, nothing left over, and answers that are numbers."""

from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from pydantic import JsonValue
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from adapt.errors import ModelError

TEXT = "The office opens at eight."
MOST_TOKENS = 16


def try_model(folder: Path) -> dict[str, JsonValue]:
    """Load a model and let it read a few tokens; return its number of parameters and of layers.

    Raises:
        ModelError: weights are missing, left over or of another shape, or the answer is no number.
    """
    loaded = AutoModelForCausalLM.from_pretrained(
        folder, dtype="auto", output_loading_info=True, local_files_only=True
    )
    model, info = cast("tuple[PreTrainedModel, dict[str, set[object]]]", loaded)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[what]:
            name = sorted(map(str, info[what]))[0]
            raise ModelError(
                f"the result does not open: {len(info[what])} {what.replace('_', ' ')}, first {name}"
            )
    _read(model, folder)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "layers": int(model.config.num_hidden_layers),
        "opened": True,
    }


def try_adapter(folder: Path, base: Path) -> dict[str, JsonValue]:
    """Load an adapter on its base and let both read a few tokens.

    Raises:
        ModelError: the answer is no number.
    """
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto", local_files_only=True)
    adapted = PeftModel.from_pretrained(model, folder)
    _read(adapted, base)
    return {"opened": True}


def _read(model: PreTrainedModel | PeftModel, folder: Path) -> None:
    with torch.no_grad():
        logits = model(input_ids=_tokens(folder, int(model.config.vocab_size))).logits
    if not torch.isfinite(logits).all():
        raise ModelError(
            "the result answers with no numbers (NaN or infinite); use smaller weights, or dtype: float32"
        )


def _tokens(folder: Path, vocabulary: int) -> Tensor:
    """Return the numbers of a few tokens, shape [1, n]; without a tokenizer the first ones."""
    if (folder / "tokenizer_config.json").is_file():
        numbers = AutoTokenizer.from_pretrained(folder)(TEXT)["input_ids"][:MOST_TOKENS]
    else:
        numbers = list(range(min(MOST_TOKENS, vocabulary)))
    return torch.tensor([numbers])
