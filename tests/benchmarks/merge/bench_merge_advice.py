"""Advice on planted pairs of adapters: ten that answer the same questions differently, ten that know unrelated things.

Twelve adapters are trained on the starter, three versions of four small tables (`tests.merge.planted`); the pairs are
drawn from them. Right is `do not merge: route` for the first ten and one of the two kinds of `merge` for the others.
"""

import sys
import tempfile
from pathlib import Path

from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from merge.check.resolve import resolve
from merge.fit.domains import Domain
from merge.recipes.from_flags import recipe_from_flags
from merge.report.advice import Advised, find_advice
from merge.report.report import Advice
from merge.search.outcome import SearchSettings
from tests.benchmarks.report import Row
from tests.merge.planted import Known, Planted, pairs, plant

COUNT = 10  # of each kind
TRIALS = 12  # of a search where plain weights do not do


def run() -> list[Row]:
    """Return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        workspace = Workspace(root / "w")
        return judged(plant(find_base("starter", workspace), root), workspace)


def judged(planted: list[list[Known]], workspace: Workspace) -> list[Row]:
    """Return how often the advice was right on the pairs of planted adapters."""
    chosen = pairs(planted, COUNT)
    right = []
    for pair in chosen:
        advised = advise(pair, workspace)
        said = (advised.advice is not Advice.ROUTE) == pair.go_together
        right.append(said)
        sys.stderr.write(
            f"{'right' if said else 'WRONG'} ({'together' if pair.go_together else 'against'}): {advised.line}\n"
        )
    against = sum(r for r, p in zip(right, chosen, strict=True) if not p.go_together)
    together = sum(right) - against
    return [
        Row(
            "advice on planted pairs of adapters",
            f"{sum(right)} of {len(right)}",
            f"{len(chosen)} of {len(chosen)}",
            sum(right) / len(chosen),
            f"{against} of {COUNT} contradicting pairs sent to a router, {together} of {COUNT} unrelated ones merged; "
            f"12 adapters on the starter, 8 questions each, {TRIALS} trials where plain weights do not do",
        )
    ]


def advise(pair: Planted, workspace: Workspace) -> Advised:
    """Return the advice on one pair, from the questions that its adapters have learned."""
    folders = [str(known.folder) for known in pair.pair]
    recipe = recipe_from_flags(folders, method="task_arithmetic", base="starter")
    domains = [Domain(known.task, place) for place, known in enumerate(pair.pair)]
    return find_advice(
        resolve(recipe, workspace=workspace),
        domains,
        SearchSettings(minutes=None, trials=TRIALS),
        workspace=workspace,
    )
