"""README.md of an adapter: what it was made from and what it is worth, as the Hugging Face hub reads it."""

import json
from collections.abc import Sequence

from adapt.registry.artifacts import Artifact, BaseRecord, DataRecord
from adapt.registry.licences import hub_fields, join_licences
from finetune.plan import Plan
from finetune.proof.forgetting import Elsewhere
from finetune.proof.proof import Proof


def licence_of(data: Sequence[DataRecord], start: Artifact | None) -> str:
    """Return the licences of all that an adapter learned from, joined by AND; empty where one of them is not stated."""
    stated = [record.licence for record in data if record.role in ("train", "keep")]
    stated += [start.card.licence] if start else []
    return join_licences(stated) if all(stated) else ""


def model_card(  # noqa: PLR0913  one for each part of the card
    domain: str,
    base: BaseRecord,
    plan: Plan,
    *,
    data: Sequence[DataRecord],
    proof: Proof,
    elsewhere: Sequence[Elsewhere],
    licence: str = "",
) -> str:
    """Return the model card in Markdown."""
    head = "".join(f"{key}: {json.dumps(value)}\n" for key, value in hub_fields(licence).items())
    files = "\n".join(
        f"| {record.name} | {record.role} | {record.rows} | `{record.sha256}` |" for record in data
    )
    metrics = proof.as_metrics()
    answers = f"answers {metrics['comparison']}; " if "comparison" in metrics else ""
    forgotten = "".join(f"- {other.line}\n" for other in elsewhere)
    warnings = "".join(f"- {warning}\n" for warning in plan.warnings)
    return f"""---
library_name: peft
base_model: {plan.base}
{head}tags: [lora, adapt]
pipeline_tag: text-generation
---
# {domain}

A LoRA adapter for the base `{plan.base}` (SHA-256 `{base.sha256}`).

**{proof.verdict}**

![loss](loss.svg)

| data file | role | rows | SHA-256 |
|---|---|---|---|
{files}

| setting | value |
|---|---|
| examples trained on / held out | {plan.rows} / {plan.heldout_rows} |
| steps, examples per step | {plan.steps}, {plan.batch_size} |
| learning rate | {plan.learning_rate:.3g}, {plan.schedule} after {plan.warmup_steps} steps |
| variant, rank | {plan.variant}, {plan.rank} |
| loss on | the assistant's answers and the token that ends them |
| longest row | {plan.max_length} tokens |
| chat template | {plan.template} |

Held-out: {answers}loss {metrics["loss"]}.
{warnings}
Elsewhere (what it was not trained on; loss in nats per token, base → adapter):

{forgotten}"""
