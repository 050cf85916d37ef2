"""What `adapt doctor` looks at: versions, memory, disk, the shipped models, the workspace."""

import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from adapt.embedding.load import EmbeddingSettings, load_embedder
from adapt.errors import AdaptError
from adapt.registry.bases.find import find_base
from adapt.registry.registry import Registry
from adapt.storage.database import Database, revision_of
from adapt.workspace.folder import Workspace

PACKAGES = ("torch", "transformers", "peft", "trl", "chromadb", "mergekit", "streamlit")
GIB = 1024**3
LOW_DISK = 2 * GIB


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    found: str
    ok: bool = True


def examine(path: Path, *, fix: bool = False) -> list[Finding]:
    """Return what was found; a fault of the workspace is a finding, not an error.

    Args:
        fix: whether what can be mended is mended: rights that others have to the workspace.
    """
    findings = [Finding("python", f"{platform.python_version()} on {platform.system()}")]
    findings += [_package(name) for name in PACKAGES]
    findings += [_device(), _tesseract()]
    memory = psutil.virtual_memory()
    findings.append(
        Finding("memory", f"{memory.available / GIB:.1f} GiB free of {memory.total / GIB:.1f}")
    )
    try:
        workspace = Workspace(path, create=False)
        if fix:
            workspace.make_private()
        findings += _workspace(workspace)
    except AdaptError as error:
        findings.append(Finding("workspace", str(error), ok=False))
    return findings


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "not installed; run 'make install'", ok=False)


def _device() -> Finding:
    from adapt.models.loading import device_name

    return Finding("device", device_name())


def _tesseract() -> Finding:
    path = shutil.which("tesseract")
    return Finding("tesseract", path or "not installed: scanned pages are named, not read")


def _rights(workspace: Workspace) -> Finding:
    shared = [path.name for path in workspace.open_to_others]
    if not shared:
        return Finding("rights", "for this user alone")
    names = ", ".join(shared)
    return Finding("rights", f"others can read {names}; adapt doctor --fix ends that", ok=False)


def _workspace(workspace: Workspace) -> list[Finding]:
    free = shutil.disk_usage(workspace.path).free
    registry = Registry(workspace)
    faults = registry.verify()
    database = Database(workspace)
    starter = find_base("starter", workspace)
    return [
        Finding("workspace", str(workspace.path)),
        _rights(workspace),
        Finding("disk", f"{free / GIB:.1f} GiB free", ok=free > LOW_DISK),
        Finding("database", f"revision {revision_of(database)}"),
        Finding(
            "registry", "; ".join(faults) or f"{len(registry.list())} versions whole", ok=not faults
        ),
        Finding("starter", starter.sha256[:12]),
        Finding(
            "embedder",
            load_embedder(workspace.settings("embedding", EmbeddingSettings).model).identity,
        ),
    ]
