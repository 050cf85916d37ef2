"""Whether models can be the experts of one mixture, and whether an adapter can be taken out of a model.

Told from configurations and headers alone. What mergekit 0.1.5 can write stands in its `moe` folder: Mixtral, Qwen2-MoE
(with one shared expert) and Qwen3-MoE; its DeepSeek needs code from the hub and is not offered.
"""

from collections.abc import Sequence

from merge.mergekit.layers import architecture_faults, has_tokenizer
from merge.mergekit.sources import FoundModel
from merge.recipes.mergekit.recipe import LoraExtraction, MixtureOfExperts
from merge.recipes.parameters import Faults
from merge.recipes.yaml_lines import Location

FEED_FORWARD = ".mlp."
# output architecture -> the model types that it is made of, and how many shared experts it takes
OUTPUTS: dict[str, tuple[tuple[str, ...], int]] = {
    "mixtral": (("llama", "mistral"), 0),
    "qwen3": (("qwen3",), 0),
    "qwen": (("qwen2", "llama", "mistral"), 1),
}


def output_architecture(recipe: MixtureOfExperts, model_type: str) -> str | None:
    """Return what mergekit is to write, or None where it can write none of this."""
    wanted = (recipe.architecture or "").lower().replace("_moe", "").replace(" moe", "")
    return next(
        (
            name
            for name, (types, shared) in OUTPUTS.items()
            if model_type in types and shared == len(recipe.shared_experts) and wanted in ("", name)
        ),
        None,
    )


def expert_faults(
    recipe: MixtureOfExperts, base: FoundModel, experts: Sequence[tuple[Location, FoundModel]]
) -> Faults:
    """Return why these models are no experts of one mixture."""
    faults: Faults = architecture_faults([(("base_model",), base), *experts])
    if faults:
        return faults
    model_type = str(base.config.get("model_type"))
    if output_architecture(recipe, model_type) is None:
        faults.append(
            (
                ("architecture",) if recipe.architecture else ("base_model",),
                _unwritable(recipe, model_type),
            )
        )
    if not has_tokenizer(base):
        faults.append((("base_model",), "has no tokenizer, which the router's gates are made with"))
    shapes = _feed_forward(base)
    for location, expert in experts:
        own = _feed_forward(expert)
        differing = sorted(n for n in shapes if own.get(n) != shapes[n])
        if differing:
            name = differing[0]
            text = f"its {name} is {own.get(name)}, and that of {base.name} is {shapes[name]}"
            faults.append((location, text))
        adapter = expert.adapter
        if adapter is not None and not any(FEED_FORWARD in part.target for part in adapter.parts):
            text = "changes no feed-forward layer, and an expert is nothing else; train it on those as well"
            faults.append((location, text))
    return [*faults, *_twin_faults(recipe, experts), *_shared_faults(base, experts)]


def _unwritable(recipe: MixtureOfExperts, model_type: str) -> str:
    possible = [
        f"{name} of {' or '.join(types)} with {'one' if shared else 'no'} shared expert"
        for name, (types, shared) in OUTPUTS.items()
    ]
    shared = len(recipe.shared_experts)
    return (
        f"mergekit cannot make {recipe.architecture or 'a mixture'} of {model_type} with {shared or 'no'} shared "
        f"expert{'s' if shared > 1 else ''}; it makes {'; '.join(possible)}"
    )


def _twin_faults(
    recipe: MixtureOfExperts, experts: Sequence[tuple[Location, FoundModel]]
) -> Faults:
    """Find experts with the same weights, under whatever name."""
    faults: Faults = []
    seen: dict[str, str] = {}
    for location, expert in experts[: len(recipe.experts)]:
        if expert.content in seen:
            text = f"has the same weights as '{seen[expert.content]}'; experts that are alike only cost memory"
            faults.append((location, text))
        seen.setdefault(expert.content, expert.name)
    return faults


def _shared_faults(base: FoundModel, experts: Sequence[tuple[Location, FoundModel]]) -> Faults:
    """Find shared experts that mergekit 0.1.5 does not open: it reads the base and the routed experts only."""
    routed = [expert for location, expert in experts if location[0] == "experts"]
    known = {model.content for model in (base, *routed)}
    return [
        (
            location,
            "has to be the base model or one of the experts as well; mergekit reads no other",
        )
        for location, expert in experts
        if location[0] == "shared_experts" and expert.content not in known
    ]


def mixture_bytes(base: FoundModel, experts: Sequence[tuple[Location, FoundModel]]) -> int:
    """Return the size of the mixture's weights: the base's, with the feed-forward layers of every expert."""
    own = sum(r.bytes for n, r in base.tensors.items() if FEED_FORWARD in n)
    return base.checkpoint.bytes + (len(experts) - 1) * own


def difference_faults(recipe: LoraExtraction, base: FoundModel, model: FoundModel) -> Faults:
    """Return why the difference of two models is no adapter."""
    location: Location = ("extract_lora", "model")
    faults = architecture_faults([(("extract_lora", "base_model"), base), (location, model)])
    if faults:
        return faults
    if base.content == model.content:
        return [
            (location, f"has the same weights as {base.name}; there is no difference to extract")
        ]
    for name, record in model.tensors.items():
        wanted = base.tensors.get(name)
        if wanted is not None and wanted.shape != record.shape:
            text = f"its {name} is {record.shape}, and that of {base.name} is {wanted.shape}"
            return [(location, f"{text}; an adapter cannot change a shape")]
    most = max((min(r.shape) for r in model.tensors.values() if len(r.shape) == 2), default=1)
    if recipe.extract_lora.rank > most:
        text = f"is {recipe.extract_lora.rank}, and no layer can have a rank above {most}"
        return [(("extract_lora", "rank"), text)]
    return []


def _feed_forward(model: FoundModel) -> dict[str, tuple[int, ...]]:
    return {n: record.shape for n, record in model.tensors.items() if FEED_FORWARD in n}
