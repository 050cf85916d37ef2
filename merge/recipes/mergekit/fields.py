"""Fields of a recipe for mergekit as they were read: what of them are lists of mappings, and names that hide an adapter."""

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from merge.recipes.parameters import Faults
from merge.recipes.yaml_lines import Location

Sources = Sequence[tuple[Location, Mapping[str, object]]]


def entries_of(part: Mapping[str, object], key: str, location: Location) -> Sources:
    """Return the mappings of a list in a field, each with its place; nothing where it is no list."""
    listed = part.get(key)
    entries = listed if isinstance(listed, list) else []
    return [((*location, key, i), e) for i, e in enumerate(entries) if is_mapping(e)]


def mapping_of(value: object) -> Mapping[str, object]:
    """Return a field that is a mapping, or an empty one."""
    return value if is_mapping(value) else {}


def is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    """Return whether a field is a mapping."""
    return isinstance(value, Mapping)


def plus_faults(location: Location, name: object) -> Faults:
    """Return what is wrong with a model's name that names more than one adapter."""
    if isinstance(name, str) and name.count("+") > 1:
        return [(location, "has more than one '+'; write base+adapter")]
    return []
