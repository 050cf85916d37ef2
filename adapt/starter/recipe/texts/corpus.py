"""Reads what the starter model learns from, and says which files it was.

A data folder holds `SOURCE.txt` (with a `licence:` line) and files, plain or gzip: JSON lines whose objects carry a
`text`, or JSON in SQuAD's form. A file with `valid` in its name is kept for evaluation, and so are every
twentieth text of a textbook and every ninth paragraph that questions are asked about.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from adapt.errors import DataError
from adapt.starter.recipe.texts.questions import Paragraph, read_squad

HELD_OUT_ONE_IN = 20
_ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz")


@dataclass(frozen=True)
class SourceFile:
    """One data file as it was read: enough to tell later whether it is still the same."""

    name: str
    sha256: str
    size_bytes: int
    licence: str


@dataclass(frozen=True)
class Corpus:
    """All of one run's data, by use; `passages_*` are the textbooks, from which exercises quote.

    `questions_*` are paragraphs with questions, by language and then by data folder.
    """

    train: list[str] = field(default_factory=list)
    valid: list[str] = field(default_factory=list)
    passages_train: dict[str, list[str]] = field(default_factory=dict)
    passages_valid: dict[str, list[str]] = field(default_factory=dict)
    questions_train: dict[str, dict[str, list[Paragraph]]] = field(default_factory=dict)
    questions_valid: dict[str, dict[str, list[Paragraph]]] = field(default_factory=dict)
    files: list[SourceFile] = field(default_factory=list)


def read_corpus(folders: Iterable[Path]) -> Corpus:
    """Read every data file of the folders, in the order of their names.

    Raises:
        DataError: a folder or its files are missing, or a file cannot be read.
    """
    corpus = Corpus()
    for folder in folders:
        licence = _licence(folder)
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(_ENDINGS))
        if not paths:
            raise DataError(
                f"{folder}: no .jsonl, .jsonl.gz, .json or .json.gz file in this data folder"
            )
        for path in paths:
            raw = path.read_bytes()
            corpus.files.append(
                SourceFile(
                    f"{folder.name}/{path.name}", hashlib.sha256(raw).hexdigest(), len(raw), licence
                )
            )
            language = "es" if "_es_" in f"_{folder.name}_" else "en"
            if ".jsonl" in path.name:
                _add_texts(corpus, folder.name, language, path, _unpack(path, raw))
            else:
                _add_questions(corpus, folder.name, language, path, _unpack(path, raw))
    if not corpus.train:
        raise DataError(
            "no training text in the data folders; give at least one folder whose files are not all held out"
        )
    return corpus


def _add_texts(corpus: Corpus, folder: str, language: str, path: Path, content: str) -> None:
    textbook = "openstax" in folder
    for text in _texts(path, content):
        held_out = "valid" in path.name or (
            textbook and zlib.crc32(text.encode()) % HELD_OUT_ONE_IN == 0
        )
        (corpus.valid if held_out else corpus.train).append(text)
        if textbook:
            sections = corpus.passages_valid if held_out else corpus.passages_train
            sections.setdefault(language, []).append(text)


def _add_questions(corpus: Corpus, folder: str, language: str, path: Path, content: str) -> None:
    try:
        parsed: object = json.loads(content)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not JSON, or damaged") from error
    for held_out, paragraph in read_squad(str(path), parsed):
        side = corpus.questions_valid if held_out else corpus.questions_train
        side.setdefault(language, {}).setdefault(folder, []).append(paragraph)
        if not held_out:
            text = " ".join(paragraph.sentences)
            corpus.train.append(text)
            corpus.passages_train.setdefault(language, []).append(text)


def _licence(folder: Path) -> str:
    source = folder / "SOURCE.txt"
    if not source.is_file():
        raise DataError(f"{folder}: not a data folder, SOURCE.txt is missing")
    for line in source.read_text(encoding="utf-8").splitlines():
        if line.startswith("licence:"):
            return line.removeprefix("licence:").strip()
    raise DataError(f"{source}: no line that begins with 'licence:'")


def _unpack(path: Path, raw: bytes) -> str:
    try:
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read as {path.suffix} text, the file is damaged"
        ) from error


def _texts(path: Path, content: str) -> list[str]:
    texts: list[str] = []
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row: object = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}:{number}: not a JSON object") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: not a JSON object")
        texts.append(_row_text(path, number, row))
    return texts


def _row_text(path: Path, number: int, row: dict[str, object]) -> str:
    """Return a row's text; a dialogue's `turns` make one text, a line each."""
    text, turns = row.get("text"), row.get("turns")
    if isinstance(text, str):
        return text
    if isinstance(turns, list) and turns:
        return "\n".join(str(turn[-1]) for turn in turns if isinstance(turn, list) and turn)
    raise DataError(f"{path}:{number}: no text in this row")
