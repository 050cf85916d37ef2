"""Waiting for changes under files and folders, by the operating system's notifications (watchfiles)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from watchfiles import Change, watch

from adapt.errors import DataError

SETTLE_MS = 1_000  # a program that saves several files, or one in steps, is waited for


def changes(paths: Sequence[Path]) -> Iterator[set[tuple[Change, str]]]:
    """Yield sets of changes as they settle, without end; Ctrl-C ends it.

    Raises:
        DataError: a path does not exist any more.
    """
    watched = [path.expanduser().resolve() for path in paths]
    for path in watched:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder; check the path")
    # a single file is often replaced, not written: its folder sees that
    folders = {path if path.is_dir() else path.parent for path in watched}
    for changed in watch(*folders, debounce=SETTLE_MS, raise_interrupt=True):
        touched = {Path(file) for _, file in changed}
        if any(file.is_relative_to(path) for file in touched for path in watched):
            yield changed
