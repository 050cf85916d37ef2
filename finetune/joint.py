"""One forward pass of a frozen base for several adapters: each domain's rows see their own adapter, the base reads all.

A small pass leaves a machine idle: as many operations are called for 100 tokens as for 1,000. Here the rows of several
domains lie one after another in one pass. What mixes tokens or belongs to a domain (attention, adapters, loss) is done for
each domain by itself, in the very shapes that it has alone; what treats each token by itself (the base's linear layers,
norms) is done for all together. So each domain's gradients are those of its own pass, to the bit where the rows of a matrix
product do not depend on their number; `JointBase.agrees` tries that out on this machine.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from finetune.answers import LEAST_ROWS, Learned, answers_loss, logits_at

NAME = "adapt_joint"  # of the attention in transformers' table


@dataclass(frozen=True)
class Pass:
    """The rows of one domain in a pass, one after another, shape [1, length], and how many tokens its step learns."""

    model: PeftModel
    inputs: Mapping[str, Tensor]
    items: Tensor | int | None

    @property
    def tokens(self) -> int:
        """Return how many tokens it holds."""
        return self.inputs["input_ids"].shape[1]

    @property
    def rows(self) -> int:
        """Return how many rows it holds; each begins at position 0."""
        return int((self.inputs["position_ids"] == 0).sum())


@dataclass
class _Layout:
    """The passes that are under way together, and which part of the tokens is whose."""

    passes: Sequence[Pass] = ()

    @property
    def sizes(self) -> list[int]:
        return [one.tokens for one in self.passes]


_layout = _Layout()  # attention and layers are called by transformers, which hands nothing through


class JointBase:
    """A base with the adapters of several domains; each is trained as in a model of its own."""

    def __init__(self, base: PreTrainedModel, models: Sequence[PeftModel]) -> None:
        """Take a base and the adapted models, whose weights of the base are the same tensors as its own."""
        self._models = {id(model): model for model in models}
        self._base = share(base)
        self._base.set_attn_implementation(NAME)
        for name, layer in list(self._base.named_modules()):
            adapters = {
                id(model): found
                for model in models
                if (found := _adapter_of(model, name)) is not None
            }
            if adapters:
                self._base.set_submodule(name, _JointLinear(layer, adapters))

    def losses(self, passes: Sequence[Pass]) -> list[Tensor]:
        """Return the loss of each pass on its answers, from one forward pass for all."""
        if any(id(one.model) not in self._models for one in passes):
            raise ValueError("a pass of a model that this base was not made for")
        learned = [Learned.of(one.inputs["labels"]) for one in passes]
        starts = [sum(one.tokens for one in passes[:i]) for i in range(len(passes))]
        places = torch.cat(
            [start + part.places for start, part in zip(starts, learned, strict=True)]
        )
        inputs = {
            name: torch.cat([one.inputs[name] for one in passes], dim=1)
            for name in ("input_ids", "position_ids")
        }
        with _under_way(passes):
            logits = logits_at(self._base, places, inputs)
        parts = torch.split(logits, [len(one.places) for one in learned], dim=1)
        return [
            part.loss(rows, one.items)
            for part, rows, one in zip(learned, parts, passes, strict=True)
        ]

    def agrees(self, passes: Sequence[Pass]) -> bool:
        """Return whether losses and gradients of these passes are, to the bit, the same together as one by one."""
        together = _gradients(passes, self.losses(passes))
        by_itself = [
            _gradients([one], [answers_loss(one.model, one.inputs, one.items)])[0] for one in passes
        ]
        return all(
            torch.equal(mine, alone)
            for joint, single in zip(together, by_itself, strict=True)
            for mine, alone in zip(joint, single, strict=True)
        )


def share(model: PreTrainedModel) -> PreTrainedModel:
    """Return a model with layers of its own around the same weights."""
    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def can_join(model: PeftModel) -> bool:
    """Return whether a model's passes can go together with others': plain LoRA, attention that splits, nothing random."""
    adapted = [layer for layer in model.modules() if hasattr(layer, "lora_A")]
    plain = all(isinstance(one, LoraLinear) and not one.lora_variant for one in adapted)
    config = model.get_base_model().config
    drops = getattr(config, "attention_dropout", 0.0) or any(
        isinstance(layer, nn.Dropout) and layer.p for layer in model.modules()
    )
    attention = config._attn_implementation  # noqa: SLF001  there is no other way to ask
    return plain and not drops and attention == "sdpa"


def joinable(one: Pass) -> bool:
    """Return whether a pass can go together with others: rows one after another, and enough of them."""
    return "position_ids" in one.inputs and one.tokens >= LEAST_ROWS


class _JointLinear(nn.Module):
    """A frozen linear layer of all domains, with the adapter of each on its own tokens."""

    def __init__(self, base: nn.Module, adapters: Mapping[int, LoraLinear]) -> None:
        super().__init__()
        self.base = base
        self._adapters = dict(adapters)  # not registered: they belong to their own models

    def forward(self, x: Tensor) -> Tensor:
        """Return what peft's layer of each domain returns of its tokens; x of shape [1, length, in]."""
        result = self.base(x)
        sizes = _layout.sizes
        parts = zip(
            _layout.passes, torch.split(x, sizes, 1), torch.split(result, sizes, 1), strict=True
        )
        return torch.cat([self._adapted(*part) for part in parts], 1)

    def _adapted(self, one: Pass, x: Tensor, result: Tensor) -> Tensor:
        layer = self._adapters.get(id(one.model))
        if layer is None:  # this domain trains other layers
            return result
        name = layer.active_adapters[0]
        down, up = layer.lora_A[name], layer.lora_B[name]
        given = layer.lora_dropout[name](x.to(down.weight.dtype))
        adapted: Tensor = result + up(down(given)) * layer.scaling[name]
        return adapted.to(result.dtype)


