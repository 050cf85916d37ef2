"""What a model repository on the hub holds: its commit, its files with sizes and hashes, its licence, whether it is gated.

Not here: fetching (`adapt.registry.bases.download`), and what a base needs (`adapt.registry.bases.check`).
"""

import fnmatch
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from adapt.errors import ModelError


@dataclass(frozen=True)
class HubFile:
    """A file as the hub describes it.

    Attributes:
        sha256: of its contents, "" where the hub keeps it in git itself, as it does small text.
        git_hash: as git names its contents; that of a pointer where there is a `sha256`.
    """

    name: str
    size: int
    sha256: str
    git_hash: str


@dataclass(frozen=True)
class Listing:
    """A repository at one commit.

    Attributes:
        files: those that were asked for.
        left: the names of the others.
        licence: as its card states it, "" where it states none.
        gated: whether its terms have to be accepted first.
    """

    id: str
    commit: str
    files: tuple[HubFile, ...]
    left: tuple[str, ...]
    licence: str
    gated: bool

    @property
    def bytes(self) -> int:
        """Return the size of the files that were asked for."""
        return sum(file.size for file in self.files)


def read_listing(name: str, wanted: Sequence[str], *, known: Sequence[str] = ()) -> Listing:
    """Ask the hub what a repository holds.

    Args:
        wanted: patterns of the files to list.
        known: ids to offer where there is no such repository.

    Raises:
        ModelError: there is no such model, or the hub cannot be asked or does not let us in; the text says what to do.
    """
    from huggingface_hub import HfApi

    with hub_errors_explained(name, known=known):
        info = HfApi(endpoint=endpoint()).model_info(name, files_metadata=True)
    files, left = [], []
    for sibling in info.siblings or ():
        if not any(fnmatch.fnmatch(sibling.rfilename, pattern) for pattern in wanted):
            left.append(sibling.rfilename)
            continue
        lfs = sibling.lfs
        sha256 = lfs.sha256 if lfs else ""
        size = lfs.size if lfs else sibling.size
        files.append(HubFile(sibling.rfilename, size or 0, sha256, sibling.blob_id or ""))
    data = info.card_data
    card = data.to_dict() if data else {}  # type: ignore[no-untyped-call]
    licence = card.get("license") or ""
    if licence == "other":
        licence = card.get("license_name") or licence
    return Listing(
        id=info.id or name,
        commit=info.sha or "",
        files=tuple(files),
        left=tuple(left),
        licence=licence if isinstance(licence, str) else " AND ".join(map(str, licence)),
        gated=bool(info.gated),
    )


def endpoint() -> str | None:
    """Return the hub's address where another one than its own is set."""
    return os.environ.get("HF_ENDPOINT") or None


def gated(name: str) -> ModelError:
    """Return the error of a repository whose terms were not accepted."""
    return ModelError(
        f"base '{name}' is gated: accept its terms at https://huggingface.co/{name}, then set HF_TOKEN to a token of the "
        "account that did"
    )


@contextmanager
def hub_errors_explained(name: str, *, known: Sequence[str] = ()) -> Iterator[None]:
    """Turn what huggingface_hub raises within into one sentence.

    Raises:
        ModelError: what went wrong on the way to the hub.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    # huggingface_hub uses httpx, from version 2 httpx2; their errors share a base class of this name
    network: type[Exception] = next(
        ancestor
        for ancestor in HfHubHTTPError.__mro__
        if ancestor.__name__ == "HTTPError" and issubclass(ancestor, Exception)
    )
    try:
        yield
    except GatedRepoError as error:
        raise gated(name) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise unknown(name, known) from error
    except (HfHubHTTPError, network) as error:
        raise ModelError(
            f"base '{name}': the hub did not serve it ({_why(error)}); what was fetched is kept, run the same command again"
        ) from error


def unknown(name: str, known: Sequence[str]) -> ModelError:
    """Return the error of an id that the hub does not have; it offers those of a list that are called nearly so."""
    close = near(name, known)
    tail = (
        f"did you mean {' or '.join(close)}?"
        if close
        else "'adapt bases' lists some, and an id is written owner/name"
    )
    return ModelError(
        f"the hub has no model '{name}' (or it is private, and HF_TOKEN does not open it); {tail}"
    )


def near(name: str, known: Sequence[str]) -> list[str]:
    """Return the ids with a similar name, with or without their owner."""
    import difflib

    by_spelling = {known_id.lower(): known_id for known_id in known}
    by_spelling |= {known_id.lower().rpartition("/")[2]: known_id for known_id in known}
    words = (name.lower(), name.lower().rpartition("/")[2])
    close = [
        by_spelling[match]
        for word in words
        for match in difflib.get_close_matches(word, by_spelling, n=3, cutoff=0.7)
    ]
    return list(dict.fromkeys(close))[:3]


def _why(error: Exception) -> str:
    """Return the hub's own words where it said something, in one line."""
    text = getattr(error, "server_message", None) or str(error) or type(error).__name__
    return " ".join(text.split())[:200]
