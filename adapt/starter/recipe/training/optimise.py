"""The optimisers: Muon for the matrices inside the layers, AdamW for embeddings, output and norms; and their schedule.

Muon (Jordan 2024; Liu et al. 2025, arXiv:2502.16982) makes each update of a matrix orthogonal; with PyTorch's `match_rms_adamw` its
rate means what AdamW's does.
"""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import LlamaForCausalLM

from adapt.starter.recipe.attention.guides import COPY

EARLY_SHARE = 0.3  # of the rate, for what writes into the stream beside the heads that are shown where to look


class Optimisers:
    """Both optimisers as one."""

    def __init__(
        self, model: LlamaForCausalLM, *, matrix_rate: float, other_rate: float, decay: float
    ) -> None:
        early = tuple(f"model.layers.{layer}.mlp." for layer in range(COPY))
        matrices: list[torch.nn.Parameter] = []
        disturbing: list[torch.nn.Parameter] = []
        others: list[torch.nn.Parameter] = []
        for name, parameter in model.named_parameters():
            if parameter.ndim != 2 or ".layers." not in name:
                others.append(parameter)
            else:
                (disturbing if name.startswith(early) else matrices).append(parameter)
        groups: list[dict[str, Any]] = [
            {"params": matrices},
            {"params": disturbing, "share": EARLY_SHARE},
        ]
        self._both = (
            torch.optim.Muon(
                groups,
                lr=matrix_rate,
                weight_decay=decay,
                momentum=0.95,
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(
                others, lr=other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
            ),
        )
        self._rates = (matrix_rate, other_rate)

    def step(self, factor: float) -> None:
        """Take a step at this share of the peak rates, and forget the gradients."""
        for optimiser, rate in zip(self._both, self._rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor * group.get("share", 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def states(self) -> Iterator[tuple[torch.nn.Parameter, dict[str, torch.Tensor]]]:
        """Yield every parameter with its state, which may be filled in."""
        for optimiser in self._both:
            for group in optimiser.param_groups:
                for parameter in group["params"]:
                    yield parameter, optimiser.state[parameter]


def schedule(step: int, share: float, *, warmup_steps: int, decay_share: float) -> float:
    """Return the factor on the rates: a linear warm-up, the peak, and a linear end (Hägele et al. 2024, arXiv:2405.18392).

    Args:
        share: how much of the budget is spent.
        decay_share: the last part of the budget, over which the rate goes down to a fiftieth.
    """
    rise = min(1.0, (step + 1) / max(1, warmup_steps))
    fall = min(1.0, max(0.0, (1 - share) / decay_share)) if decay_share else 1.0
    return rise * (0.02 + 0.98 * fall)
