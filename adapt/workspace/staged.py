"""New files and folders that are there complete or not at all: made beside their place, made durable, renamed.

What a killed process left under the staged name is removed by the next one that writes there.
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapt.errors import AdaptError
from adapt.workspace.disk import full_disk_explained
from adapt.workspace.folder import sync_file, sync_folder

HIDDEN = ".staged-"  # how the name of a folder begins that is being made or removed


def check_free(target: Path) -> None:
    """Find out whether a new file or folder can be made at a path.

    Raises:
        AdaptError: something is there already; an empty folder is not counted.
    """
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists() or target.is_symlink():
        raise AdaptError(f"{target}: exists; name another one with --out")


@contextmanager
def staged_file(target: Path) -> Iterator[Path]:
    """Yield a path beside the target, which becomes the target at the end and is removed after a failure.

    Raises:
        AdaptError: the target exists.
        WorkspaceError: the disk is full.
    """
    check_free(target)
    with _staged(target) as staged:
        yield staged
        _sync(staged)
        if target.is_dir():
            target.rmdir()
        staged.replace(target)


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside the target, which becomes the target at the end and is removed after a failure.

    Raises:
        AdaptError: the target exists and is not an empty folder.
        WorkspaceError: the disk is full.
    """
    check_free(target)
    with _staged(target) as staged:
        staged.mkdir()
        yield staged
        if target.is_dir():
            target.rmdir()
        publish_folder(staged, target)


def publish_folder(staged: Path, target: Path) -> None:
    """Make what lies in a folder durable and give the folder its name, which nothing may have yet."""
    for path in (*staged.rglob("*"), staged):
        if path.is_dir():
            sync_folder(path)
        else:
            _sync(path)
    staged.rename(target)
    sync_folder(target.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that nobody takes half of it for the whole: it gets a hidden name first."""
    hidden = folder.with_name(f"{HIDDEN}{uuid.uuid4().hex}")
    folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    staged = target.with_name(f".{target.name}.partial")
    try:
        with full_disk_explained(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove(staged)
            yield staged
            sync_folder(target.parent)
    finally:
        _remove(staged)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        sync_file(file)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
