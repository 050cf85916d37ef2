"""A YAML file as plain values, with the line of every key, and its own faults in one sentence each."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from adapt.errors import DataError

Location = tuple[int | str, ...]
MAX_BYTES = 1_000_000  # a recipe has a few hundred; more is another file, named by mistake


def read_yaml(path: Path) -> tuple[Mapping[str, object], dict[Location, int], list[str]]:
    """Return the mapping of a YAML file, the line of each of its keys, and the keys written twice.

    Only plain values are built (`yaml.SafeLoader`): a recipe cannot name Python objects.

    Raises:
        DataError: the file is missing, too large, not UTF-8, not YAML, empty or not a mapping.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: larger than 1 MB; is it a recipe?")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; name a recipe in YAML") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder; name a recipe in YAML") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8; save it as UTF-8 text") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        values = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise DataError(
            f"{path}: {line}not valid YAML ({error.problem or error.context})"
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"{path}: not valid YAML ({error})") from error
    finally:
        loader.dispose()
    if node is None or values is None:
        raise DataError(f"{path}: is empty; a recipe needs merge_method, base_model and models")
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        kind = type(values).__name__
        raise DataError(
            f"{path}: line {node.start_mark.line + 1}: a recipe is a mapping of 'key: value', not a {kind}"
        )
    lines: dict[Location, int] = {}
    twice: list[str] = []
    _walk(node, (), lines, twice, set())
    return values, lines, twice


def _walk(
    node: yaml.Node,
    location: Location,
    lines: dict[Location, int],
    twice: list[str],
    seen: set[int],
) -> None:
    """Note the line of every key and list entry; a node that an alias repeats is walked once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*location, str(key.value))
            line = key.start_mark.line + 1
            if place in lines:
                twice.append(
                    f"line {line}: {key.value}: written twice (also in line {lines[place]})"
                )
            lines[place] = line
            _walk(value, place, lines, twice, seen)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[(*location, i)] = value.start_mark.line + 1
            _walk(value, (*location, i), lines, twice, seen)
