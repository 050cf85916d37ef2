"""What a person names as data → files: a file, a folder of files, or a dataset on the Hugging Face hub.

A dataset's folder may hold its parts side by side (train, validation, test); the files' names say which is which, as the hub
tells them, and only the part asked for is read. Of the hub, data files alone are fetched: no code of a dataset is run.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from adapt.errors import DataError
from finetune.data.files import KNOWN

PARTS = {
    "train": ("train", "training"),
    "test": ("test", "validation", "valid", "val", "dev", "eval", "evaluation", "heldout"),
}
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_BESIDE = re.compile(
    r"(?:readme|licen[cs]e|notice|changelog|source|manifest|dataset_infos?|dataset_dict|state)\b",
    re.I,
)


def find_files(sources: Sequence[Path], *, part: str = "train") -> list[Path]:
    """Return the data files of the sources, in their order; a folder's in the order of their names.

    Args:
        part: which of a dataset's parts is wanted, `train` or `test`; files that name no part belong to training.

    Raises:
        DataError: a source is missing, holds no data file, or cannot be fetched.
    """
    if not sources:
        raise DataError("no data file was named; name at least one")
    return [path for source in sources for path in _files(source, part)]


def locate(source: Path) -> Path:
    """Return where a source lies on this machine, as an absolute path; a dataset of the hub is fetched.

    Raises:
        DataError: it is missing, or cannot be fetched.
    """
    if source.exists():
        return source.absolute()
    if (
        not source.is_absolute()
        and _HUB_ID.fullmatch(source.as_posix())
        and source.suffix not in KNOWN
    ):
        return _fetch(source.as_posix())
    raise DataError(f"{source}: no such file; check the path")


def card_licences(path: Path) -> list[str]:
    """Return the licences that the card of a data file's dataset names: `license` at the head of a README.md.

    The card lies beside the file or one folder above it, as in datasets of the hub.
    """
    for folder in (path.parent, path.parent.parent):
        try:
            text = (folder / "README.md").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):  # no card, or none that can be read
            continue
        head = re.match(r"\ufeff?---\s*\n(.*?)\n---\s*(?:\n|$)", text, re.S)
        try:
            fields = yaml.safe_load(head[1]) if head else None
        except yaml.YAMLError:  # what stands there is no card of a dataset
            continue
        named = fields.get("license") if isinstance(fields, dict) else None
        if named:
            several = named if isinstance(named, list) else [named]
            return [str(licence)[:100] for licence in several]
    return []


def _files(source: Path, part: str) -> list[Path]:
    if source.is_file():
        return [source]
    return _folder(source if source.is_dir() else locate(source), str(source), part)


def _folder(folder: Path, called: str, part: str) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if _is_data(path, folder))
    if not paths:
        raise DataError(f"{called}: no data file in this folder; known are {', '.join(KNOWN)}")
    by_part = {
        name: [path for path in paths if _names(path, folder, words)]
        for name, words in PARTS.items()
    }
    if part == "train" and not by_part["train"]:
        wanted = [path for path in paths if path not in by_part["test"]]
    else:
        wanted = by_part[part]
    if not wanted:
        raise DataError(
            f"{called}: none of its files is named as {' or '.join(PARTS[part][:3])}; name the file itself"
        )
    return wanted


def _is_data(path: Path, folder: Path) -> bool:
    inside = path.relative_to(folder).parts
    hidden = any(name.startswith((".", "_")) for name in inside)
    known = any(path.name.lower().endswith(ending) for ending in KNOWN)
    return path.is_file() and known and not hidden and not _BESIDE.match(path.name)


def _names(path: Path, folder: Path, words: Iterable[str]) -> bool:
    """Return whether a file's name, or a folder that it lies in, names a part of a dataset."""
    inside = path.relative_to(folder).parts
    return any(
        re.search(rf"(?<![a-z])(?:{'|'.join(words)})(?![a-z])", name.lower()) for name in inside
    )


def _fetch(name: str) -> Path:
    try:
        return Path(
            snapshot_download(
                name,
                repo_type="dataset",
                allow_patterns=[*(f"*{ending}" for ending in KNOWN), "README.md"],
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{name}: neither a file or folder here, nor a dataset that the hub gave ({reason})"
        ) from error
