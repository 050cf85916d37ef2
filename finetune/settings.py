"""Section `[finetune]`: what a person may set about a training; None and 0 are derived (`finetune.planning.derive`)."""

from typing import Literal

from pydantic import Field

from adapt.workspace.settings import Settings


class SftSettings(Settings):
    """How an adapter is trained on examples."""

    epochs: float = Field(3.0, gt=0, le=1000)
    max_minutes: float | None = Field(None, gt=0)  # None: as long as the epochs take
    learning_rate: float | None = Field(None, gt=0, le=1)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"  # of the rate, after the warm-up
    variant: Literal["lora", "rslora", "dora", "qlora"] = "lora"
    rank: int = Field(16, ge=1, le=1024)
    alpha: float = Field(32, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: str | tuple[str, ...] = "all-linear"
    batch_size: int | None = Field(None, ge=1)  # examples per optimiser step
    micro_batch_size: int | None = Field(None, ge=1)  # examples per forward pass
    max_length: int | None = Field(None, ge=8)  # tokens
    packing: bool | None = (
        None  # rows of a pass one after another, each seeing itself alone, without padding
    )
    warmup: float = Field(0.05, ge=0, lt=1)  # share of the steps
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    gradient_checkpointing: bool | None = None
    beta: float = Field(0.1, gt=0)  # of DPO and KTO: how much moving away from the reference costs
    keep_share: float = Field(
        0.25, gt=0, lt=1
    )  # of the rows of a step, where rows to keep are given
    keep_weight: float = Field(
        1.0, gt=0
    )  # of the divergence from the base on them, beside the loss
    seed: int = Field(0, ge=0)
    evaluations: int | None = Field(None, ge=1)  # how often the loss is taken on the way
    # training ends after so many of them without a lower loss on rows split off for this, and the best weights are kept
    patience: int | None = Field(None, ge=1)
    checkpoint_seconds: float = Field(30.0, ge=0)  # at most this much work is lost by a kill
    scored_examples: int = Field(100, ge=1)  # held-out prompts that are answered, not only read
    metric: str | None = None  # of the proof; None: the one that fits the held-out answers

    @property
    def four_bit(self) -> bool:
        """Return whether the base's linear layers are held in 4 bits while an adapter is trained on them."""
        return self.variant == "qlora"

    @property
    def evaluation_count(self) -> int:
        """Return how often the loss is taken on the way; stopping early needs a finer look."""
        return self.evaluations or (20 if self.patience else 5)
