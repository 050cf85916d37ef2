"""The sections of a recipe that name rows: `evaluate`, `search` for the best method and weights, and `calibration`.

    evaluate:                              search:
      billing: held_out/billing.jsonl        minutes: 10
      trips:                                 methods: [ties, task_arithmetic]
        file: held_out/trips.jsonl           validation:
        adapter: travel@2                      billing: validation/billing.jsonl

`calibration` is written as `evaluate` is: the rows that methods which fit a model to rows (`regmean`, `distill`) learn from.
A domain is called like the adapter that was trained for it, or names that adapter. A file of `evaluate` is only measured
at the end, so it cannot be one of those that the search or such a method looks at.
Not here: what is measured, and how a search is run (`merge.search.search`).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from adapt.registry.artifacts import sha256_file
from adapt.workspace.settings import Settings
from merge.methods.catalogue import SPECS
from merge.recipes.parameters import Faults
from merge.recipes.yaml_lines import Location


def _as_mapping(value: object) -> object:
    return {"file": value} if isinstance(value, str) else value


class HeldOut(Settings):
    """A file of held-out examples, and the adapter that was trained for them where it is called otherwise."""

    file: Annotated[str, Field(strict=True, min_length=1)]
    adapter: Annotated[str, Field(strict=True, min_length=1)] | None = None


HeldOutFile = Annotated[HeldOut, BeforeValidator(_as_mapping)]


class Search(Settings):
    """What a search may try, and for how long.

    Attributes:
        minutes: after which no further trial begins.
        trials: the most of them; None leaves it to the time.
        methods: to choose from; none means those that the search takes by itself.
        validation: the files by domain on which trials are compared.
    """

    minutes: Annotated[float, Field(strict=True, gt=0, le=10_080, allow_inf_nan=False)] = 10.0
    trials: Annotated[int, Field(strict=True, ge=1)] | None = None
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0
    methods: tuple[Annotated[str, Field(strict=True)], ...] = ()
    validation: Annotated[dict[str, HeldOutFile], Field(min_length=1)]


def with_paths(values: Mapping[str, object], folder: Path) -> dict[str, object]:
    """Return the values of a recipe whose held-out files are named as they are found: beside the recipe, else as given."""
    located = dict(values)
    for section in ("evaluate", "calibration"):
        if isinstance(values.get(section), Mapping):
            located[section] = _located(values[section], folder)
    search = values.get("search")
    if isinstance(search, Mapping) and isinstance(search.get("validation"), Mapping):
        located["search"] = {**search, "validation": _located(search["validation"], folder)}
    return located


def _located(domains: object, folder: Path) -> object:
    if not isinstance(domains, Mapping):
        return domains
    return {domain: _locate(entry, folder) for domain, entry in domains.items()}


def _locate(entry: object, folder: Path) -> object:
    if isinstance(entry, Mapping):
        return {**entry, "file": _locate(entry["file"], folder)} if "file" in entry else entry
    if not isinstance(entry, str):
        return entry
    beside = folder / Path(entry).expanduser()
    return str(beside) if beside.is_file() else entry


def section_faults(values: Mapping[str, object], adapters: Iterable[str]) -> Faults:
    """Return what is wrong between these sections, the disk and the recipe's adapters; wrong types are pydantic's."""
    known = list(adapters)
    faults: Faults = []
    search = values.get("search")
    validation = search.get("validation") if isinstance(search, Mapping) else None
    evaluated = _files(values.get("evaluate"))
    sections: list[tuple[Location, object]] = [
        (("evaluate",), values.get("evaluate")),
        (("search", "validation"), validation),
        (("calibration",), values.get("calibration")),
    ]
    for at, entries in sections:
        files = _files(entries)
        for domain, file in files.items():
            if not file.is_file():
                faults.append(((*at, domain), f"{file}: no such file; name the held-out rows"))
        if isinstance(entries, Mapping):
            for domain, entry in entries.items():
                text = _domain_fault(str(domain), entry, known)
                faults += [((*at, str(domain)), text)] if text else []
    for at, entries in sections[1:]:
        faults += _shared_faults(at, entries, evaluated)
    methods = search.get("methods") if isinstance(search, Mapping) else None
    for i, method in enumerate(methods if isinstance(methods, list) else []):
        if isinstance(method, str) and method not in SPECS:
            text = f"no method named '{method}'; there is: {', '.join(SPECS)}"
            faults.append((("search", "methods", i), text))
    return faults


def _shared_faults(at: Location, entries: object, evaluated: Mapping[str, Path]) -> Faults:
    """Return the files of a section that are measured at the end."""
    faults: Faults = []
    for domain, file in _files(entries).items():
        same = [name for name, other in evaluated.items() if _is_same(file, other)]
        if same:
            text = f"holds the same rows as evaluate.{same[0]}; a {at[0]} must not see what is measured at the end"
            faults.append(((*at, domain), text))
    return faults


def _files(domains: object) -> dict[str, Path]:
    """Return the file of each domain that names one."""
    files: dict[str, Path] = {}
    for domain, entry in domains.items() if isinstance(domains, Mapping) else ():
        file = entry.get("file") if isinstance(entry, Mapping) else entry
        if isinstance(file, str) and file:
            files[str(domain)] = Path(file).expanduser()
    return files


def _is_same(first: Path, second: Path) -> bool:
    """Return whether two files are one, or hold the same bytes."""
    if not first.is_file() or not second.is_file():
        return False
    if first.samefile(second):
        return True
    return first.stat().st_size == second.stat().st_size and sha256_file(first) == sha256_file(
        second
    )


def _domain_fault(domain: str, entry: object, adapters: list[str]) -> str:
    """Return why a domain belongs to no adapter of the recipe, or nothing."""
    named = entry.get("adapter") if isinstance(entry, Mapping) else None
    wanted = named if isinstance(named, str) else domain
    if any(wanted in (adapter, domain_of(adapter)) for adapter in adapters):
        return ""
    known = ", ".join(domain_of(adapter) for adapter in adapters)
    return f"no adapter of the recipe is called '{wanted}' (there is: {known}); write {{file: …, adapter: …}}"


def domain_of(adapter: str) -> str:
    """Return the domain that an adapter stands for by itself: its name without version, or its folder's last name."""
    is_path = "/" in adapter or adapter.startswith((".", "~"))
    return Path(adapter).expanduser().name if is_path else adapter.partition("@")[0]
