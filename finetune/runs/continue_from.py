"""Training an adapter further: a new version that begins with the weights of an earlier one, on more or other data.

Not to be taken for resuming a run that was interrupted (`finetune.runs.request`): that ends with the version it was begun
for.
"""

from peft import LoraConfig

from adapt.errors import ModelError, RecipeError
from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import Base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.settings import SftSettings


def find_start(reference: str, base: Base, workspace: Workspace) -> Artifact:
    """Return the adapter that training begins with.

    Raises:
        NotFoundError: nothing is called that.
        ModelError: it is no adapter, or one of another base.
    """
    artifact = Registry(workspace).get(reference)
    if artifact.card.kind != "adapter":
        raise ModelError(
            f"{artifact.reference} is a {artifact.card.kind}; only an adapter can be continued"
        )
    if artifact.card.base is None or artifact.card.base.sha256 != base.sha256:
        own = artifact.card.base.id if artifact.card.base else "no base"
        raise ModelError(
            f"{artifact.reference} was trained on {own}, not on '{base.id}'; name that with --base"
        )
    return artifact


def shape_as(settings: SftSettings, start: Artifact) -> SftSettings:
    """Return settings with the rank, alpha, layers and variant of the adapter that is continued.

    Raises:
        RecipeError: another rank or variant was asked for.
    """
    config = LoraConfig.from_pretrained(str(start.path))
    variant = "dora" if config.use_dora else "rslora" if config.use_rslora else "lora"
    if variant == "lora" and "qlora" in (settings.variant, start.card.settings.get("variant")):
        variant = "qlora"  # a plain adapter, whatever the bits of the base that it was trained on
    targets = config.target_modules
    own: dict[str, object] = {
        "rank": int(config.r),
        "alpha": float(config.lora_alpha),
        "variant": variant,
        "targets": targets if isinstance(targets, str) else tuple(sorted(targets or ())),
    }
    for name in ("rank", "variant"):
        asked, default = getattr(settings, name), SftSettings.model_fields[name].default
        if asked not in (default, own[name]):
            raise RecipeError(
                f"{start.reference} has {name} {own[name]}, which continuing cannot change to {asked}; leave it out"
            )
    return settings.model_copy(update=own)
