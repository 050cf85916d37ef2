"""What the pickers offer: models, the domains that fit a model, and collections."""

from collections.abc import Sequence
from pathlib import Path

from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import find_base
from adapt.registry.bases.known import known_ids
from ui.actions.bases import is_here
from ui.actions.chat import ChatSettings
from ui.context import Context
from ui.display.printable import printable_line

DEMO_COLLECTION = "demo"


def models(ctx: Context) -> list[str]:
    """Return the models to choose from, the workspace's default first; of the hub's, those of the list that were fetched."""
    default = ctx.workspace.settings("chat", ChatSettings).model
    registered = [a for kind in ("model", "base") for a in ctx.registry.list(kind)]
    fetched = [name for name in known_ids() if is_here(name)]
    return list(dict.fromkeys([default, "starter", *_newest_first(registered), *fetched]))


def domains(ctx: Context, model: str) -> list[str]:
    """Return the adapters that fit a model, by name, the newest version first.

    Raises:
        AdaptError: there is no such model.
    """
    fingerprint = find_base(model, ctx.workspace).sha256
    adapters = ctx.registry.list("adapter")
    return _newest_first([a for a in adapters if a.card.base and a.card.base.sha256 == fingerprint])


def preferred(options: Sequence[str], *names: str) -> int:
    """Return the position of the first of these names that is on offer, else 0."""
    return next((options.index(name) for name in names if name and name in options), 0)


def model_label(model: str) -> str:
    """Return a model's name for people; of a folder, its last part."""
    return printable_line(Path(model).name if Path(model).is_absolute() else model)


def _newest_first(artifacts: Sequence[Artifact]) -> list[str]:
    ranked = sorted(artifacts, key=lambda a: (a.card.name, -a.card.version))
    return [artifact.reference for artifact in ranked]
