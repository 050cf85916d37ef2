"""A base model of the hub, fetched whole: its size is shown first, and the files are checked afterwards.

Its files lie in the hub's own cache (`HF_HOME`), where `--base ID` finds them without a network. Another version on the hub
becomes "the" version here only once all of it was checked.
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.errors import CancelledError, ModelError
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import sha256_file
from adapt.registry.bases.check import Checked, check_folder
from adapt.registry.bases.download import MEGABYTE, Repository, download
from adapt.registry.bases.find import WANTED, Base, find_base
from adapt.registry.bases.hub import find_local, offline
from adapt.registry.bases.listing import (
    HubFile,
    Listing,
    endpoint,
    gated,
    hub_errors_explained,
    read_listing,
)
from adapt.workspace.folder import Workspace

PAPERS = (
    "README.md",
    "LICENSE*",
    "LICENCE*",
    "NOTICE*",
    "USE_POLICY*",
)  # what a licence asks to keep
CODE = (".py", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")  # runs code when it is read
SPARE = 200 * MEGABYTE  # of the disk, that stay free


@dataclass(frozen=True)
class Fetched:
    """A base that is here and was checked.

    Attributes:
        bytes: of all its files.
        downloaded: how many of them came over the network this time.
        notes: what a person should know of it.
    """

    base: Base
    commit: str
    bytes: int
    downloaded: int
    checked: Checked
    licence: str
    notes: tuple[str, ...]


def fetch_base(
    name: str,
    workspace: Workspace,
    *,
    opens: Callable[[str, Path], None],
    known: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Fetched:
    """Fetch a base of the hub, or the rest of it, and check it.

    Args:
        opens: raises where a folder of this name cannot be opened as a model (`adapt.models.loading.check_opens`, which
            takes seconds to import and is needed only once all is here).
        known: ids to offer where the hub has no such model.

    Raises:
        ModelError: there is no such model, it cannot be fetched or does not fit on the disk, or it is not what the hub says.
        CancelledError: the user stopped it; what was fetched is kept.
    """
    if Path(name).expanduser().is_dir():
        raise ModelError(f"{name} is a folder of this machine already; use it with --base {name}")
    if offline():
        return _here(name, workspace, opens)
    progress(ProgressEvent("ask the hub", detail=name))
    listing = read_listing(name, (*WANTED, *PAPERS), known=known)
    _check_names(listing)
    _check_token(listing)
    repository = Repository(listing)
    missing = repository.missing_bytes()
    _check_disk(repository, missing)
    progress(ProgressEvent("to fetch", detail=f"{_size(missing)} of {_size(listing.bytes)}"))
    try:
        new = _download(repository, progress)
        _verify(repository, progress, new=new)
    except KeyboardInterrupt as stop:
        raise CancelledError(
            f"{_size(repository.missing_bytes())} of {name} are still to come; 'adapt bases fetch {name}' goes on there"
        ) from stop
    checked = check_folder(listing.id, repository.snapshot)
    progress(ProgressEvent("open it", detail="configuration, tokenizer, chat template"))
    opens(listing.id, repository.snapshot)
    repository.point_main()
    base = find_base(listing.id, workspace)
    licence = checked.licence or listing.licence
    return Fetched(
        base=base,
        commit=listing.commit,
        bytes=listing.bytes,
        downloaded=missing,
        checked=checked,
        licence=licence,
        notes=_notes(listing, checked, licence),
    )


def _here(name: str, workspace: Workspace, opens: Callable[[str, Path], None]) -> Fetched:
    """Return a base that was fetched before, where the hub may not be asked."""
    folder = find_local(name, WANTED)
    if folder is None:
        raise ModelError(
            f"base '{name}' is not here, and HF_HUB_OFFLINE forbids to fetch it; unset it, or name a local folder"
        )
    checked = check_folder(name, folder)
    opens(name, folder)
    return Fetched(
        base=find_base(name, workspace),
        commit=folder.name,
        bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        downloaded=0,
        checked=checked,
        licence=checked.licence,
        notes=(
            "it was here already; HF_HUB_OFFLINE is set, so it was not compared with the hub's hashes",
        ),
    )


def _check_names(listing: Listing) -> None:
    """Refuse what cannot be a base before anything of it is fetched."""
    names = {file.name for file in listing.files}
    if "config.json" not in names:
        raise ModelError(
            f"base '{listing.id}': the hub's repository has no config.json; is it a model?"
        )
    if not any(name.endswith(".safetensors") and "/" not in name for name in names):
        raise ModelError(
            f"base '{listing.id}': the hub's repository has no *.safetensors (other weight files can run code and are not "
            "read); choose another repository of the same model"
        )


def _check_token(listing: Listing) -> None:
    from huggingface_hub import get_token

    if listing.gated and not get_token():
        raise gated(listing.id)


def _check_disk(repository: Repository, missing: int) -> None:
    place = repository.folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if missing and free < missing + SPARE:
        raise ModelError(
            f"base '{repository.listing.id}': {_size(missing)} are to be fetched, and {place} has {_size(free)} free; free "
            "some space, or set HF_HOME to a folder of another disk"
        )


def _download(repository: Repository, progress: Progress) -> set[str]:
    """Fetch the small files first, so that a refusal comes at once, then the large ones; return those just compared."""
    listing = repository.listing
    large = [file for file in listing.files if file.sha256]
    small = [file.name for file in listing.files if not file.sha256]
    _link(listing, small)
    total = sum(file.size for file in large) / MEGABYTE
    clock = _Rate()
    before = 0
    new: set[str] = set()
    for file in sorted(large, key=lambda file: file.size):

        def report(here: int, file: HubFile = file, before: int = before) -> None:
            done = (before + here) / MEGABYTE
            detail = f"{file.name}, {clock.rate(before + here) / MEGABYTE:.1f} MB/s"
            progress(
                ProgressEvent(
                    "fetch, MB", done=round(done, 1), total=round(total, 1), detail=detail
                )
            )

        if download(repository, file, report):
            new.add(file.name)
            report(file.size)
        before += file.size
    _link(listing, [file.name for file in listing.files])
    return new


def _link(listing: Listing, names: Sequence[str]) -> None:
    """Have huggingface_hub fetch these files unless their contents are here, and give them their names."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    if not names:
        return
    with hub_errors_explained(listing.id):
        try:
            snapshot_download(
                listing.id,
                revision=listing.commit,
                allow_patterns=list(names),
                endpoint=endpoint(),
                max_workers=4,
            )
        except LocalEntryNotFoundError as error:
            raise ModelError(
                f"base '{listing.id}': the hub stopped answering; what was fetched is kept, run the same command again"
            ) from error


