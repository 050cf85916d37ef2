"""What is wrong between the fields of a mixture of experts, or of a LoRA extraction, that mergekit is to make."""

import re
from collections.abc import Mapping

from merge.recipes.mergekit.fields import Sources, entries_of, is_mapping, plus_faults
from merge.recipes.parameters import Faults


def moe_faults(values: Mapping[str, object]) -> Faults:
    """Return the faults of a mixture of experts."""
    faults: Faults = []
    experts = entries_of(values, "experts", ())
    shared = entries_of(values, "shared_experts", ())
    for location, expert in (*experts, *shared):
        if ("source_model" in expert) == ("adapter" in expert):
            faults.append((location, "needs either 'source_model' or 'adapter'"))
        faults += plus_faults((*location, "source_model"), expert.get("source_model"))
    if len(experts) == 1:
        faults.append((("experts",), "is one expert only; a mixture needs two or more"))
    wanted = values.get("experts_per_token", 2)
    if experts and isinstance(wanted, int) and wanted > len(experts):
        faults.append(
            (
                ("experts_per_token",) if "experts_per_token" in values else ("experts",),
                f"is {wanted}, but there are {len(experts)} experts",
            )
        )
    if len(shared) > 1:
        faults.append((("shared_experts",), "has more than one; mergekit writes one at most"))
    if values.get("architecture") == "deepseek":
        faults.append(
            (("architecture",), "deepseek opens with code from the hub only, which is not run here")
        )
    return [*faults, *_prompt_faults(values, experts, shared)]


def extraction_faults(values: Mapping[str, object]) -> Faults:
    """Return the faults of an extraction."""
    inner = values.get("extract_lora")
    if not is_mapping(inner):
        return []
    faults: Faults = []
    for key in ("model", "base_model"):
        faults += plus_faults(("extract_lora", key), inner.get(key))
    if inner.get("model") == inner.get("base_model") is not None:
        faults.append(
            (("extract_lora", "model"), "is the base model itself; there is no difference")
        )
    for key in ("include", "exclude"):
        patterns = inner.get(key)
        for i, pattern in enumerate(patterns if isinstance(patterns, list) else []):
            try:
                re.compile(str(pattern))
            except re.error as error:
                faults.append((("extract_lora", key, i), f"is no regular expression ({error})"))
    return faults


def _prompt_faults(values: Mapping[str, object], experts: Sources, shared: Sources) -> Faults:
    """Return what the router would lack: prompts, and different ones for each expert."""
    if values.get("gate_mode") == "random":
        return []
    faults: Faults = [
        (
            location,
            "has no positive_prompts, from which its gate is made; only gate_mode: random needs none",
        )
        for location, expert in (*experts, *shared)
        if not expert.get("positive_prompts")
    ]
    prompts = [(e.get("positive_prompts"), e.get("negative_prompts") or []) for _, e in experts]
    if len(prompts) > 1 and not faults and all(p == prompts[0] for p in prompts):
        faults.append(
            (("experts",), "all have the same prompts, so the router could not tell them apart")
        )
    return faults
