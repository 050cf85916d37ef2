"""What a plan says beyond its figures: why the defaults are what they are, and what is likely to go wrong."""

from typing import Any

from finetune.data.datasets import RowSet, as_example
from finetune.plan import Plan
from finetune.planning.base_outline import Outline
from finetune.planning.control_tokens import control_warnings, listed
from finetune.settings import SftSettings
from finetune.tokens.examples import Encoder
from finetune.train.processes import processes

FEW_ROWS = 30
MOST_NUMBERS = 1000  # trained for each token to learn; far more numbers than the data can determine


def explain(plan: Plan, settings: SftSettings, width: int) -> tuple[str, ...]:
    """Return where each figure that was not set comes from."""
    reasons = []
    if settings.learning_rate is None:
        reasons.append(
            f"learning rate {plan.learning_rate:.2g}, since the base is {width} wide; narrower ones take a higher rate"
        )
    if settings.batch_size is None:
        reasons.append(
            f"{plan.batch_size} examples per step, since there are {plan.rows + plan.kept_rows} rows; few need many steps"
        )
    if settings.micro_batch_size is None and plan.accumulation > processes():
        reasons.append(
            f"passes of {plan.micro_batch_size}, since rows have up to {min(plan.longest, plan.max_length)} tokens; "
            "more at once would take more memory"
        )
    if settings.gradient_checkpointing is None and plan.gradient_checkpointing:
        reasons.append(
            f"gradient checkpointing, since the base has {plan.base_parameters:,} parameters"
        )
    return tuple(reasons)


def warn(plan: Plan, encoder: Encoder, train: RowSet[Any], outline: Outline) -> tuple[str, ...]:
    """Return what is likely to go wrong, one sentence each."""
    warnings = []
    if plan.rows < FEW_ROWS:
        warnings.append(
            f"only {plan.rows} rows to train on; expect little from fewer than {FEW_ROWS}"
        )
    learned = plan.learned_tokens * plan.epochs
    if plan.trainable_parameters > MOST_NUMBERS * learned:
        fitting = max(int(plan.rank * MOST_NUMBERS * learned / plan.trainable_parameters), 1)
        warnings.append(
            f"rank {plan.rank} trains {plan.trainable_parameters:,} numbers on {plan.learned_tokens:,} tokens to learn; "
            f"try --rank {fitting}, or more rows"
        )
    if plan.leaks:
        warnings.append(
            f"{plan.leaks} of {plan.heldout_rows} held-out prompts are in the training rows too; "
            "the held-out scores are too high"
        )
    if plan.duplicates:
        warnings.append(f"{plan.duplicates} rows repeat an earlier row exactly")
    if plan.truncated:
        warnings.append(
            f"{plan.truncated} rows are longer than {plan.max_length} tokens; their prompts lose their beginning"
        )
    if train.unread:
        warnings.append(f"not read of the rows: {listed(train.unread)}")
    warnings += control_warnings(encoder, train)
    if train.set_aside:
        warnings.append(f"{train.set_aside} bad rows were set aside")
    if not outline.own_template:
        warnings.append(
            "the base has no chat template; a plain one is used and stored with the adapter"
        )
    first = as_example(train.examples[0])
    if not first.plain and encoder.adds_ending(first.messages):
        warnings.append(
            "the base's chat template ends an answer with no token at which generation stops; its "
            "end-of-sequence token is learned after each answer"
        )
    return tuple(warnings)
