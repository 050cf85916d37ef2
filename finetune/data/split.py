"""Which examples are held out, and which prompts stand on both sides of a test set that was given."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from adapt.errors import DataError
from adapt.evaluation.prompts import prompt_key
from finetune.data.datasets import R, RowSet
from finetune.data.formats import Read

SHARE = 0.1
MOST = 200  # more would cost time and hardly narrow the interval


def hold_out(data: RowSet[R], *, seed: int) -> tuple[RowSet[R], RowSet[R]]:
    """Return training and held-out rows; the same prompt is never on both sides, and order does not matter.

    A tenth is held out, by the hash of the prompt: at least one example, at most 200.

    Raises:
        DataError: all rows have one prompt, so that nothing can be held out.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(data.examples):
        groups[prompt_key(example)].append(index)
    if len(groups) < 2:
        raise DataError(
            f"{data.places[0]}: at least two different prompts are needed to hold one out; "
            "add rows, or give held-out rows with --test"
        )
    target = min(max(round(SHARE * len(data.examples)), 1), MOST)

    def rank(key: str) -> str:
        return hashlib.sha256(f"{seed}\0{key}".encode()).hexdigest()

    ordered = [groups[key] for key in sorted(groups, key=rank)]
    held_out: list[int] = []
    for group in ordered:
        if len(held_out) + len(group) <= target:
            held_out += group
    if not held_out:  # every prompt is repeated more often than the target is large
        held_out = min(ordered, key=len)
    chosen = set(held_out)
    rest = [index for index in range(len(data.examples)) if index not in chosen]
    return data.pick(rest), data.pick(sorted(held_out))


def count_leaks(train: Sequence[Read], test: Sequence[Read]) -> int:
    """Return how many test examples have a prompt that the training examples have too."""
    seen = {prompt_key(example) for example in train}
    return sum(prompt_key(example) in seen for example in test)
