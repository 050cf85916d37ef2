"""Adapters merged into full models for mergekit: by our own engine, in a cache that is keyed by content.

mergekit's own cache is keyed by path: a retrained adapter is taken stale from it, and a killed run leaves half a model.
Here the key is a hash over the base and the adapter's bytes, and a folder is there complete or not at all.
"""

import os
import shutil
import uuid
from dataclasses import replace
from pathlib import Path
from typing import get_args

from adapt.errors import ModelError
from adapt.protocols import Progress
from adapt.records import ProgressEvent
from adapt.workspace.folder import Workspace
from adapt.workspace.staged import HIDDEN, publish_folder, remove_folder
from merge.mergekit.sources import FoundModel, content_key, hash_adapter
from merge.methods.catalogue import SPECS
from merge.methods.terms import Terms
from merge.weights.dtypes import DType
from merge.weights.plan import plan_merge
from merge.write.model import write_model
from merge.write.tensor import TensorMerger

FORMAT = 1  # of the key: raised when what is written changes
CACHE_BYTES = 20_000_000_000  # what is kept between runs: a few models of 3 B parameters
METHOD = "task_arithmetic"


class MergedAdapters:
    """The cache of one workspace; to be used by one run at a time (`merge.mergekit.run` holds the lock)."""

    def __init__(self, workspace: Workspace) -> None:
        """Open the cache, and remove what a killed run has left half made."""
        self._root = workspace.cache / "mergekit"
        self._root.mkdir(exist_ok=True)
        for partial in self._root.glob(".*"):
            shutil.rmtree(partial)

    def get(self, model: FoundModel, *, dtype: str | None, progress: Progress) -> Path:
        """Return the folder of a full model; with an adapter, the base with the adapter merged into it.

        Args:
            dtype: what mergekit computes in; a wider one than the base's keeps more of the adapter.

        Raises:
            ModelError: the adapter was changed meanwhile.
        """
        if model.adapter is None:
            return model.folder
        written = next((known for known in get_args(DType) if known == dtype), None)
        key = content_key(FORMAT, model.base.sha256, model.adapter_sha256, written)
        folder = self._root / key
        if not folder.is_dir():
            self._make(model, folder, written, progress)
        os.utime(folder)  # the time of last use, by which the oldest is found
        return folder

    def _make(
        self, model: FoundModel, folder: Path, dtype: DType | None, progress: Progress
    ) -> None:
        if model.adapter is None:
            raise TypeError("there is no adapter to merge")

        def report(event: ProgressEvent) -> None:
            progress(replace(event, stage="adapters", detail=f"{model.name}: {event.detail}"))

        partial = self._root / f"{HIDDEN}{uuid.uuid4().hex}"
        partial.mkdir()
        try:
            plan = plan_merge(model.checkpoint, [model.adapter], output_dtype=dtype)
            terms = whole()
            merger = TensorMerger(
                model.checkpoint, [model.adapter], method=METHOD, terms=lambda _: terms
            )
            write_model(plan, merger, partial, progress=report)
            if hash_adapter(model.adapter) != model.adapter_sha256:
                raise ModelError(
                    f"{model.name}: was changed while it was being merged; run the merge again"
                )
            publish_folder(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def trim(self, *, most_bytes: int = CACHE_BYTES) -> None:
        """Remove the models that were not used for the longest time until the rest is small enough."""
        folders = sorted(self._root.iterdir(), key=lambda f: f.stat().st_mtime, reverse=True)
        total = 0
        for folder in folders:
            total += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            if total > most_bytes:
                remove_folder(folder)


def whole() -> Terms:
    """Return the parameters that add one adapter as it is."""
    parameters = SPECS[METHOD].parameters
    return Terms(
        weights=(1.0,),
        sources={p.name: (float(p.default),) for p in parameters if p.per_source},
        shared={p.name: p.default for p in parameters if not p.per_source},
    )