def _verify(repository: Repository, progress: Progress, *, new: set[str]) -> None:
    """Compare every file with the hub's size and hash, but those just compared; one that differs is discarded.

    Raises:
        ModelError: one differs; the text names it.
    """
    listing = repository.listing
    total = listing.bytes / MEGABYTE
    done = 0.0
    for file in sorted(listing.files, key=lambda file: file.size):
        path = repository.snapshot / file.name
        if not path.is_file():
            raise ModelError(
                f"base '{listing.id}': {file.name} did not arrive; run the same command again"
            )
        if file.name not in new and not _equal(path, file):
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise ModelError(
                f"base '{listing.id}': {file.name} is not what the hub's own hash says; it was discarded, run the same "
                "command again"
            )
        done += file.size / MEGABYTE
        progress(
            ProgressEvent("compare with the hub's hashes, MB", round(done, 1), round(total, 1))
        )


def _equal(path: Path, file: HubFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    if file.sha256:
        return sha256_file(path) == file.sha256
    data = b"blob %d\0%b" % (file.size, path.read_bytes())
    return hashlib.sha1(data, usedforsecurity=False).hexdigest() == file.git_hash


def _notes(listing: Listing, checked: Checked, licence: str) -> tuple[str, ...]:
    left = [name for name in listing.left if name.endswith(CODE)]
    notes = []
    if not licence:
        notes.append("its card states no licence; ask its owner before you use it")
    if left:
        notes.append(
            f"left on the hub, since reading them can run code: {', '.join(left[:5])}{' …' if len(left) > 5 else ''}"
        )
    if checked.own_code:
        notes.append(
            "its configuration names code of its own, which is not run: the library's is used"
        )
    if not checked.own_template:
        notes.append("it has no chat template and gets a plain one; it may be no instruct model")
    return tuple(notes)


def _size(count: float) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


class _Rate:
    """Bytes per second since the first report."""

    def __init__(self) -> None:
        self._start: tuple[float, int] | None = None

    def rate(self, count: int) -> float:
        now = time.monotonic()
        if self._start is None:
            self._start = now, count
        seconds = now - self._start[0]
        return (count - self._start[1]) / seconds if seconds > 0 else 0.0
