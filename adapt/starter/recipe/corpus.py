"""Reads the text the starter model learns from, and says which files it was.

A data folder holds `SOURCE.txt` (with a `licence:` line) and JSON-lines files, plain or gzip, whose objects
carry a `text`. A file with `valid` in its name is kept for evaluation, and so is every twentieth text of a textbook.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapt.errors import DataError

HELD_OUT_ONE_IN = 20


@dataclass(frozen=True)
class SourceFile:
    """One data file as it was read: enough to tell later whether it is still the same."""

    name: str
    sha256: str
    size_bytes: int
    licence: str


@dataclass(frozen=True)
class Corpus:
    """All texts of one run, by use; `passages_*` are the textbooks, from which exercises quote."""

    train: list[str]
    valid: list[str]
    passages_train: dict[str, list[str]]
    passages_valid: dict[str, list[str]]
    files: list[SourceFile]


def read_corpus(folders: Iterable[Path]) -> Corpus:
    """Read every data file of the folders, in the order of their names.

    Raises:
        DataError: a folder or its files are missing, or a file cannot be read.
    """
    corpus = Corpus(train=[], valid=[], passages_train={}, passages_valid={}, files=[])
    for folder in folders:
        licence = _licence(folder)
        paths = sorted(
            path for path in folder.iterdir() if path.name.endswith((".jsonl", ".jsonl.gz"))
        )
        if not paths:
            raise DataError(f"{folder}: no .jsonl or .jsonl.gz file in this data folder")
        language = "es" if "_es_" in f"_{folder.name}_" else "en"
        textbook = "openstax" in folder.name
        for path in paths:
            raw = path.read_bytes()
            corpus.files.append(
                SourceFile(
                    f"{folder.name}/{path.name}", hashlib.sha256(raw).hexdigest(), len(raw), licence
                )
            )
            for text in _texts(path, raw):
                held_out = "valid" in path.name or (
                    textbook and zlib.crc32(text.encode()) % HELD_OUT_ONE_IN == 0
                )
                (corpus.valid if held_out else corpus.train).append(text)
                if textbook:
                    sections = corpus.passages_valid if held_out else corpus.passages_train
                    sections.setdefault(language, []).append(text)
    if not corpus.train:
        raise DataError(
            "no training text in the data folders; give at least one folder whose files are not all held out"
        )
    return corpus


def _licence(folder: Path) -> str:
    source = folder / "SOURCE.txt"
    if not source.is_file():
        raise DataError(f"{folder}: not a data folder, SOURCE.txt is missing")
    for line in source.read_text(encoding="utf-8").splitlines():
        if line.startswith("licence:"):
            return line.removeprefix("licence:").strip()
    raise DataError(f"{source}: no line that begins with 'licence:'")


def _texts(path: Path, raw: bytes) -> list[str]:
    try:
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
        lines = content.decode("utf-8").split("\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read as {path.suffix} text, the file is damaged"
        ) from error
    texts: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row: object = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}:{number}: not a JSON object") from error
        text: object = row.get("text") if isinstance(row, dict) else None
        if not isinstance(text, str):
            raise DataError(f"{path}:{number}: no text in this row")
        texts.append(text)
    return texts
