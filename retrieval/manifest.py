"""What a collection is at this moment, as one JSON file that is replaced whole: the only thing a search believes.

    collections/<name>/manifest.json    the version that is seen
    collections/<name>/previous.json    the one before it, whose files are kept
    collections/<name>/segments/<id>/   a Chroma folder, written once and then only read
    collections/<name>/staged/          vectors of an ingest under way; a later ingest takes them up

A chunk is live when the manifest names its document, with that revision, in that segment. A segment that no manifest
names is an orphan of a killed ingest; nothing opens it, and the next ingest removes it.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from adapt.errors import WorkspaceError
from adapt.workspace import write_atomic
from retrieval.chunking import document_key
from retrieval.names import MANIFEST

FORMAT = 3
PREVIOUS = "previous.json"


class DocumentEntry(BaseModel):
    """One document: which bytes it was read from, where its chunks lie, how many they are."""

    model_config = ConfigDict(frozen=True)

    revision: str  # SHA-256 of the file
    segment: str
    chunks: int
    cut: str = ""  # how it was read and cut; by other settings it counts as changed
    source: str = ""  # key of `Manifest.sources`
    title: str = ""


class Manifest(BaseModel):
    """One version of a collection."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    version: int = 0
    embedder: str = ""
    sources: dict[str, str] = {}  # prefix of the documents' names → the folder that they came from
    documents: dict[str, DocumentEntry] = {}
    segments: dict[str, int] = {}  # id → how many chunks were written into it, dead ones included

    @property
    def chunks(self) -> int:
        """Return how many chunks are live."""
        return sum(entry.chunks for entry in self.documents.values())

    def live(self) -> dict[str, dict[str, str]]:
        """Return, for each segment, what the ids of its live chunks begin with, and the document of each."""
        found: dict[str, dict[str, str]] = {segment: {} for segment in self.segments}
        for name, entry in self.documents.items():
            if entry.chunks:
                found[entry.segment][document_key(name, entry.revision)] = name
        return found

    def dead(self) -> dict[str, int]:
        """Return how many chunks of each segment are not live."""
        dead = dict(self.segments)
        for entry in self.documents.values():
            if entry.chunks:
                dead[entry.segment] -= entry.chunks
        return dead


def load(folder: Path, file: str = MANIFEST) -> Manifest | None:
    """Return the manifest of a collection's folder, or None where there is none.

    Raises:
        WorkspaceError: it is damaged or of another version of adapt.
    """
    path = folder / file
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise WorkspaceError(
            f"{path}: damaged; restore it from a copy, or remove {folder} and ingest again"
        ) from error
    if manifest.format != FORMAT:
        raise WorkspaceError(
            f"{path}: made by another version of adapt (format {manifest.format}, this one reads {FORMAT}); "
            "ingest the documents into a new collection"
        )
    return manifest


def publish(folder: Path, manifest: Manifest) -> None:
    """Make a version the one that is seen; the one before it stays beside it."""
    before = folder / MANIFEST
    if before.exists():
        write_atomic(folder / PREVIOUS, before.read_text(encoding="utf-8"))
    write_atomic(before, manifest.model_dump_json(indent=1))


def named_segments(folder: Path) -> set[str]:
    """Return the segments that the current or the previous version needs."""
    versions = (load(folder, MANIFEST), load(folder, PREVIOUS))
    return {segment for version in versions if version for segment in version.segments}
