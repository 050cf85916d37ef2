"""A full disk: how it is recognised among other errors, and its one sentence."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from adapt.errors import WorkspaceError

# no space left, a quota used up, a file longer than is allowed
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
AGAIN = "free some space and run the same command again"


def is_disk_full(error: Exception) -> bool:
    """Return whether an error says that no more can be written."""
    if isinstance(error, OSError):
        return error.errno in FULL
    # safetensors writes in Rust and gives the number only in its message
    return any(f"(os error {number})" in str(error) for number in FULL)


@contextmanager
def full_disk_explained(where: object) -> Iterator[None]:
    """Turn a full disk within into one sentence.

    Args:
        where: the folder or file that was being written.

    Raises:
        WorkspaceError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise WorkspaceError(f"{where}: the disk is full; {AGAIN}") from error
