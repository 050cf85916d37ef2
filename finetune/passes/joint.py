"""One forward pass of a frozen base for one adapter or several: each domain's rows see their own, the base reads all.

A small pass leaves a machine idle: as many operations are called for 100 tokens as for 1,000. Here the rows of several
domains lie one after another in one pass. What mixes tokens or belongs to a domain (attention, adapters, loss) is done for
each row or domain by itself, in the very shapes that it has alone; what treats each token by itself (the base's linear
layers, norms) is done for all together. So each domain's gradients are those of its own pass, to the bit where the rows of a
matrix product do not depend on their number; `JointBase.agrees` tries that out on this machine.
"""

import copy
from collections.abc import Sequence

import torch
from peft import PeftModel
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from transformers import PreTrainedModel

from finetune.passes.answer_loss import LEAST_ROWS, Learned, answers_loss, logits_at
from finetune.passes.lora_linear import AdaptedLinear, fits
from finetune.passes.packed_rows import NAME, Pass, under_way

# how far logits may be from those of each row by itself, as a share of their norm, by bits of a weight; seen: rounding 3e-6
# at most (of 16 bits none), convolutions that look back over the border of rows 0.03 on a tiny base
LEAKS = {32: 1e-4, 16: 0.02}


class JointBase:
    """A base with the adapters of several domains; each is trained as in a model of its own."""

    def __init__(self, base: PreTrainedModel, models: Sequence[PeftModel]) -> None:
        """Take a base and the adapted models, whose weights of the base are the same tensors as its own."""
        self._models = {id(model): model for model in models}
        self._base = share(base)
        self._base.set_attn_implementation(NAME)
        for name, layer in list(self._base.named_modules()):
            adapters = {
                id(model): adapter
                for model in models
                if (adapter := _adapter_of(model, name)) is not None
            }
            if adapters:
                self._base.set_submodule(name, AdaptedLinear(layer, adapters))

    def losses(self, passes: Sequence[Pass]) -> list[Tensor]:
        """Return the loss of each pass on its answers, from one forward pass for all."""
        if any(id(pass_.model) not in self._models for pass_ in passes):
            raise ValueError("a pass of a model that this base was not made for")
        learned = [Learned.of(pass_.inputs["labels"]) for pass_ in passes]
        starts = [sum(pass_.tokens for pass_ in passes[:i]) for i in range(len(passes))]
        places = torch.cat(
            [start + part.places for start, part in zip(starts, learned, strict=True)]
        )
        logits = self.logits(passes, places)
        parts = torch.split(logits, [len(part.places) for part in learned], dim=1)
        return [
            part.loss(rows, pass_.items)
            for part, rows, pass_ in zip(learned, parts, passes, strict=True)
        ]

    def logits(self, passes: Sequence[Pass], places: Tensor) -> Tensor:
        """Return the logits at some places of all passes in a row, shape [1, n, vocabulary]."""
        inputs = {
            name: torch.cat([pass_.inputs[name] for pass_ in passes], dim=1)
            for name in ("input_ids", "position_ids")
        }
        with under_way(passes):
            return logits_at(self._base, places, inputs)

    def agrees(self, passes: Sequence[Pass]) -> bool:
        """Return whether losses and gradients of these passes are, to the bit, the same together as one by one."""
        together = _gradients(passes, self.losses(passes))
        by_itself = [_gradients([pass_], self.losses([pass_]))[0] for pass_ in passes]
        return all(
            torch.equal(mine, alone)
            for joint, single in zip(together, by_itself, strict=True)
            for mine, alone in zip(joint, single, strict=True)
        )


def keeps_rows_apart(joint: JointBase, pass_: Pass) -> bool:
    """Return whether the rows of a pass have the logits that peft's model gives each row by itself.

    They have not where a layer other than attention mixes tokens, as convolutions and recurrent layers do.
    """
    with torch.no_grad():
        packed = joint.logits([pass_], torch.arange(pass_.tokens))[0].float()
        apart = torch.cat([_logits(row) for row in pass_.rows()]).float()
    bits = 8 * pass_.model.dtype.itemsize
    leak = (packed - apart).norm(dim=-1) / apart.norm(dim=-1)
    return bool(leak.max() <= LEAKS[bits])


def _logits(row: Pass) -> Tensor:
    """Return the logits of a row that peft's model reads by itself, shape [length, vocabulary]."""
    tokens = row.inputs["input_ids"]
    return logits_at(row.model, torch.arange(row.tokens), {"input_ids": tokens})[0]


def rows_loss(pass_: Pass) -> Tensor:
    """Return the loss of a pass whose rows are read one by one, by peft's model."""
    losses = []
    for row in pass_.rows():
        inputs = {name: given for name, given in row.inputs.items() if name != "position_ids"}
        losses.append(answers_loss(row.model, inputs, pass_.items))
    return torch.stack(losses).sum()


def share(model: PreTrainedModel) -> PreTrainedModel:
    """Return a model with layers of its own around the same weights."""
    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def can_join(model: PeftModel) -> bool:
    """Return whether its passes can be done here: plain LoRA on linear layers, attention that splits, nothing random."""
    adapted = [layer for layer in model.modules() if hasattr(layer, "lora_A")]
    plain = all(
        isinstance(layer, LoraLinear) and not layer.lora_variant and fits(layer.base_layer, layer)
        for layer in adapted
    )
    config = model.get_base_model().config
    drops = getattr(config, "attention_dropout", 0.0) or any(
        isinstance(layer, nn.Dropout) and layer.p for layer in model.modules()
    )
    attention = config._attn_implementation  # noqa: SLF001  there is no other way to ask
    return plain and not drops and attention == "sdpa"


def joinable(pass_: Pass) -> bool:
    """Return whether a pass can go together with others: rows one after another, and enough of them."""
    return "position_ids" in pass_.inputs and pass_.tokens >= LEAST_ROWS


def _adapter_of(model: PeftModel, name: str) -> LoraLinear | None:
    """Return the adapter's layer at this place of the base, if it has one there."""
    try:
        layer = model.get_base_model().get_submodule(name)
    except AttributeError:
        return None  # within an adapter's layer, whose own place was found before
    return layer if isinstance(layer, LoraLinear) else None


def _gradients(passes: Sequence[Pass], losses: Sequence[Tensor]) -> list[list[Tensor]]:
    """Return, for each pass, its loss and the gradients of its adapter; what was there before stays."""
    trained = [[p for p in pass_.model.parameters() if p.requires_grad] for pass_ in passes]
    flat = [p for group in trained for p in group]
    gradients = iter(torch.autograd.grad(torch.stack(list(losses)).sum(), flat))
    return [
        [loss.detach(), *(next(gradients) for _ in group)]
        for loss, group in zip(losses, trained, strict=True)
    ]
