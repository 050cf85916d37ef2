"""`adapt.toml` → one frozen settings class per section, each written beside the code that uses it.

Order of precedence: a flag, then the file, then the default in the class. Unknown keys are refused with the near name.
"""

import difflib
import functools
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from adapt.errors import AdaptError


class Settings(BaseModel):
    """Base of every section: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


SettingsT = TypeVar("SettingsT", bound=Settings)


def read_section(path: Path, section: str, settings: type[SettingsT]) -> SettingsT:
    """Return the section of an `adapt.toml`; the defaults where file or section is missing.

    Raises:
        AdaptError: the file is not TOML, or a key is unknown or out of its range; the text names the key.
    """
    if not path.exists():
        return settings()
    state = path.stat()
    tables = _read_tables(path, (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    try:
        return settings(**tables.get(section, {}))
    except ValidationError as error:
        raise AdaptError(f"{path}: {section}.{explain(error, settings)}") from error


@functools.lru_cache(maxsize=8)
def _read_tables(path: Path, _state: tuple[int, ...]) -> dict[str, Any]:
    """Return a file's tables, read once for as long as it stays as it is."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AdaptError(f"{path}: not valid TOML ({error}); correct it or remove it") from error


def explain(error: ValidationError, settings: type[Settings]) -> str:
    """Return the first fault of a pydantic error as one clause: key, what is wrong, the near key if there is one."""
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, list(settings.model_fields), n=1)
        known = ", ".join(settings.model_fields)
        return f"{key}: unknown key, " + (
            f"did you mean {near[0]}?" if near else f"known keys: {known}"
        )
    return f"{key}: {fault['msg']} (got {fault['input']!r})"
