"""Artifacts to export: a tiny base, adapters on it, and a model that stands for their merge."""

import shutil
from pathlib import Path

from adapt.registry.artifacts import Artifact, DataRecord
from adapt.registry.bases.find import find_base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace

DATA = DataRecord(name="train.jsonl", sha256="ab" * 32, rows=7)


def publish_adapter(
    workspace: Workspace, name: str, folder: Path, base: Path, *, licence: str = "MIT"
) -> Artifact:
    """Publish an adapter folder."""
    record = find_base(str(base), workspace).record
    with Registry(workspace).stage(name) as staging:
        shutil.copytree(folder, staging.path, dirs_exist_ok=True)
        return staging.publish("adapter", base=record, licence=licence, data=[DATA])


def publish_model(
    workspace: Workspace,
    name: str,
    folder: Path,
    *,
    parents: tuple[str, ...] = (),
    licence: str = "",
) -> Artifact:
    """Publish a model folder, merged of these parents on the base that lies there."""
    record = find_base(str(folder), workspace).record
    with Registry(workspace).stage(name) as staging:
        shutil.copytree(folder, staging.path, dirs_exist_ok=True)
        return staging.publish(
            "model",
            base=record,
            parents=parents,
            licence=licence,
            settings={"recipe": {"merge_method": "ties", "base_model": str(folder)}},
            metrics={"retention": 0.9},
            summary="ties of the adapters",
        )
