"""What a plan says beyond its figures: why the defaults are what they are, and what is likely to go wrong."""

from typing import Any

from finetune.data.datasets import RowSet, as_example
from finetune.plan import Plan
from finetune.planning.base_outline import Outline
from finetune.settings import SftSettings
from finetune.tokens.examples import Encoder
from finetune.train.processes import processes

FEW_ROWS = 30
MOST_NUMBERS = (
    1000  # trained for each token to learn; far more numbers than the data can tell apart
)


def explain(made: Plan, settings: SftSettings, width: int) -> tuple[str, ...]:
    """Return where each figure that was not set comes from."""
    found = []
    if settings.learning_rate is None:
        found.append(
            f"learning rate {made.learning_rate:.2g}, since the base is {width} wide; narrower ones take a higher rate"
        )
    if settings.batch_size is None:
        found.append(
            f"{made.batch_size} examples per step, since there are {made.rows + made.kept_rows} rows; few need many steps"
        )
    if settings.micro_batch_size is None and made.accumulation > processes():
        found.append(
            f"passes of {made.micro_batch_size}, since rows have up to {min(made.longest, made.max_length)} tokens; "
            "more at once would take more memory"
        )
    if settings.gradient_checkpointing is None and made.gradient_checkpointing:
        found.append(
            f"gradient checkpointing, since the base has {made.base_parameters:,} parameters"
        )
    return tuple(found)


def warn(made: Plan, encoder: Encoder, train: RowSet[Any], outline: Outline) -> tuple[str, ...]:
    """Return what is likely to go wrong, one sentence each."""
    found = []
    if made.rows < FEW_ROWS:
        found.append(f"only {made.rows} rows to train on; expect little from fewer than {FEW_ROWS}")
    learned = made.learned_tokens * made.epochs
    if made.trainable_parameters > MOST_NUMBERS * learned:
        fitting = max(int(made.rank * MOST_NUMBERS * learned / made.trainable_parameters), 1)
        found.append(
            f"rank {made.rank} trains {made.trainable_parameters:,} numbers on {made.learned_tokens:,} tokens to learn; "
            f"try --rank {fitting}, or more rows"
        )
    if made.leaks:
        found.append(
            f"{made.leaks} of {made.heldout_rows} held-out prompts are in the training rows too; "
            "the held-out scores are too high"
        )
    if made.duplicates:
        found.append(f"{made.duplicates} rows repeat an earlier row exactly")
    if made.truncated:
        found.append(
            f"{made.truncated} rows are longer than {made.max_length} tokens; their prompts lose their beginning"
        )
    if train.set_aside:
        found.append(f"{train.set_aside} bad rows were set aside")
    if not outline.own_template:
        found.append(
            "the base has no chat template; a plain one is used and stored with the adapter"
        )
    first = as_example(train.examples[0])
    if not first.plain and encoder.adds_ending(first.messages):
        found.append(
            "the base's chat template ends an answer with no token at which generation stops; its "
            "end-of-sequence token is learned after each answer"
        )
    return tuple(found)
