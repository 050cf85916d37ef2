"""What a collection is at this moment, as one JSON file that is replaced whole: the only record that a search trusts.

    collections/<name>/manifest.json       the version that is seen
    collections/<name>/versions/<n>.json   the ones before it that can be brought back; their files are kept
    collections/<name>/access.json         who may read it (`retrieval.collections.access`)
    collections/<name>/segments/<id>/      chunks, written once and then only read
    collections/<name>/staged/             vectors of an ingest under way; a later ingest takes them up

A chunk is live when the manifest names its document, with that revision, in that segment. A segment that no manifest
names is an orphan of a killed ingest; nothing opens it, and the next ingest removes it.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from adapt.errors import WorkspaceError
from adapt.workspace.folder import write_atomic
from retrieval.chunks.ids import document_key
from retrieval.versions.names import MANIFEST

FORMAT = 5
REBUILT = 4  # the earliest format whose texts a rebuild reads
VERSIONS = "versions"


class DocumentEntry(BaseModel):
    """One document: which bytes it was read from, where its chunks lie, how many they are."""

    model_config = ConfigDict(frozen=True)

    revision: str  # SHA-256 of the file
    segment: str
    chunks: int
    cut: str = ""  # how it was read and cut; by other settings it counts as changed
    source: str = ""  # key of `Manifest.sources`
    title: str = ""
    pages: int = 0
    warnings: tuple[str, ...] = ()  # what of the file was not read


class ParkedFile(BaseModel):
    """A file that could not be read: its bytes (empty where not even they could be), the readers' version, and why."""

    model_config = ConfigDict(frozen=True)

    revision: str
    reader: int
    reason: str
    source: str = ""


class Manifest(BaseModel):
    """One version of a collection."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    version: int = 0
    made_at: str = ""
    embedder: str = ""
    sources: dict[str, str] = {}  # prefix of the documents' names → the folder that they came from
    documents: dict[str, DocumentEntry] = {}
    segments: dict[str, int] = {}  # id → how many chunks were written into it, dead ones included
    parked: dict[str, ParkedFile] = {}

    @property
    def chunks(self) -> int:
        """Return how many chunks are live."""
        return sum(entry.chunks for entry in self.documents.values())

    def live(self) -> dict[str, dict[str, str]]:
        """Return, for each segment, what the ids of its live chunks begin with, and the document of each."""
        live: dict[str, dict[str, str]] = {segment: {} for segment in self.segments}
        for name, entry in self.documents.items():
            if entry.chunks:
                live[entry.segment][document_key(name, entry.revision)] = name
        return live

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
    manifest = load_any_format(folder, file)
    if manifest is not None and manifest.format != FORMAT:
        raise WorkspaceError(
            f"collection '{folder.name}' was made by an earlier version of adapt (format {manifest.format}, this one "
            f"reads {FORMAT}); convert it with 'adapt ingest PATH --collection {folder.name} --rebuild'"
        )
    return manifest


def load_any_format(folder: Path, file: str = MANIFEST) -> Manifest | None:
    """Return what `load` does, of an earlier format too, whose texts alone can be read.

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
    if not REBUILT <= manifest.format <= FORMAT:
        raise WorkspaceError(
            f"{path}: made by another version of adapt (format {manifest.format}, this one reads {FORMAT}); "
            "ingest the documents into a new collection"
        )
    return manifest


def publish(folder: Path, manifest: Manifest, *, keep: int) -> None:
    """Make a version the one that is seen; the `keep` before it stay beside it, but those of an earlier format go."""
    before = folder / MANIFEST
    earlier = load_any_format(folder)
    if earlier is not None and earlier.format != FORMAT:
        earlier, keep = None, 0
    if earlier is not None and earlier.version != manifest.version and keep:
        (folder / VERSIONS).mkdir(exist_ok=True)
        write_atomic(_kept(folder, earlier.version), earlier.model_dump_json(indent=1))
    write_atomic(before, manifest.model_dump_json(indent=1))
    kept = kept_versions(folder)
    for version in kept[: max(len(kept) - keep, 0)]:
        _kept(folder, version).unlink()


def kept_versions(folder: Path) -> list[int]:
    """Return the numbers of the earlier versions that can be brought back, ascending."""
    paths = (folder / VERSIONS).glob("*.json")
    return sorted(int(path.stem) for path in paths if path.stem.isdecimal())


def load_kept(folder: Path) -> list[Manifest]:
    """Return the earlier versions that can be brought back, oldest first."""
    loaded = (
        load_any_format(folder, f"{VERSIONS}/{number}.json") for number in kept_versions(folder)
    )
    return [manifest for manifest in loaded if manifest is not None]


def named_segments(folder: Path) -> set[str]:
    """Return the segments that the current version or a kept one needs."""
    current = load_any_format(folder)
    versions = [*load_kept(folder), *([current] if current else [])]
    return {segment for version in versions for segment in version.segments}


def _kept(folder: Path, version: int) -> Path:
    return folder / VERSIONS / f"{version}.json"
