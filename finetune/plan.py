"""What a run will do, as values: the derived settings, the counts, what to say of them, and the tokens."""

from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, TypeAdapter


@dataclass(frozen=True)
class Plan:
    """A run as it will be; nothing in it is left to derive. `example` is the first row as the model sees it."""

    base: str
    format: str
    rows: int
    heldout_rows: int
    tokens: int
    learned_tokens: int
    longest: int
    max_length: int
    truncated: int
    duplicates: int
    leaks: int
    epochs: float
    batch_size: int
    micro_batch_size: int
    steps: int
    warmup_steps: int
    max_minutes: float | None
    learning_rate: float
    rank: int
    base_parameters: int
    trainable_parameters: int
    gradient_checkpointing: bool
    template: str
    example: str
    warnings: tuple[str, ...]
    kept_rows: int = 0  # rows to keep, beside `rows`, in each epoch
    reasons: tuple[str, ...] = ()  # where what was not set comes from
    packing: bool = False
    validation_rows: int = 0  # that tell when to stop early
    schedule: str = "cosine"
    variant: str = "lora"

    @property
    def accumulation(self) -> int:
        """Return how many forward passes make one step."""
        return self.batch_size // self.micro_batch_size

    def lines(self) -> list[str]:
        """Return the plan for people."""
        share = 100 * self.trainable_parameters / self.base_parameters
        limit = f" or {self.max_minutes:g} minutes" if self.max_minutes else ""
        size = f"{self.base_parameters:,} parameters, {self.trainable_parameters:,} trained"
        early = f", {self.validation_rows} to tell when to stop" if self.validation_rows else ""
        rows = (
            f"{self.rows} rows to train, {self.heldout_rows} held out{early} · format {self.format}"
        )
        tokens = f"{self.tokens:,} tokens, {self.learned_tokens:,} learned"
        packed = ", packed" if self.packing and self.micro_batch_size > 1 else ""
        passes = f"passes of {self.micro_batch_size}{packed}"
        batch = f"{self.batch_size} examples ({passes})"
        rate = f"{self.learning_rate:.2g}, {self.schedule} after {self.warmup_steps} steps"
        kept = [f"keeps the base as it is on {self.kept_rows} other rows"] if self.kept_rows else []
        return [
            f"base {self.base} · {size} ({share:.2g} %), {self.variant} of rank {self.rank}",
            f"data: {rows} · {tokens} · longest row {self.longest}, read up to {self.max_length}",
            f"{self.epochs:g} epochs{limit} · {self.steps} steps of {batch} · learning rate {rate}",
            f"chat template: {self.template}",
            *kept,
            *(f"because: {reason}" for reason in self.reasons),
            *(f"warning: {warning}" for warning in self.warnings),
        ]

    def as_json(self) -> dict[str, JsonValue]:
        """Return the plan for scripts."""
        fields: dict[str, JsonValue] = TypeAdapter(Plan).dump_python(self, mode="json")
        return {**fields, "accumulation": self.accumulation}


@dataclass(frozen=True)
class Prepared:
    """A plan and the tokens that it was made from."""

    plan: Plan
    train: tuple[Any, ...]  # `EncodedRow`, `EncodedPair` or `EncodedRating`, all alike
    heldout: tuple[Any, ...]
    validation: tuple[Any, ...] = ()  # of the training data, to tell when to stop early
