"""Rows whose texts hold the base's own control tokens, as texts do that were put through a chat template before."""

from collections.abc import Mapping
from typing import Any

from finetune.data.datasets import RowSet, as_example
from finetune.tokens.examples import Encoder

SAMPLED = 2000  # rows that are searched


def control_warnings(encoder: Encoder, data: RowSet[Any]) -> list[str]:
    """Return what to say of rows whose texts hold the base's own control tokens, as texts do that were templated before."""
    examples = [as_example(row) for row in data.examples[:SAMPLED]]
    controls = encoder.controls(examples)
    if not controls:
        return []
    among = f" of the first {SAMPLED}" if len(data.examples) > SAMPLED else ""
    rows = f"up to {max(controls.values())} rows{among} ({listed(controls)})"
    text = (
        f"control tokens of the base stand in the texts of {rows} and are learned as plain characters, not as turns; "
        "give rows of messages instead of templated text"
    )
    return [text]


def listed(counts: Mapping[str, int]) -> str:
    """Return names with their counts, for people."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())
