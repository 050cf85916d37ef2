"""One training in several processes, as `accelerate launch` starts them: each reads its part of every batch.

The first process begins the run, writes checkpoints, measures and publishes; what depends on time or on the user (the
learning rate under `--max-minutes`, when to stop) is as the first decides, or the processes would diverge.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from accelerate import PartialState
from torch import Tensor

from adapt.errors import AdaptError, RecipeError

PATIENCE = timedelta(days=7)  # the others wait while the first measures


def processes() -> int:
    """Return how many processes train together; 1 where nobody launched several."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Return whether this process is the one that writes."""
    return processes() == 1 or os.environ.get("RANK", "0") == "0"


def refuse_several(what: str) -> None:
    """Refuse what several processes cannot do together.

    Raises:
        RecipeError: there are several processes.
    """
    if processes() > 1:
        raise RecipeError(f"accelerate launch is for one training at a time; {what} without it")


def from_first_process(make: Callable[[], str]) -> str:
    """Return, in every process, what the first made.

    Raises:
        AdaptError: in the others, where the first failed; the first raises what it raised.
    """
    if processes() == 1:
        return make()
    if not is_first():
        text = _broadcast_text(None)
        if not text:
            raise AdaptError("the first process of this training failed; see what it says")
        return text
    try:
        first = make()
    except BaseException:
        _broadcast_text("")
        raise
    _broadcast_text(first)
    return first


def numbers_of_first(numbers: Sequence[float]) -> list[float]:
    """Return, in every process, the numbers of the first."""
    if processes() == 1:
        return list(numbers)
    tensor = torch.tensor(list(numbers), dtype=torch.float64)
    return [float(number) for number in _broadcast(tensor).tolist()]


@contextmanager
def joined() -> Iterator[None]:
    """Let processes train together in this block, after which each goes its own way."""
    try:
        yield
    finally:
        # left to the interpreter's end, its threads may abort the process (gloo, torch 2.13)
        if processes() > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _broadcast_text(text: str | None) -> str:
    data = torch.tensor(list((text or "").encode()), dtype=torch.uint8)
    length = int(numbers_of_first([len(data)])[0])
    given = data if is_first() else torch.empty(length, dtype=torch.uint8)
    return bytes(_broadcast(given).tolist()).decode() if length else ""


def _broadcast(tensor: Tensor) -> Tensor:
    moved = tensor.to(PartialState(timeout=PATIENCE).device)
    torch.distributed.broadcast(moved, src=0)
    return moved.cpu()
