"""What a search has found so far, one JSON line per finished trial, so that a killed search goes on where it stopped.

The file's name is the hash of all that a trial's result depends on: nothing measured under other conditions is read.
A line that a kill cut short is dropped, and written again.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from adapt.errors import WorkspaceError
from adapt.workspace.folder import Workspace, sync_folder

FORMAT = 1  # of the lines, and of what a trial's score means


class Line(BaseModel):
    """A finished trial.

    Attributes:
        point: what was proposed, of the search's space.
        losses: mean loss of the answers by domain, in [0, 1] (`merge.search.bench`).
        seconds: that it took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    number: int
    point: dict[str, JsonValue]
    losses: dict[str, float]
    score: float
    seconds: float


@dataclass(frozen=True)
class Journal:
    """The file of one search."""

    path: Path

    def lines(self) -> list[Line]:
        """Return the finished trials, in order; what stands after the last whole line is cut off.

        Raises:
            WorkspaceError: a whole line is damaged.
        """
        if not self.path.exists():
            return []
        data = self.path.read_bytes()
        end = data.rfind(b"\n") + 1
        if end < len(data):
            os.truncate(self.path, end)
        try:
            return [Line.model_validate_json(line) for line in data[:end].splitlines()]
        except ValidationError as error:
            raise WorkspaceError(
                f"{self.path}: damaged; remove it, and the search starts again"
            ) from error

    def add(self, line: Line) -> None:
        """Keep a trial; it is on the disk when this returns."""
        with self.path.open("ab") as file:
            file.write(line.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def open_journal(workspace: Workspace, conditions: Mapping[str, JsonValue]) -> Journal:
    """Return the journal of a search under these conditions, new or begun earlier."""
    folder = workspace.cache / "searches"
    folder.mkdir(exist_ok=True)
    sync_folder(workspace.cache)
    text = json.dumps({"format": FORMAT, **conditions}, sort_keys=True)
    return Journal(folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.jsonl")
