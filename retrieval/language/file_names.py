"""The words of a file's name: `reports/AmiraHolt_salary-2028_04_07.pdf` is about Amira Holt, a salary and a day."""

import re
from pathlib import PurePosixPath

from retrieval.language.folding import composed, fold

CAMEL = re.compile(r"(?<=[^\W\d_A-ZÀ-Þ])(?=[A-ZÀ-Þ])|(?<=[A-ZÀ-Þ])(?=[A-ZÀ-Þ][a-zß-ÿ])")
AFTER_LETTERS = re.compile(r"(?<=[^\W\d_]{3})(?=\d)|(?<=\d)(?=[^\W\d_]{3})")
BETWEEN_DIGITS = re.compile(r"(?<=\d)_(?=\d)")
GAPS = re.compile(r"[_+\s]+|(?<=\D)\.(?=\D)")
FOLDERS = " / "  # between them
# an id and no name: three digits or fewer say nothing, and many questions hold them
ID = re.compile(r"\d{1,3}")


def name_text(document: str) -> str:
    """Return a document's name as a text, its words parted; empty where it is a short number."""
    path = PurePosixPath(composed(document))
    parts = [*path.parts[:-1], path.stem if path.suffix else path.name]
    return FOLDERS.join(_parted(part) for part in parts if not ID.fullmatch(part))


def file_term(document: str) -> str:
    """Return the term of a document's whole name, without its folders."""
    return f"f:{fold(PurePosixPath(document).name)}"


def _parted(part: str) -> str:
    part = GAPS.sub(" ", BETWEEN_DIGITS.sub("-", part))
    return AFTER_LETTERS.sub(" ", CAMEL.sub(" ", part)).strip()
