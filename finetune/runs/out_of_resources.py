"""A full disk and too little memory, as the libraries report them → one sentence that says how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError

from adapt.errors import AdaptError, WorkspaceError
from adapt.workspace.disk import is_disk_full
from finetune.plan import Plan


class OutOfMemoryError(AdaptError):
    """A training needs more memory than there is."""


@contextmanager
def limits_explained(run_id: str, plan: Plan) -> Iterator[None]:
    """Turn what is raised within where disk or memory end.

    Raises:
        WorkspaceError: the disk is full.
        OutOfMemoryError: the memory is.
    """
    again = f"adapt finetune --resume {run_id}"
    try:
        yield
    except (OSError, SafetensorError) as error:
        if not is_disk_full(error):
            raise
        raise WorkspaceError(
            f"the disk is full; free some space and go on with: {again}"
        ) from error
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        smaller = (
            f"micro_batch_size = {plan.micro_batch_size // 2}"
            if plan.micro_batch_size > 1
            else "gradient_checkpointing = true or a smaller max_length"
        )
        raise OutOfMemoryError(
            f"out of memory, with passes of {plan.micro_batch_size} rows of up to {plan.longest} tokens; close what else "
            f"runs and go on with: {again}, or train again with {smaller} under [finetune] in adapt.toml"
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "can't allocate memory" in str(error)
