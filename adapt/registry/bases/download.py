"""Large files of the hub, fetched into its cache so that nothing is fetched twice: a killed download goes on where it ended.

huggingface_hub does the transfer (`http_get`, with a range). From version 2 on it deletes what an interrupted download
had, so the part is kept here, under the name that version 1 gives it: `blobs/SHA256.incomplete`. The file gets its own name
once its SHA-256 is the hub's.
"""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from filelock import FileLock, Timeout

from adapt.errors import ModelError
from adapt.registry.artifacts import sha256_file
from adapt.registry.bases.listing import HubFile, Listing, endpoint, hub_errors_explained
from adapt.workspace.disk import is_disk_full
from adapt.workspace.folder import write_atomic

MEGABYTE = 1_000_000
REPORT_SECONDS = 0.5


class Repository:
    """The folder of one model repository in the hub's cache."""

    def __init__(self, listing: Listing) -> None:
        from huggingface_hub import constants

        self.listing = listing
        cache = Path(constants.HF_HUB_CACHE)
        name = f"models--{listing.id.replace('/', '--')}"
        self.folder = cache / name
        self._locks = cache / ".locks" / name

    @property
    def snapshot(self) -> Path:
        """Return the folder in which the files of this commit have their names."""
        return self.folder / "snapshots" / self.listing.commit

    def blob(self, file: HubFile) -> Path:
        """Return where the contents of a file lie."""
        return self.folder / "blobs" / (file.sha256 or file.git_hash)

    def partial(self, file: HubFile) -> Path:
        """Return where the beginning of a file lies until all of it is there."""
        return self.blob(file).with_name(f"{file.sha256}.incomplete")

    def point_main(self) -> None:
        """Make this commit the one that the repository's id means here, with and without a network."""
        refs = self.folder / "refs"
        refs.mkdir(exist_ok=True)
        write_atomic(refs / "main", self.listing.commit)

    def missing_bytes(self) -> int:
        """Return how much is still to be fetched."""
        return sum(file.size - self._here(file) for file in self.listing.files)

    def _here(self, file: HubFile) -> int:
        if self.blob(file).exists():
            return file.size
        partial = self.partial(file) if file.sha256 else None
        return min(partial.stat().st_size, file.size) if partial and partial.exists() else 0

    def lock(self, file: HubFile) -> FileLock:
        """Return the lock that huggingface_hub takes as well."""
        self._locks.mkdir(parents=True, exist_ok=True)
        return FileLock(self._locks / f"{self.blob(file).name}.lock")


def download(repository: Repository, file: HubFile, report: Callable[[int], None]) -> bool:
    """Fetch a file that has a SHA-256, or the rest of it; return whether it was not here before.

    Args:
        report: gets how many bytes of it are here.

    Raises:
        ModelError: another process fetches it, the hub stops giving, the disk is full, or the bytes are not those that the
            hub names; those are discarded.
    """
    blob, partial = repository.blob(file), repository.partial(file)
    blob.parent.mkdir(parents=True, exist_ok=True)
    try:
        with repository.lock(file).acquire(timeout=1):
            if blob.exists():
                return False
            _fill(partial, repository.listing, file, report)
            _check(partial, repository.listing, file)
            partial.replace(blob)
            return True
    except Timeout as error:
        raise ModelError(
            f"base '{repository.listing.id}': another process is fetching {file.name}; wait for it, or stop it"
        ) from error
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise ModelError(
            f"base '{repository.listing.id}': the disk is full ({partial.parent}); free some space and run the same "
            "command again, what was fetched is kept"
        ) from error


def _fill(partial: Path, listing: Listing, file: HubFile, report: Callable[[int], None]) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    if partial.exists() and partial.stat().st_size > file.size:
        partial.unlink()  # of something else
    with _Counted(partial, report) as target, hub_errors_explained(listing.id):
        here = target.seek(0, os.SEEK_END)
        report(here)
        http_get(
            hf_hub_url(listing.id, file.name, revision=listing.commit, endpoint=endpoint()),
            cast("BinaryIO", target),
            resume_size=here,
            headers=build_hf_headers(),
            expected_size=file.size,
            displayed_filename=file.name,
            tqdm_class=_NoBar,  # it has what http_get calls
        )
        os.fsync(target.fileno())


def _check(partial: Path, listing: Listing, file: HubFile) -> None:
    if partial.stat().st_size == file.size and sha256_file(partial) == file.sha256:
        return
    partial.unlink()
    raise ModelError(
        f"base '{listing.id}': {file.name} came with other bytes than the hub's own SHA-256 says; it was discarded, "
        "run the same command again"
    )


class _Counted(io.FileIO):
    """A file that tells how far it was written, at most twice a second."""

    def __init__(self, path: Path, report: Callable[[int], None]) -> None:
        # not "a": where the hub ignores a range, huggingface_hub goes back to the beginning
        super().__init__(path, "r+" if path.exists() else "w+")
        self._report = report
        self._next = 0.0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write all of it."""
        view = memoryview(data)
        while view:
            view = view[super().write(view) or 0 :]
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + REPORT_SECONDS
            self._report(self.tell())
        return len(data)


class _NoBar:
    """Stands where huggingface_hub would draw a bar; ours takes its place."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> "_NoBar":
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, _: object = 1) -> None:
        """Draw nothing."""
