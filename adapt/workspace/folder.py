"""`Workspace`: the one folder in which everything lies, and the paths inside it.

workspace.json   format number            artifacts/    the registry
adapt.toml       settings (optional)      collections/  document indexes
adapt.db         rows (SQLite)            runs/         trainings that can be resumed
cache/           fingerprints             jobs/         events and logs of workers
uploads/         files given in the app, by collection
"""

import json
import os
import re
import stat
import uuid
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from adapt.errors import AdaptError, WorkspaceError
from adapt.workspace.settings import Settings, SettingsT, read_section

FORMAT = 1
MARKER = "workspace.json"
FOLDERS = ("artifacts", "collections", "runs", "jobs", "cache", "locks")
DATABASE = "adapt.db"
DATABASE_FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
PRIVATE, PRIVATE_FILE = 0o700, 0o600  # conversations lie here
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


class WorkspaceSettings(Settings):
    """Section `[workspace]`."""

    database_url: str = ""  # empty: SQLite in the workspace


def default_path() -> Path:
    """Return `ADAPT_WORKSPACE`, or `~/.adapt` where it is not set."""
    return Path(os.environ.get("ADAPT_WORKSPACE") or Path.home() / ".adapt")


def check_name(kind: str, name: str) -> str:
    """Return a name that is safe as a folder; letters, digits, dot, underscore and dash.

    Raises:
        AdaptError: anything else, so that no name leads out of the workspace.
    """
    if not NAME.fullmatch(name) or ".." in name:
        raise AdaptError(
            f"'{name}' cannot name a {kind}: use 1 to 64 letters, digits, '.', '_' or '-', "
            "starting and ending with a letter or digit"
        )
    return name


def write_atomic(path: Path, text: str) -> None:
    """Write a file so that a reader, or a crash, sees the old text or the new and nothing between."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _is_ours(name: str) -> bool:
    """Return whether a file may stand in a workspace that is not made yet: settings, the mark that a process writes."""
    return name == "adapt.toml" or (name.startswith(".workspace.json.") and name.endswith(".tmp"))


def sync_file(file: BinaryIO) -> None:
    """Make what was written to a file durable."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Workspace:
    """A folder that holds everything; made on first use, refused when it is something else."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open the workspace, or create it for this user alone.

        Args:
            create: whether it is made where there is none.

        Raises:
            WorkspaceError: the path is a file, another format, a folder of something else, or not writable; or there is no
                workspace and none is to be made.
        """
        self.path = path.expanduser().absolute()
        if not create and not (self.path / MARKER).exists():
            raise WorkspaceError(
                f"{self.path}: there is no workspace; check --workspace, or make one with adapt ingest, finetune, chat or ui"
            )
        try:
            self._open()
        except (FileExistsError, NotADirectoryError) as error:
            raise WorkspaceError(
                f"{self.path}: a file is in the way; name another folder with --workspace"
            ) from error
        except OSError as error:
            raise WorkspaceError(
                f"{self.path}: cannot be written ({error.strerror}); name another folder with --workspace"
            ) from error

    def _open(self) -> None:
        marker = self.path / MARKER
        if not marker.exists():
            if self.path.is_dir() and any(not _is_ours(p.name) for p in self.path.iterdir()):
                known = {"artifacts", "adapt.db", "locks", "workspace.json"}
                if not any((self.path / name).exists() for name in known):
                    raise WorkspaceError(
                        f"{self.path}: this folder holds other things; name an empty or new one with --workspace"
                    )
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(PRIVATE)
            write_atomic(marker, json.dumps({"format": FORMAT}))
        try:
            written_format = json.loads(marker.read_text(encoding="utf-8"))["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(
                f'{marker}: damaged; it should read {{"format": {FORMAT}}}'
            ) from error
        if written_format != FORMAT:
            raise WorkspaceError(
                f"{self.path}: made by another version of adapt (format {written_format}, this one reads {FORMAT})"
            )
        if not os.access(self.path, os.W_OK):
            raise WorkspaceError(
                f"{self.path}: cannot be written; make it writable, or copy it and name the copy with --workspace"
            )
        for folder in FOLDERS:
            (self.path / folder).mkdir(mode=PRIVATE, exist_ok=True)

    @property
    def open_to_others(self) -> list[Path]:
        """Return what of the workspace other users of this machine can read: the folder itself, its database."""
        if not stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            return []  # nobody else reaches what lies within
        own = [self.path, *(self.path / name for name in (*FOLDERS, *DATABASE_FILES))]
        return [path for path in own if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]

    def make_private(self) -> None:
        """Take from all other users what `open_to_others` names."""
        for path in self.open_to_others:
            path.chmod(PRIVATE if path.is_dir() else PRIVATE_FILE)

    @property
    def artifacts(self) -> Path:
        """Return the folder of the registry."""
        return self.path / "artifacts"

    @property
    def collections(self) -> Path:
        """Return the folder of the document indexes."""
        return self.path / "collections"

    @property
    def uploads(self) -> Path:
        """Return the folder of the files that were given in the app, one folder for each collection."""
        return self.path / "uploads"

    @property
    def runs(self) -> Path:
        """Return the folder of trainings under way or interrupted."""
        return self.path / "runs"

    @property
    def jobs(self) -> Path:
        """Return the folder of the workers' events and logs."""
        return self.path / "jobs"

    @property
    def cache(self) -> Path:
        """Return the folder of what can be computed again."""
        return self.path / "cache"

    def settings(self, section: str, settings: type[SettingsT]) -> SettingsT:
        """Return a section of this workspace's `adapt.toml`."""
        return read_section(self.path / "adapt.toml", section, settings)

    @property
    def database_url(self) -> str:
        """Return where the rows live: the configured URL, or the workspace's own SQLite file."""
        configured = self.settings("workspace", WorkspaceSettings).database_url
        if configured:
            return configured
        file = self.path / DATABASE
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        return f"sqlite:///{file}"

    def lock(self, name: str, *, timeout_seconds: float = 60) -> FileLock:
        """Return an unheld lock between processes; it frees itself when its holder dies."""
        return FileLock(
            self.path / "locks" / f"{check_name('lock', name)}.lock", timeout=timeout_seconds
        )


def locked_out(what: str, error: Timeout) -> WorkspaceError:
    """Return the sentence for a lock that another process keeps."""
    return WorkspaceError(
        f"{what} is in use by another process ({error.lock_file}); wait for it or stop it"
    )
