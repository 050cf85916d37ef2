"""Everything that can go wrong in a way that a user can correct.

    AdaptError                  what a user can cause; the command line prints its sentence and exits with 2
    ├── NotFoundError           a name that nothing answers to; offers the near one
    ├── DataError               a file or a row that cannot be used; names file and line
    ├── RecipeError             a merge recipe or a setting that cannot work
    ├── ModelError              a base or an adapter that cannot be loaded or does not fit
    ├── WorkspaceError          the workspace is locked, foreign, full or unwritable
    └── CancelledError          the user stopped it; nothing half-made is left

A programmer's mistake stays `ValueError` or `TypeError` and is printed with its traceback (exit 1).
"""

import difflib
import reprlib
from collections.abc import Iterable

_REPR = reprlib.Repr()
_REPR.maxlevel = 2  # the library's 6 levels of 6 entries are 46,656
_REPR.maxdict = _REPR.maxlist = _REPR.maxtuple = 4
_REPR.maxstring = _REPR.maxother = 60


class AdaptError(Exception):
    """A fault that the user can correct; its text says what, where and what to do."""


class NotFoundError(AdaptError):
    """Nothing is called that; the sentence offers the nearest name that exists."""

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), *, hint: str = "") -> None:
        names = sorted(set(known))
        near = difflib.get_close_matches(name, names, n=1)
        if near:
            tail = f"; did you mean {near[0]}?"
        elif names:
            shown = ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
            tail = f"; there is: {shown}"
        else:
            tail = "; there is none yet"
        super().__init__(f"no {kind} named '{name}'{tail}{' ' + hint if hint else ''}")
        self.name = name


class DataError(AdaptError):
    """A file or a row that cannot be used; names file and line."""


class RecipeError(AdaptError):
    """A merge recipe or a setting that cannot work; names the field."""


class ModelError(AdaptError):
    """A base model or an adapter that cannot be loaded, or two that do not fit together."""


class WorkspaceError(AdaptError):
    """The workspace is locked, of another version, full, or not writable."""


class CancelledError(AdaptError):
    """The user stopped the work; what was published before stays, nothing half-made is left."""


def quoted(value: object) -> str:
    """Return a value that a person wrote as Python writes it: short, and at once even where YAML's aliases nest."""
    return _REPR.repr(value)
