"""The rows of a search: which adapter they belong to, what identifies a set, and that none of them is a test row."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adapt.errors import AdaptError
from adapt.evaluation.prompts import prompt_key
from adapt.evaluation.tasks import Task
from adapt.records import Example
from merge.check.resolve import Resolved
from merge.recipes.sections import domain_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Fitted:
    """Weights that a search fitted to rows, by name, and the SHA-256 of what they are of: the base, each adapter's files."""

    weights: Mapping[str, "Tensor"]
    base: str
    adapters: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Domain:
    """What one adapter is for: rows of a task, and its place among the adapters of the recipe."""

    task: Task
    adapter: int


def halves(domains: Sequence[Domain]) -> tuple[list[Domain], list[Domain]]:
    """Return rows to fit to and rows to judge by: every other one of each domain, so that none is in both.

    Raises:
        AdaptError: a domain has a single row.
    """
    for domain in domains:
        if len(domain.task.examples) < 2:
            raise AdaptError(
                f"'{domain.task.name}' has one validation row, and half of them are fitted to: give more, or rows under "
                "calibration (--calibration ADAPTER=FILE)"
            )
    fitted = [replace(d, task=replace(d.task, examples=d.task.examples[::2])) for d in domains]
    judged = [replace(d, task=replace(d.task, examples=d.task.examples[1::2])) for d in domains]
    return fitted, judged


def fingerprint(examples: Sequence[Example]) -> str:
    """Return one hash over what examples say."""
    contents = [[(m.role, m.content) for m in example.messages] for example in examples]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()


def refuse_shared_rows(
    seen: Sequence[Task], tests: Sequence[Task], *, role: str = "validation"
) -> None:
    """Refuse a merge that sees test rows: it would be measured on what it was chosen by, or fitted to.

    Args:
        role: of the rows that it sees, for the text.

    Raises:
        AdaptError: a prompt is in both; the text names the tasks and counts the rows.
    """
    for task in seen:
        asked = {prompt_key(example) for example in task.examples}
        for test in tests:
            shared = sum(prompt_key(example) in asked for example in test.examples)
            if shared:
                raise AdaptError(
                    f"{shared} of the test rows of '{test.name}' are among the {role} rows of '{task.name}'; "
                    "a merge may not see the rows that prove it: give other rows"
                )


def domains_of(resolved: Resolved, tasks: Sequence[Task]) -> list[Domain]:
    """Return each task with the place of its adapter: the one that the recipe names for it, or that is called like it.

    Raises:
        AdaptError: there is none, and several to choose from.
    """
    recipe = resolved.recipe
    validation = recipe.search.validation if recipe.search else {}
    sections = [recipe.evaluate, validation, recipe.calibration]
    named = {
        d: entry.adapter for section in sections for d, entry in section.items() if entry.adapter
    }
    places = [entry.source for entry in resolved.sources]
    domains = []
    for task in tasks:
        try:
            place = places.index(recipe.adapter_of(task.name, named.get(task.name)))
        except ValueError as error:
            if len(places) > 1:
                known = ", ".join(domain_of(source.adapter_part or "") for source in places)
                raise AdaptError(
                    f"'{task.name}' is the name of none of the adapters ({known}); write ADAPTER=FILE, so that the "
                    "merge is compared with the adapter of that domain"
                ) from error
            place = 0
        domains.append(Domain(task, place))
    return domains
