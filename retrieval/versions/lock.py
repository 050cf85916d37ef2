"""Changing a collection: one process at a time, and what a full disk leaves is one sentence and the version before.

Not here: what a change does (`retrieval.ingest.ingest`, `retrieval.versions.next_version`).
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from adapt.workspace.disk import full_disk_explained
from adapt.workspace.folder import Workspace, locked_out
from retrieval.versions.names import MANIFEST

LOCK_SECONDS = 1.0  # an ingest takes minutes; waiting for another one would look like hanging


@contextmanager
def writing(workspace: Workspace, name: str) -> Iterator[Path]:
    """Yield the folder of a collection, made if need be, while no other process may change it.

    Raises:
        WorkspaceError: another process changes it, or the disk is full.
    """
    folder = workspace.collections / name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    lock = workspace.lock(f"collection-{digest}", timeout_seconds=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise locked_out(f"collection '{name}'", error) from error
    try:
        with full_disk_explained(folder):
            folder.mkdir(exist_ok=True)
            yield folder
    finally:
        _leave_no_shell(folder)
        lock.release()


def _leave_no_shell(folder: Path) -> None:
    """Remove the folder of a collection that never came to be, unless it holds vectors to take up again."""
    staged = folder / "staged"
    kept = (folder / MANIFEST).exists() or (staged.is_dir() and any(staged.iterdir()))
    if not kept:
        shutil.rmtree(folder, ignore_errors=True)
