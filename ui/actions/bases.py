"""What a person can do about base models: see which are worth using, and fetch one."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import JsonValue

from adapt.errors import AdaptError
from adapt.protocols import Progress, no_progress
from adapt.registry.bases.find import find_hub_folder
from adapt.registry.bases.known import KNOWN, KnownBase, known_ids

if TYPE_CHECKING:
    from adapt.jobs.jobs import Job
    from adapt.registry.bases.fetch import Fetched
    from ui.context import Context

GIB = 2**30
# How memory that is needed compares with what the machine has: "yes" now, "closing" where other programs are ended, "no"
FITS = ("yes", "if others close", "no")


@dataclass(frozen=True)
class Listed:
    """A base of the list, and what this machine makes of it."""

    known: KnownBase
    here: bool
    fits_chat: str
    fits_training: str

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for scripts."""
        known = self.known
        return {
            "id": known.id,
            "here": self.here,
            "licence": known.licence,
            "gated": known.gated,
            "parameters": known.parameters,
            "disk_bytes": known.disk_bytes,
            "chat_bytes": known.chat_bytes,
            "training_bytes": known.training_bytes,
            "fits_chat": self.fits_chat,
            "fits_training": self.fits_training,
            "context": known.context,
            "languages": known.languages,
            "template": known.template,
            "note": known.note,
            "checked": known.checked,
        }


def list_bases() -> list[Listed]:
    """Return the bases worth using, the smallest first."""
    memory = psutil.virtual_memory()

    def fits(needed: int) -> str:
        if needed <= memory.available:
            return FITS[0]
        return FITS[1] if needed <= 0.95 * memory.total else FITS[2]

    return [
        Listed(known, is_here(known.id), fits(known.chat_bytes), fits(known.training_bytes))
        for known in KNOWN
    ]


def is_here(name: str) -> bool:
    """Return whether a base of the hub was fetched before; the hub is not asked."""
    return find_hub_folder(name) is not None


def fetch(ctx: "Context", name: str, *, progress: Progress = no_progress) -> "Fetched":
    """Fetch a base of the hub, of the list or not, and check it."""
    from adapt.registry.bases.fetch import fetch_base

    return fetch_base(name, ctx.workspace, opens=_opens, known=known_ids(), progress=progress)


def _opens(name: str, folder: Path) -> None:
    from adapt.models.loading import check_opens

    check_opens(name, folder)


def start_fetch(ctx: "Context", name: str) -> "Job":
    """Fetch a base in the background.

    Raises:
        AdaptError: it is being fetched already.
    """
    running = [job for job in ctx.jobs.list() if job.kind == "fetch" and not job.ended]
    if any(isinstance(job.settings, dict) and job.settings.get("name") == name for job in running):
        raise AdaptError(f"{name} is being fetched already; 'adapt jobs list' shows it")
    return ctx.start_job("fetch", title=f"fetch {name}", settings={"name": name})


def fetched_json(fetched: "Fetched") -> dict[str, JsonValue]:
    """Return what was fetched for scripts."""
    return {
        "id": fetched.base.id,
        "path": str(fetched.base.path),
        "sha256": fetched.base.sha256,
        "bytes": fetched.bytes,
        "downloaded": fetched.downloaded,
        "commit": fetched.commit,
        "architecture": fetched.checked.architecture,
        "parameters": fetched.checked.parameters,
        "licence": fetched.licence,
        "chat_template": fetched.checked.own_template,
        "notes": list(fetched.notes),
    }
