"""`adapt finetune --all domains.yaml`: several domains in one file → a request for each.

base: starter                 # and rank, epochs, … of [finetune]: for all domains
epochs: 2
domains:
  support: support.jsonl      # relative to this file
  dates:
    data: [dates.jsonl, more.jsonl]
    test: heldout.jsonl       # keep, format, columns, skip_bad, continue as on the command line
    rank: 8                   # for this domain alone
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from adapt.errors import RecipeError
from adapt.workspace.folder import check_name
from adapt.workspace.settings import explain
from finetune.runs.request import TrainingRequest
from finetune.settings import SftSettings

MOST_BYTES = 1_000_000


class DomainEntry(BaseModel):
    """What the file says of one domain, its settings apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    data: tuple[Path, ...] = Field(min_length=1)
    test: Path | None = None
    keep: tuple[Path, ...] = ()
    format: str | None = None
    columns: dict[str, str] = {}
    skip_bad: Path | None = None
    start: str | None = Field(None, alias="continue")

    @field_validator("data", "keep", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


def read_domains(
    path: Path, *, settings: SftSettings, base: str | None, flags: Mapping[str, object]
) -> list[TrainingRequest]:
    """Return a request for each domain of a file.

    Args:
        settings: those of `adapt.toml`; the file's go before them, a domain's own before those, `flags` before all.
        base: instead of the file's.

    Raises:
        RecipeError: the file cannot be read, or says something that is not known; the text names the place.
    """
    content = _read(path)
    domains = content.pop("domains", None)
    if not isinstance(domains, dict) or not domains:
        raise RecipeError(f"{path}: 'domains' must name at least one domain with its data")
    chosen = base or content.pop("base", "starter")
    content.pop("base", None)
    common = _settings(path, "", settings, content)
    requests = []
    for name, section in domains.items():
        fields = dict(section) if isinstance(section, dict) else {"data": section}
        own = {key: fields.pop(key) for key in list(fields) if key in SftSettings.model_fields}
        entry = _entry(path, str(name), fields)
        mine = _settings(path, f"domains.{name}.", common, own)
        requests.append(
            TrainingRequest(
                domain=check_name("model", str(name)),
                files=tuple(_beside(path, file) for file in entry.data),
                test=entry.test and _beside(path, entry.test),
                keep=tuple(_beside(path, file) for file in entry.keep),
                base=str(chosen),
                settings=_settings(path, "flags: ", mine, flags),
                skip_bad=entry.skip_bad and _beside(path, entry.skip_bad),
                format=entry.format,
                columns=entry.columns,
                start=entry.start,
            )
        )
    return requests


class _Once(yaml.SafeLoader):
    """Reads YAML in which no key is given twice; a second domain of a name would hide the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
        if twice is not None:
            raise yaml.MarkedYAMLError(
                problem=f"'{twice}' is given twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RecipeError(f"{path}: larger than a list of domains can be")
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Once)  # noqa: S506  a safe loader
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise RecipeError(
            f"{path}: not valid YAML ({' '.join(str(error).split())[:200]})"
        ) from error
    if not isinstance(content, dict):
        raise RecipeError(
            f"{path}: must be a mapping with 'domains', as adapt finetune --help shows"
        )
    return {str(key): value for key, value in content.items()}


def _entry(path: Path, name: str, fields: dict[Any, Any]) -> DomainEntry:
    try:
        return DomainEntry.model_validate(fields)
    except ValidationError as error:
        fault = error.errors()[0]
        key = str(fault["loc"][0])
        if fault["type"] == "extra_forbidden":
            known = [*DomainEntry.model_fields, "continue", *SftSettings.model_fields]
            near = difflib.get_close_matches(key, known, n=1)
            why = f"unknown key{f', did you mean {near[0]}?' if near else ''}"
        else:
            why = str(fault["msg"])
        raise RecipeError(f"{path}: domains.{name}.{key}: {why}") from error


def _settings(
    path: Path, where: str, before: SftSettings, given: Mapping[str, object]
) -> SftSettings:
    try:
        return SftSettings.model_validate({**before.model_dump(), **given})
    except ValidationError as error:
        raise RecipeError(f"{path}: {where}{explain(error, SftSettings)}") from error


def _beside(path: Path, named: Path) -> Path:
    """Return a path as it is found from the file; what is not there may be an id of the hub."""
    beside = path.parent / named
    return beside if beside.exists() else named