def _adapter_of(model: PeftModel, name: str) -> LoraLinear | None:
    """Return the adapter's layer at this place of the base, if it has one there."""
    try:
        found = model.get_base_model().get_submodule(name)
    except AttributeError:
        return None  # within an adapter's layer, whose own place was found before
    return found if isinstance(found, LoraLinear) else None


@contextmanager
def _under_way(passes: Sequence[Pass]) -> Iterator[None]:
    _layout.passes = passes
    try:
        yield
    finally:
        _layout.passes = ()


def _gradients(passes: Sequence[Pass], losses: Sequence[Tensor]) -> list[list[Tensor]]:
    """Return, for each pass, its loss and the gradients of its adapter; what was there before stays."""
    trained = [[p for p in one.model.parameters() if p.requires_grad] for one in passes]
    flat = [p for group in trained for p in group]
    found = iter(torch.autograd.grad(torch.stack(list(losses)).sum(), flat))
    return [
        [loss.detach(), *(next(found) for _ in group)]
        for loss, group in zip(losses, trained, strict=True)
    ]


def _joint_mask(**given: Any) -> tuple[Tensor | None, ...]:
    """Return each domain's mask, as transformers makes it for that domain's pass alone."""
    masks: list[Tensor | None] = []
    start = 0
    for one in _layout.passes:
        own = {
            **given,
            "q_length": one.tokens, "kv_length": one.tokens, "q_offset": start, "kv_offset": start,
            "allow_is_causal_skip": one.rows == 1,
        }  # fmt: skip
        masks.append(sdpa_mask(**own))
        start += one.tokens
    return tuple(masks)


def _joint_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: tuple[Tensor | None, ...],
    **given: Any,
) -> tuple[Tensor, None]:
    """Return the attention of each domain's tokens to themselves; query, key, value of shape [1, heads, length, size]."""
    sizes = _layout.sizes
    split = (torch.split(one, sizes, 2) for one in (query, key, value))
    parts = zip(*split, attention_mask, strict=True)
    outputs = [sdpa_attention_forward(module, q, k, v, mask, **given)[0] for q, k, v, mask in parts]
    return torch.cat(outputs, 1), None


AttentionInterface.register(NAME, _joint_attention)
AttentionMaskInterface.register(NAME, _joint_mask)
