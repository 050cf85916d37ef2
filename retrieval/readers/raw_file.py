"""The two values that readers share: the bytes that they are given and the text that they return."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapt.errors import DataError
from adapt.records import Page


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found. A warning says in one sentence what of the file was not read, and what to do."""

    pages: list[Page]
    title: str = ""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file's bytes, from a disk or from within another file.

    `label` is what sentences call it: a path, with `: member` behind it for what lies in an archive or a message.
    `read_inside` reads a file that lies within this one; `level` says how many files are around it.
    """

    label: str
    data: bytes
    suffix: str
    read_inside: Callable[["RawFile"], Reading]
    level: int = 0

    def inside(self, name: str, data: bytes) -> "RawFile":
        """Return a file that lies within this one."""
        tail = name.replace("\\", "/").rsplit("/", 1)[-1]
        suffix = f".{tail.rsplit('.', 1)[1].lower()}" if "." in tail.lstrip(".") else ""
        return RawFile(f"{self.label}: {name}", data, suffix, self.read_inside, self.level + 1)

    def damaged(self, what: str, why: object) -> DataError:
        """Return the sentence for a file whose format is known and whose content cannot be read."""
        reason = " ".join(str(why).split())[:120] or type(why).__name__
        return DataError(
            f"{self.label}: the {what} is damaged ({reason}); open it and save it again"
        )


def numbers(values: Sequence[int]) -> str:
    """Return page numbers as people write them: `3-5 and 9`."""
    runs: list[list[int]] = []
    for value in sorted(set(values)):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    parts = [str(a) if a == b else f"{a}-{b}" for a, b in runs]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def plural(word: str, values: Sequence[object]) -> str:
    """Return a noun in the number of what it counts."""
    return word if len(values) == 1 else f"{word}s"
