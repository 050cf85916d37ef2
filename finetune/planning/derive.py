"""Plans a run before it is done: the derived settings, the counts, and what is wrong with the data.

Where the defaults come from:
- learning rate: falls with the width of the base (`derive_learning_rate`);
- batch: 8 examples per step, 16 from 2,000 examples on; small data needs many steps more than smooth ones;
- length: the longest row, at most the context and 4,096 tokens; a longer prompt loses its beginning, an answer nothing;
- micro-batch: as many examples as keep a forward pass below a number of tokens, padding included where there is any.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean, pstdev
from typing import Any

import torch

from adapt.errors import RecipeError
from adapt.records import Example, RatedAnswer
from finetune.data.datasets import ExampleSet, RowSet, as_example
from finetune.data.split import count_leaks
from finetune.plan import Plan, Prepared
from finetune.planning.advice import explain, warn
from finetune.planning.base_outline import Outline
from finetune.planning.data_report import count_duplicates
from finetune.settings import SftSettings
from finetune.tokens.examples import Encoder
from finetune.tokens.preferences import encode_rows
from finetune.train.base_divergence import sample_rows
from finetune.train.processes import processes

LONGEST = 4096
LARGE = 1_000_000_000
PACKED = 2048  # tokens of a pass at most where rows are packed
PREFERENCE_RATE = (
    0.1  # of the rate on examples: answers that are likely already are moved, not learned
)


def plan(
    train: RowSet[Any],
    test: RowSet[Any],
    outline: Outline,
    settings: SftSettings,
    *,
    keep: ExampleSet | None = None,
    validation: RowSet[Any] | None = None,
) -> Prepared:
    """Return what a run on these rows will do, with the rows as tokens.

    Args:
        train: examples, preference pairs or rated answers; `test` and `validation` are of the same kind.
        keep: rows on which the base's predictions are kept; as many as make up `keep_share` of an epoch are used.
        validation: rows of the training data that tell when to stop early.

    Raises:
        DataError: an answer alone is longer than the base reads.
        ModelError: the chat template refuses a conversation, or the base has no such target layers.
        RecipeError: rated answers of which one alone fits a pass.
    """
    limit = min(settings.max_length or LONGEST, outline.context_length)
    encoder = Encoder(outline.tokenizer, stops=outline.stops, max_length=limit)
    rows, heldout = encode_rows(encoder, train), encode_rows(encoder, test)
    kept = sample_rows(encoder.encode_all(keep), len(rows), settings) if keep else []
    checked = encode_rows(encoder, validation) if validation else []
    longest = max(row.length for row in [*rows, *kept, *heldout])
    preferences = not isinstance(train.examples[0], Example)
    size = outline.size(settings)
    checkpointing = settings.gradient_checkpointing
    if checkpointing is None:
        checkpointing = size.parameters >= LARGE
    # row by row (`finetune.passes.packed_rows`), so that padding gains nothing
    by_row = size.joins and not (preferences or kept or checkpointing or settings.packing is False)
    by_row = by_row and processes() == 1 and not torch.cuda.is_available()
    lengths = [row.length for row in rows]
    padded = partial(_padded_tokens, longest * (2 if preferences else 1))
    tokens_of = partial(_packed_tokens, lengths) if by_row else padded
    batch, micro = _batches(len(rows) + len(kept), tokens_of, size.parameters, settings)
    if isinstance(train.examples[0], RatedAnswer) and micro < 2:
        raise RecipeError(
            f"rated answers are compared within a pass, which holds one here ({batch} per step, up to {longest} tokens); "
            "give more rows, an even batch_size, or a smaller max_length under [finetune]"
        )
    steps = math.ceil(settings.epochs * math.ceil((len(rows) + len(kept)) / batch))
    derived = Plan(
        base=outline.name,
        format=train.format,
        rows=len(rows),
        heldout_rows=len(heldout),
        tokens=sum(row.total for row in rows),
        learned_tokens=sum(row.learned for row in rows),
        longest=max(row.length + row.cut for row in [*rows, *heldout]),
        max_length=limit,
        truncated=sum(row.cut > 0 for row in [*rows, *heldout]),
        duplicates=count_duplicates(train.examples),
        leaks=count_leaks(train.examples, test.examples),
        epochs=settings.epochs,
        batch_size=batch,
        micro_batch_size=micro,
        steps=steps,
        warmup_steps=max(round(settings.warmup * steps), 1),
        max_minutes=settings.max_minutes,
        learning_rate=settings.learning_rate
        or derive_learning_rate(outline.hidden_size) * (PREFERENCE_RATE if preferences else 1),
        rank=settings.rank,
        base_parameters=size.parameters,
        trainable_parameters=size.trained,
        gradient_checkpointing=checkpointing,
        template="the base's own" if outline.own_template else "ours, the base has none",
        example=encoder.seen(as_example(train.examples[0])),
        warnings=(),
        kept_rows=len(kept),
        packing=not preferences and not kept and _packs(lengths, micro, settings, by_row=by_row),
        validation_rows=len(checked),
        schedule=settings.schedule,
        variant=settings.variant,
    )
    warnings = warn(derived, encoder, train, outline)
    if keep and (both := count_leaks(train.examples, keep.examples)):
        warnings += (f"{both} of the prompts to keep are learned too; they are pulled both ways",)
    derived = replace(
        derived, warnings=warnings, reasons=explain(derived, settings, outline.hidden_size)
    )
    return Prepared(derived, (*rows, *kept), tuple(heldout), tuple(checked))


def _packs(lengths: Sequence[int], micro: int, settings: SftSettings, *, by_row: bool) -> bool:
    """Return whether the rows of a pass lie one after another instead of padded to the longest.

    Where attention is not row by row, it costs the square of their sum, masked, so that it is for short rows.
    """
    if settings.packing is not None:
        return settings.packing
    return by_row or _padded_tokens(max(lengths), micro) <= PACKED


def _padded_tokens(longest: int, rows: int) -> float:
    return rows * longest


def _packed_tokens(lengths: Sequence[int], rows: int) -> float:
    """Return the tokens of the largest pass to be expected: the mean of such passes and three standard deviations."""
    return rows * fmean(lengths) + 3 * pstdev(lengths) * math.sqrt(rows)


def derive_learning_rate(hidden_size: int) -> float:
    """Return the peak learning rate for a base of this width.

    2e-4 at 2,048 as QLoRA (arXiv:2305.14314) uses for 7B models; below, it rises as the width falls, faster than the
    1 / width of muP (arXiv:2203.03466), to what was best at 256 (`finetune/NOTES.md`); bounded to [1e-4, 5e-3].
    """
    rate: float = 2e-4 * (2048 / hidden_size) ** 1.5
    return min(max(rate, 1e-4), 5e-3)


def _batches(
    rows: int, tokens_of: Callable[[int], float], parameters: int, settings: SftSettings
) -> tuple[int, int]:
    """Return examples per step and per forward pass; the first is a multiple of the second, in each process.

    Args:
        tokens_of: how many tokens a pass of so many rows may have.
    """
    batch = settings.batch_size or min(16 if rows >= 2000 else 8, rows)
    if batch % processes():
        raise RecipeError(
            f"{batch} examples per step do not divide among {processes()} processes; "
            "set batch_size under [finetune] to a multiple of them"
        )
    own = batch // processes()
    most = (4096 if parameters >= LARGE else 16384) if torch.cuda.is_available() else 4096
    micro = min(settings.micro_batch_size or own, own)
    while micro > 1 and (
        own % micro or (settings.micro_batch_size is None and tokens_of(micro) > most)
    ):
        micro -= 1
    return batch, micro
