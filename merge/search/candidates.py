"""Which methods a search tries by default, and which rows those get that fit the model to rows."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from torch import cuda

from adapt.errors import RecipeError
from merge.check.calibration import unfitting
from merge.check.resolve import Resolved
from merge.fit.distill import ROWS
from merge.fit.domains import Domain, halves
from merge.fit.regmean import MOST_TOKENS as FITTED_TOKENS
from merge.methods.catalogue import SPECS

METHODS = ("task_arithmetic", "magnitude", "ties")
ADAPTER_METHODS = ("task_arithmetic", "knots")  # where the result is to be an adapter
# on rows; of each adapter's domain that many must be there. 100 rows gave `distill` nothing over `regmean`, 400 much.
LEAST_ROWS = {"regmean": 20, "distill": 200}
MOST_SECONDS = {"regmean": 120.0, "distill": 600.0}  # of one fit, by estimate
RATE = {"cpu": 1e11, "cuda": 1e13}  # operations a second, low: two cores gave the starter 2.5e11
PASSES = 8.0  # over all rows, in one fit
DISTIL_PASSES = 10.0  # over a step's rows: there, twice back, the head, and the adapter's own
LETTERS = 3.0  # in a token, low


def methods_for_adapter(asked: Sequence[str]) -> tuple[str, ...]:
    """Return what a search for one merged adapter chooses among: the methods that were asked for, if there are any.

    Raises:
        RecipeError: the result of one of them has no low rank.
    """
    for name in asked:
        if name in SPECS and not SPECS[name].gives_adapter:
            raise RecipeError(
                f"search.methods: {name} cannot give an adapter; leave it out, or merge to a full model"
            )
    return tuple(asked) or ADAPTER_METHODS


def rows_of(
    resolved: Resolved,
    domains: Sequence[Domain],
    calibration: Sequence[Domain],
    methods: Sequence[str],
) -> tuple[list[Domain], list[Domain]]:
    """Return the rows that methods on rows fit the model to, none where no such method is tried, and those to judge by.

    Args:
        methods: that were asked for; where there are none, those of `worth_fitting` are tried, if there are any.
    """
    if methods:
        wanted = any(m in SPECS and SPECS[m].space == "rows" for m in methods)
    else:
        share = [replace(d, task=replace(d.task, examples=d.task.examples[::2])) for d in domains]
        wanted = bool(worth_fitting(resolved, calibration or share))
    if not wanted:
        return [], list(domains)
    return (list(calibration), list(domains)) if calibration else halves(domains)


def worth_fitting(resolved: Resolved, rows: Sequence[Domain]) -> list[str]:
    """Return the methods on rows that a search tries by itself: they can, rows are enough, and it takes minutes at most."""
    count = len(resolved.adapters)
    numbers = [0] * count
    for domain in rows:
        numbers[domain.adapter] += len(domain.task.examples)
    if unfitting(resolved.plan):
        return []
    return [
        method
        for method, least in LEAST_ROWS.items()
        if count >= SPECS[method].fewest
        and min(numbers) >= least
        and fit_seconds(resolved, rows, method) <= MOST_SECONDS[method]
    ]


def fit_seconds(resolved: Resolved, rows: Sequence[Domain], method: str = "regmean") -> float:
    """Return about how long one fit to these rows takes here, from the sizes of weights and rows alone."""
    changed = [t for file in resolved.plan.files for t in file.tensors if t.changes]
    weights = sum(prod(tensor.record.shape) for tensor in changed)
    rate = RATE["cuda" if cuda.is_available() else "cpu"]
    tokens = {domain.task.name: _letters(domain) / LETTERS for domain in rows}
    passed = PASSES * sum(min(FITTED_TOKENS, count) for count in tokens.values())
    if method == "distill":
        steps = next(float(p.default) for p in SPECS[method].parameters if p.name == "steps")
        in_step = sum(tokens[d.task.name] / len(d.task.examples) for d in rows) * ROWS
        passed += DISTIL_PASSES * steps * in_step
    return 2 * weights * passed / rate


def _letters(domain: Domain) -> int:
    return sum(len(m.content) for example in domain.task.examples for m in example.messages)
