"""What the flags of `adapt merge` mean: rows of domains, how long to search, parameters of a method."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from adapt.evaluation.tasks import Task
    from merge.methods.spec import Value
    from merge.search.outcome import SearchSettings
    from ui.cli.output import Output


def search_of(
    validation: list[str] | None, minutes: float | None, trials: int | None
) -> "SearchSettings | None":
    """Return how long to search; validation rows alone mean ten minutes."""
    if minutes is None and trials is None and not validation:
        return None
    if not validation:
        raise typer.BadParameter("a search needs --validation ADAPTER=FILE")
    from merge.search.outcome import SearchSettings

    if minutes is None and trials is None:
        return SearchSettings()
    return SearchSettings(minutes=minutes, trials=trials)


def parameters_of(given: Sequence[str] | None) -> "dict[str, Value]":
    """Return PARAMETER=VALUE pairs; a value is read as YAML reads it, so `true` is a flag and `0.5` a number."""
    import yaml

    parameters: dict[str, Value] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise typer.BadParameter(f"--set takes PARAMETER=VALUE, not '{text}'")
        try:
            parameters[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise typer.BadParameter(f"--set {name}: '{value}' is no value") from error
    return parameters


def tasks_of(flag: str, given: Sequence[str] | None) -> "list[Task]":
    """Return the rows of each ADAPTER=FILE as a task; `flag` names the flag in faults."""
    if not given:
        return []
    from ui.actions.chat import read_task

    return [read_task(name, Path(file)) for name, file in pairs_of(flag, given)]


def pairs_of(flag: str, given: Sequence[str] | None) -> list[tuple[str, str]]:
    """Return each ADAPTER=FILE as a pair."""
    pairs = []
    for text in given or ():
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            raise typer.BadParameter(f"{flag} takes ADAPTER=FILE, not '{text}'")
        pairs.append((name, file))
    return pairs


def ask_about_one(output: "Output", name: str, adapter: str, *, yes: bool) -> None:
    """Say what a merge of one adapter is, and on a terminal ask whether it is wanted."""
    output.say(f"one adapter: {name} will be its base with {adapter} in it, and nothing else")
    if sys.stdin.isatty() and not yes:
        typer.confirm("Go on?", abort=True, err=True)
