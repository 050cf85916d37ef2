"""Whether a method that fits the model to rows can: there are rows, and only linear maps within layers are changed."""

from adapt.errors import ModelError
from merge.check.findings import Findings
from merge.recipes.parameters import layer_counts
from merge.recipes.recipe import Recipe
from merge.recipes.sections import domain_of
from merge.weights.plan import MergePlan, OutputTensor


def check_rows(recipe: Recipe, plan: MergePlan, findings: Findings, *, has_rows: bool) -> None:
    """Add the faults of a recipe whose method is on rows, and of rows that no method reads.

    Args:
        has_rows: whether rows come otherwise than by the recipe.
    """
    if recipe.spec.space != "rows":
        if recipe.calibration and recipe.search is None and not has_rows:
            text = (
                f"is read by regmean, distill and a search; {recipe.merge_method} does not use it"
            )
            findings.add_recipe(("calibration",), text)
        return
    other = unfitting(plan)
    if other is not None:
        text = (
            f"{recipe.merge_method} fits the linear maps within layers, and {other.record.name}, which an adapter "
            "changes, is none; use task_arithmetic or ties"
        )
        findings.add(("merge_method",), ModelError(text))
    if has_rows or recipe.search is not None:
        return
    served = {id(recipe.adapter_of(d, entry.adapter)) for d, entry in recipe.calibration.items()}
    missing = [s.adapter_part or "" for s in recipe.adapters if id(s) not in served]
    if missing:
        text = (
            f"{recipe.merge_method} learns from rows of each adapter's domain, and there are none for "
            f"{', '.join(missing)}; name a file under calibration: {{{domain_of(missing[0])}: rows.jsonl}} "
            "(--calibration ADAPTER=FILE)"
        )
        findings.add_recipe(("merge_method",), text)


def unfitting(plan: MergePlan) -> OutputTensor | None:
    """Return a changed tensor that is no matrix within a layer, or None."""
    changed = [t for file in plan.files for t in file.tensors if t.changes]
    for tensor in changed:
        name = tensor.record.name
        is_inside = bool(layer_counts([name])) and name.endswith(".weight")
        if not is_inside or len(tensor.record.shape) != 2:
            return tensor
    return None
