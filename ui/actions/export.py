"""What a person can do to take a model out of the workspace; every way in calls this same function."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adapt.protocols import Progress, no_progress

if TYPE_CHECKING:
    from merge.export.export import Exported
    from merge.export.job import Request
    from ui.context import Context


def export(
    ctx: "Context",
    references: Sequence[str],
    out: Path | None,
    request: "Request",
    *,
    progress: Progress = no_progress,
) -> "Exported":
    """Write published models or adapters in the form that was asked for, and open the result again.

    Raises:
        AdaptError: see `merge.export.export.export`.
    """
    from merge.export.export import export as write

    return write(ctx.workspace, references, out, request, progress=progress)
