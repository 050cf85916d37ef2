"""`Registry`: bases, adapters, merged models and collections as versions in folders.

The directory is the index: `artifacts/<name>/<version>/` is an artifact once `card.json` lies in it. Files are staged and
hashed beside the others, the card is written last, and the whole folder takes its version by one rename, so no reader and
no crash ever sees half of one. Aliases lie in `artifacts/<name>/aliases.json`.
Not here: what the files mean (`adapt.models.runtime`) and the readable model card (`adapt.registry.cards`).
"""

import builtins
import hashlib
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import JsonValue, ValidationError

from adapt.errors import AdaptError, NotFoundError, WorkspaceError
from adapt.registry.artifacts import CARD, Aliases, Artifact, Card, Kind, file_faults
from adapt.registry.staging import Staging
from adapt.workspace.disk import full_disk_explained
from adapt.workspace.folder import NAME, Workspace, check_name, sync_folder, write_atomic


class Registry:
    """The artifacts of one workspace. Any number of processes may read and publish at once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._root = workspace.artifacts
        self._staging = self._root / ".staging"

    @contextmanager
    def stage(self, name: str) -> Iterator[Staging]:
        """Yield an empty folder for the next version of `name`; it is removed unless it was published.

        Raises:
            AdaptError: the name is not safe, or the disk is full.
        """
        check_name("model", name)
        self.sweep()
        self._staging.mkdir(exist_ok=True)
        path = self._staging / uuid.uuid4().hex
        lock = FileLock(path.with_suffix(".lock"))
        with lock:
            path.mkdir()
            try:
                with full_disk_explained(self._root):
                    yield Staging(name, path, self._settle)
            finally:
                shutil.rmtree(path, ignore_errors=True)
                Path(lock.lock_file).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove what killed processes left in staging, and return how many such folders there were."""
        swept = 0
        for leftover in self._staging.glob("*.lock"):
            lock = FileLock(leftover)
            try:
                with lock.acquire(timeout=0):
                    folder = leftover.with_suffix("")
                    swept += folder.is_dir()
                    shutil.rmtree(folder, ignore_errors=True)
                    leftover.unlink(missing_ok=True)
            except Timeout:
                continue  # its owner lives
        return swept

    def _settle(self, staged: Path, card: Card) -> Artifact:
        """Give a staged folder its version by one rename."""
        home = self._root / card.name
        with self._lock(card.name):
            home.mkdir(exist_ok=True)
            highest = max([*self._numbers(card.name), self._aliases(card.name).highest], default=0)
            settled = card.model_copy(update={"version": highest + 1})
            write_atomic(staged / CARD, settled.model_dump_json(indent=2))
            path = home / str(settled.version)
            staged.rename(path)
            sync_folder(home)
            aliases = self._aliases(card.name)
            aliases.highest = settled.version
            aliases.names["candidate"] = settled.version
            self._write_aliases(card.name, aliases)
        return Artifact(path, settled)

    def names(self) -> builtins.list[str]:
        """Return the names that have at least one version."""
        return sorted(p.name for p in self._root.iterdir() if p.is_dir() and self._numbers(p.name))

    def versions(self, name: str) -> builtins.list[Artifact]:
        """Return all versions of a name, oldest first; empty when there is none."""
        return [self._read(name, number) for number in self._numbers(name)]

    def list(self, kind: Kind | None = None) -> builtins.list[Artifact]:
        """Return every artifact, by name and version."""
        artifacts = [artifact for name in self.names() for artifact in self.versions(name)]
        return [artifact for artifact in artifacts if kind in (None, artifact.card.kind)]

    def aliases(self, name: str) -> dict[str, int]:
        """Return the aliases of a name and the versions that they point to."""
        return dict(self._aliases(name).names)

    def get(self, reference: str) -> Artifact:
        """Return the artifact of `name`, `name@version` or `name@alias`.

        A bare name is its `production` version where one was promoted, else its newest.

        Raises:
            NotFoundError: nothing is called that; the text offers what there is.
        """
        name, _, selector = reference.partition("@")
        numbers = self._numbers(name)
        if not numbers:
            raise NotFoundError("model", name, self.names())
        aliases = self._aliases(name).names
        if not selector:
            return self._read(name, aliases.get("production", numbers[-1]))
        is_number = selector.isdecimal() and len(selector) < 10
        number = aliases.get(selector) or (int(selector) if is_number else 0)
        if number not in numbers:
            known = [*map(str, numbers), *aliases]
            raise NotFoundError(f"version of '{name}'", selector, known)
        return self._read(name, number)

    def find(self, reference: str) -> Artifact | None:
        """Return the artifact, or None where nothing is called that."""
        try:
            return self.get(reference)
        except NotFoundError:
            return None

    def lineage(self, reference: str) -> builtins.list[tuple[int, str, Artifact | None]]:
        """Return an artifact and all its ancestors as (depth, reference, artifact or None where it was removed)."""
        start = self.get(reference)
        rows: builtins.list[tuple[int, str, Artifact | None]] = []

        def walk(depth: int, name: str, artifact: Artifact | None) -> None:
            rows.append((depth, name, artifact))
            for parent in artifact.card.parents if artifact else ():
                walk(depth + 1, parent, self.find(parent))

        walk(0, start.reference, start)
        return rows

    def add_metrics(self, reference: str, metrics: Mapping[str, JsonValue]) -> Artifact:
        """Write further measurements into a card; what it measured before stays unless named again."""
        artifact = self.get(reference)
        with self._lock(artifact.card.name):
            artifact = self._read(artifact.card.name, artifact.card.version)
            card = artifact.card.model_copy(
                update={"metrics": {**artifact.card.metrics, **metrics}}
            )
            write_atomic(artifact.path / CARD, card.model_dump_json(indent=2))
        return Artifact(artifact.path, card)

    def promote(self, reference: str, *, force: bool = False) -> Artifact:
        """Make a version the `production` one; the one before is kept for `rollback`.

        Raises:
            AdaptError: it was measured to be worse than its base, and `force` is not set.
        """
        artifact = self.get(reference if "@" in reference else f"{reference}@candidate")
        if artifact.card.worse_than_base and not force:
            raise AdaptError(
                f"{artifact.reference} is not promoted: it is worse than the base on "
                f"{', '.join(artifact.card.worse_than_base)}; --force promotes it anyway"
            )
        with self._lock(artifact.card.name):
            aliases = self._aliases(artifact.card.name)
            before = aliases.names.get("production")
            if before not in (None, artifact.card.version):
                aliases.history.append(before)
            aliases.names["production"] = artifact.card.version
            self._write_aliases(artifact.card.name, aliases)
        return artifact

    def rollback(self, name: str) -> Artifact:
        """Make the version that was in production before the last promotion the `production` one again."""
        with self._lock(check_name("model", name)):
            aliases = self._aliases(name)
            numbers = self._numbers(name)
            if not numbers:
                raise NotFoundError("model", name, self.names())
            earlier = [number for number in aliases.history if number in numbers]
            if not earlier:
                raise AdaptError(f"'{name}' has no earlier production version to go back to")
            aliases.names["production"] = earlier[-1]
            aliases.history = earlier[:-1]
            self._write_aliases(name, aliases)
        return self._read(name, earlier[-1])

    def remove(self, reference: str, *, force: bool = False) -> Artifact:
        """Remove one version; its number is never given again.

        Raises:
            AdaptError: it is in production, or another artifact was made from it, and `force` is not set.
        """
        artifact = self.get(reference)
        name, version = artifact.card.name, artifact.card.version
        children = [a.reference for a in self.list() if artifact.reference in a.card.parents]
        production = self._aliases(name).names.get("production") == version
        if not force and (children or production):
            why = "it is in production" if production else f"{', '.join(children)} came from it"
            raise AdaptError(
                f"{artifact.reference} is not removed: {why}; --force removes it anyway"
            )
        with self._lock(name):
            aliases = self._aliases(name)
            aliases.highest = max(aliases.highest, *self._numbers(name))
            aliases.history = [number for number in aliases.history if number != version]
            aliases.names = {a: number for a, number in aliases.names.items() if number != version}
            left = [number for number in self._numbers(name) if number != version]
            if left:
                aliases.names.setdefault("candidate", left[-1])
            self._write_aliases(name, aliases)
            self._staging.mkdir(exist_ok=True)
            trash = self._staging / uuid.uuid4().hex
            trash.with_suffix(".lock").touch()
            artifact.path.rename(trash)
        self.sweep()
        return artifact

    def verify(self, reference: str | None = None) -> builtins.list[str]:
        """Hash every file again and return the faults found, one sentence each; empty when all is well."""
        faults = []
        names = [reference.partition("@")[0]] if reference else self._folders()
        for name in names:
            for number in self._raw_numbers(name):
                if reference and "@" in reference and self.get(reference).card.version != number:
                    continue
                faults += self._faults(name, number)
            for alias, number in self._aliases(name).names.items():
                if number not in self._raw_numbers(name):
                    faults.append(f"{name}@{alias}: points to version {number}, which is not there")
        return faults

    def _faults(self, name: str, number: int) -> builtins.list[str]:
        try:
            return file_faults(self._read(name, number))
        except WorkspaceError as error:
            return [str(error)]

    def _folders(self) -> builtins.list[str]:
        return sorted(
            p.name for p in self._root.iterdir() if p.is_dir() and not p.name.startswith(".")
        )

    def _raw_numbers(self, name: str) -> builtins.list[int]:
        folder = self._root / name
        if not folder.is_dir() or name.startswith("."):
            return []
        return sorted(int(p.name) for p in folder.iterdir() if p.name.isdecimal() and p.is_dir())

    def _numbers(self, name: str) -> builtins.list[int]:
        if not NAME.fullmatch(name):
            return []
        return [n for n in self._raw_numbers(name) if (self._root / name / str(n) / CARD).is_file()]

    def _read(self, name: str, number: int) -> Artifact:
        path = self._root / name / str(number)
        try:
            return Artifact(path, Card.model_validate_json((path / CARD).read_bytes()))
        except FileNotFoundError as error:
            raise WorkspaceError(
                f"{name}@{number}: has no card; remove the folder {path}"
            ) from error
        except ValidationError as error:
            raise WorkspaceError(
                f"{path / CARD}: damaged; remove the version's folder or restore it from a copy"
            ) from error

    def _lock(self, name: str) -> FileLock:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        return self._workspace.lock(f"artifact-{digest}")

    def _aliases(self, name: str) -> Aliases:
        path = self._root / name / "aliases.json"
        if not path.is_file():
            return Aliases()
        try:
            return Aliases.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise WorkspaceError(f"{path}: damaged; remove it, aliases can be set again") from error

    def _write_aliases(self, name: str, aliases: Aliases) -> None:
        write_atomic(self._root / name / "aliases.json", aliases.model_dump_json(indent=2))
