"""The words of a picture of a page, by the program `tesseract` where it is installed; nothing is written to disk.

Tesseract runs as a process of its own with a time limit; its own reading order is not used, the words go through the same
layout as a PDF's, so that the rows of a table stay whole.
"""

import os
import shutil
import subprocess
from functools import cache

from retrieval.readers.pdf.lines import Word

PAGE_SECONDS = 60.0
WANTED = ("eng", "spa")  # read together; others only where neither is installed
SCRIPT_DATA = ("osd", "equ")  # which way up, and formulas: no languages
MIN_CONFIDENCE = 30.0  # percent; below it is the texture of the paper
SURE = 60.0  # percent; a page below that is looked at for lying on its side
FIELDS = 12


class OcrError(Exception):
    """Tesseract failed on a page or took too long; the text says which."""


@cache
def languages() -> str:
    """Return the languages that are read, as tesseract takes them: `eng+spa`; empty where it is not installed."""
    program = shutil.which("tesseract")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603  the program that the person installed, fixed arguments
            [program, "--list-langs"], capture_output=True, check=False, timeout=PAGE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    listed = done.stdout.decode("utf-8", errors="replace").split("\n")[1:]
    known = [name.strip() for name in listed if name.strip() and name.strip() not in SCRIPT_DATA]
    return "+".join([name for name in WANTED if name in known] or known[:2])


def recognise(
    image: bytes, *, scale: float, seconds: float = PAGE_SECONDS
) -> tuple[list[Word], float]:
    """Return the words of a picture with their places in points, and how sure tesseract is of them, in percent.

    Args:
        image: a portable graymap (PGM).
        scale: pixels per point.

    Raises:
        OcrError: tesseract failed, or took longer than `seconds`.
    """
    table = _run(image, ["--psm", "3", "-l", languages(), "tsv"], seconds)
    lines: dict[tuple[str, ...], list[Word]] = {}
    weights: list[tuple[float, int]] = []
    for record in table.split("\n")[1:]:
        fields = record.rstrip("\r").split("\t")
        if len(fields) != FIELDS or not fields[11].strip():
            continue
        sure = float(fields[10])
        weights.append((sure, len(fields[11])))
        if sure >= MIN_CONFIDENCE:
            x, y, width, height = (int(value) / scale for value in fields[6:10])
            word = Word(fields[11].strip(), x, y, x + width, y + height)
            lines.setdefault(tuple(fields[2:5]), []).append(word)
    total = sum(weight for _, weight in weights)
    words = [word for line in lines.values() for word in _level(line)]
    return words, sum(sure * weight for sure, weight in weights) / total if total else 0.0


def _level(line: list[Word]) -> list[Word]:
    """Return the words of a line that tesseract followed across a crooked page, put at one height."""
    middle = sum(word.top + word.bottom for word in line) / (2 * len(line))
    off = [middle - (word.top + word.bottom) / 2 for word in line]
    return [
        word._replace(top=word.top + by, bottom=word.bottom + by)
        for word, by in zip(line, off, strict=True)
    ]


def quarter_turns(image: bytes, *, seconds: float = PAGE_SECONDS) -> int:
    """Return by how many quarters a picture must be turned clockwise to stand upright; 0 where that cannot be determined."""
    try:
        orientation = _run(image, ["--psm", "0", "-l", "osd"], seconds)
    except OcrError:
        return 0  # too few letters to tell, or no data for it: the page is read as it lies
    for line in orientation.split("\n"):
        name, _, value = line.partition(":")
        if name.strip() == "Rotate" and value.strip().isdigit():
            return int(value) // 90 % 4
    return 0


def _run(image: bytes, arguments: list[str], seconds: float) -> str:
    program = shutil.which("tesseract")
    if program is None:
        raise OcrError("tesseract is not installed")
    limits = {
        **os.environ,
        "OMP_THREAD_LIMIT": "1",
    }  # its threads fight over a page more than they help
    try:
        done = subprocess.run(  # noqa: S603  the program that the person installed, fixed arguments
            [program, "stdin", "stdout", *arguments],
            input=image, capture_output=True, check=False, timeout=seconds, env=limits,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise OcrError(f"took over {seconds:.0f} s") from error
    except OSError as error:
        raise OcrError(f"could not be started ({error.strerror})") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", errors="replace").strip().split("\n")
        raise OcrError(f"failed ({lines[-1][:80]})")
    return done.stdout.decode("utf-8", errors="replace")
