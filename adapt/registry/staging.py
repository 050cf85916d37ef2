"""`Staging`: the folder in which an artifact is made before the registry gives it a version."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from adapt.registry.artifacts import Artifact, BaseRecord, Card, DataRecord, FileRecord, Kind


class Staging:
    """A folder in which an artifact is made; it becomes one by `publish`, or vanishes."""

    def __init__(self, name: str, path: Path, settle: Callable[[Path, Card], Artifact]) -> None:
        self.path = path
        self._name = name
        self._settle = settle

    def publish(  # noqa: PLR0913  one keyword per field of the card
        self,
        kind: Kind,
        *,
        base: BaseRecord | None = None,
        parents: Sequence[str] = (),
        settings: Mapping[str, JsonValue] | None = None,
        data: Sequence[DataRecord] = (),
        metrics: Mapping[str, JsonValue] | None = None,
        licence: str = "",
        summary: str = "",
        known: Mapping[str, FileRecord] | None = None,
    ) -> Artifact:
        """Hash the staged files and make them the next version; `candidate` points to it from then on.

        Args:
            known: what files hold that were hashed and made durable as they were written, by their path in the folder.
        """
        files = {}
        for file in sorted(p for p in self.path.rglob("*") if p.is_file()):
            name = file.relative_to(self.path).as_posix()
            if known and name in known and known[name].bytes == file.stat().st_size:
                files[name] = known[name]
                continue
            with file.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
                os.fsync(handle.fileno())
            record = FileRecord(sha256=digest, bytes=file.stat().st_size)
            files[name] = record
        if not files:
            raise ValueError("an artifact needs at least one file")
        card = Card(
            name=self._name,
            version=0,
            kind=kind,
            base=base,
            parents=tuple(parents),
            settings=dict(settings or {}),
            data=tuple(data),
            metrics=dict(metrics or {}),
            licence=licence,
            summary=summary,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            files=files,
        )
        return self._settle(self.path, card)
