"""Paths that a person names to the files of an ingest, each with the name that its document has for good.

A folder that is ingested becomes a source of the collection, under a prefix: none for the first, its own name for the
next. A file belongs to the innermost source around it, so that a folder, a part of it and a single file of it meet in the
same names.
Not here: reading (`retrieval.readers.read`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from adapt.errors import DataError
from retrieval.language.folding import composed

NO_FILE = "/"  # the source of a document that came from no file; no prefix has a slash


@dataclass
class Listing:
    """What an ingest will look at: `paths` by document name, what was passed over, and the sources from now on."""

    paths: dict[str, Path] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)  # document name → prefix of its source
    folders: list[Path] = field(default_factory=list)
    # documents that an earlier version named with accents in parts, by their composed names
    kept: dict[str, str] = field(default_factory=dict)

    def covers(self, name: str, source: str) -> bool:
        """Return whether a document came from a folder that is ingested now."""
        path = locate(name, source, self.sources)
        return path is not None and any(path.is_relative_to(folder) for folder in self.folders)


def find_files(paths: Sequence[Path], sources: dict[str, str], names: Iterable[str]) -> Listing:
    """Return every regular file under the paths; hidden files and links that lead outside are passed over.

    Args:
        sources: the collection's sources so far.
        names: the collection's documents so far.

    Raises:
        DataError: a path does not exist or is a device or a pipe, or nothing was named.
    """
    if not paths:
        raise DataError("nothing to ingest: name files or folders")
    known = list(names)
    kept = {composed(name): name for name in known if name != composed(name)}
    listing = Listing(sources=dict(sources), kept=kept)
    heads = {name.split("/", 1)[0] for name in known}
    for given in paths:
        path = given.expanduser()
        if not path.exists():
            raise DataError(f"{given}: no such file or folder; check the path")
        path = path.resolve()
        if not path.is_dir() and not path.is_file():
            raise DataError(f"{given}: not a plain file; name a file or a folder")
        root = path if path.is_dir() else path.parent
        if _source(path, listing.sources) is None:
            listing.sources[_prefix(root, listing.sources, heads)] = str(root)
        if path.is_dir():
            listing.folders.append(path)
            for inside in _walk(path, listing):
                _add(inside, listing)
        else:
            _add(path, listing)
    return listing


def locate(name: str, prefix: str, sources: dict[str, str]) -> Path | None:
    """Return the path that a document came from, however the file system writes the accents of its name; None for none."""
    if prefix == NO_FILE:
        return None
    root = Path(sources[prefix])
    relative = name.removeprefix(f"{prefix}/") if prefix else name
    path = root / relative
    if relative.isascii() or path.exists():
        return path
    path = root
    for part in PurePosixPath(relative).parts:
        path = _written(path, part)
    return path


def _written(folder: Path, name: str) -> Path:
    """Return an entry of a folder by its composed name; as it would be called where there is none."""
    path = folder / name
    if path.exists() or name.isascii() or not folder.is_dir():
        return path
    wanted = composed(name)
    return next((entry for entry in folder.iterdir() if composed(entry.name) == wanted), path)


def _walk(folder: Path, listing: Listing) -> list[Path]:
    paths: list[Path] = []
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        listing.skipped.append((str(folder), f"cannot be opened ({error.strerror})"))
        return []
    for entry in entries:
        if entry.name.startswith("."):
            listing.skipped.append((str(entry), "hidden"))
        elif entry.is_symlink():
            # A link within the folder shows what is read anyway; one that leads out was not offered.
            listing.skipped.append((str(entry), "a link"))
        elif entry.is_dir():
            paths += _walk(entry, listing)
        elif entry.is_file():
            paths.append(entry)
        else:
            listing.skipped.append((str(entry), "not a regular file"))
    return paths


def _add(path: Path, listing: Listing) -> None:
    prefix = _source(path, listing.sources)
    if prefix is None:
        raise ValueError(f"{path} lies in no source")
    relative = path.relative_to(listing.sources[prefix]).as_posix()
    if not _is_text(relative):
        listing.skipped.append((str(path), "its name is not UTF-8; rename it"))
        return
    name = composed(f"{prefix}/{relative}" if prefix else relative)
    name = listing.kept.get(name, name)
    taken = listing.paths.get(name)
    if taken is not None and taken != path:
        listing.skipped.append((str(path), f"its name '{name}' is that of {taken}; rename one"))
        return
    listing.paths[name] = path
    listing.origin[name] = prefix


def _is_text(name: str) -> bool:
    """Return whether a name can be written: the file system may give bytes that are no characters."""
    return not any("\ud800" <= sign <= "\udfff" for sign in name)


def _source(path: Path, sources: dict[str, str]) -> str | None:
    """Return the prefix of the innermost source around a path."""
    around = [(len(folder), p) for p, folder in sources.items() if path.is_relative_to(folder)]
    return max(around)[1] if around else None


def _prefix(root: Path, sources: dict[str, str], heads: set[str]) -> str:
    for prefix, folder in sources.items():
        if Path(folder).name == root.name and not Path(folder).exists():
            return prefix  # the folder was moved
    if "" not in sources and not heads:
        return ""
    prefix = root.name or "root"
    number = 2
    while prefix in sources or prefix in heads:
        prefix = f"{root.name}-{number}"
        number += 1
    return prefix
