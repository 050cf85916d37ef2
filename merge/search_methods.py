"""Which methods a search tries where it is not told, and which rows those get that fit the model to rows."""

from collections.abc import Sequence
from math import prod

from torch import cuda

from merge.check import Resolved
from merge.check_rows import unfitting
from merge.search_rows import Domain, halves
from merge.specs import SPECS

METHODS = ("task_arithmetic", "magnitude", "ties")
ROWS_METHOD = "regmean"
LEAST_ROWS = 20  # of each adapter's domain, to fit to
MOST_SECONDS = 120.0  # of one fit; a search of a few minutes shall see more than one
RATE = {"cpu": 1e11, "cuda": 1e13}  # operations a second, low: two cores gave the starter 2.5e11
PASSES = 8.0  # over all rows, in one fit
LETTERS = 3.0  # in a token, low


def rows_of(
    resolved: Resolved,
    domains: Sequence[Domain],
    calibration: Sequence[Domain],
    methods: Sequence[str],
) -> tuple[list[Domain], list[Domain]]:
    """Return the rows that methods on rows fit the model to, none where no such method is tried, and those to judge by.

    Args:
        methods: that were asked for; where there are none, `regmean` is tried if it can fit the model, every adapter has
            `LEAST_ROWS` rows and a fit takes no longer than `MOST_SECONDS` by estimate.
    """
    if methods:
        wanted = any(m in SPECS and SPECS[m].space == "rows" for m in methods)
    else:
        wanted = _is_worth_it(resolved, domains, calibration)
    if not wanted:
        return [], list(domains)
    return (list(calibration), list(domains)) if calibration else halves(domains)


def _is_worth_it(
    resolved: Resolved, domains: Sequence[Domain], calibration: Sequence[Domain]
) -> bool:
    count = len(resolved.adapters)
    rows = [0] * count
    for domain in calibration or domains:
        rows[domain.adapter] += len(domain.task.examples) // (1 if calibration else 2)
    if count < SPECS[ROWS_METHOD].fewest or min(rows) < LEAST_ROWS or unfitting(resolved.plan):
        return False
    share = 1.0 if calibration else 0.5
    return share * fit_seconds(resolved, calibration or domains) <= MOST_SECONDS


def fit_seconds(resolved: Resolved, domains: Sequence[Domain]) -> float:
    """Return about how long one fit to these rows takes here, from the sizes of weights and rows alone."""
    letters = sum(
        len(message.content)
        for domain in domains
        for example in domain.task.examples
        for message in example.messages
    )
    changed = [t for file in resolved.plan.files for t in file.tensors if t.changes]
    weights = sum(prod(tensor.record.shape) for tensor in changed)
    rate = RATE["cuda" if cuda.is_available() else "cpu"]
    return 2 * PASSES * weights * (letters / LETTERS) / rate
