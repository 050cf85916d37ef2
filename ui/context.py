"""What one process keeps between actions: workspace, database, stores, and the models that are loaded.

Heavy libraries are imported when they are first needed, so that `adapt models list` stays quick.
Not here: what a person can do with them (`ui.actions`).
"""

import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace

if TYPE_CHECKING:
    from adapt.chat.engine import ChatEngine, Generation
    from adapt.jobs.jobs import Job, Jobs
    from adapt.models.runtime import ModelRuntime
    from adapt.protocols import PassageReader, TextEmbedder
    from adapt.registry.bases.find import Base
    from adapt.storage.database import Database
    from feedback.store import FeedbackStore

WATCHED = 100  # answers that a page may still look at; all of them are in the database
RESIDENT = 2  # bases kept in memory at once; the least recently used goes first


class Context:
    """The open workspace; safe to share between the threads of one process."""

    def __init__(self, workspace: Path, *, create: bool = True) -> None:
        """Open a workspace; where there is none, it is made unless `create` is False.

        Raises:
            WorkspaceError: as `Workspace`.
        """
        self.workspace = Workspace(workspace, create=create)
        self.registry = Registry(self.workspace)
        self.generations: OrderedDict[str, Generation] = OrderedDict()
        self._runtimes: OrderedDict[str, ModelRuntime] = OrderedDict()
        self._embedder: TextEmbedder | None = None
        self._reader: PassageReader | None = None
        self._database: Database | None = None
        self._feedback: FeedbackStore | None = None
        self._jobs: Jobs | None = None
        self._loading = threading.RLock()

    @property
    def database(self) -> "Database":
        """Return the database, opened at first use: many commands need none, and its libraries take half a second."""
        from adapt.storage.database import Database

        with self._loading:
            if self._database is None:
                self._database = Database(self.workspace)
            return self._database

    @property
    def feedback(self) -> "FeedbackStore":
        """Return the store of conversations and ratings."""
        from feedback.store import FeedbackStore

        with self._loading:
            if self._feedback is None:
                self._feedback = FeedbackStore(self.database)
            return self._feedback

    @property
    def jobs(self) -> "Jobs":
        """Return the long work of this workspace."""
        from adapt.jobs.jobs import Jobs

        with self._loading:
            if self._jobs is None:
                self._jobs = Jobs(self.workspace, self.database)
            return self._jobs

    @property
    def embedder(self) -> "TextEmbedder":
        """Return the shared embedder, loaded at first use."""
        from adapt.embedding.load import load_embedder

        with self._loading:
            if self._embedder is None:
                self._embedder = load_embedder(self.embedder_name)
            return self._embedder

    @property
    def reader(self) -> "PassageReader":
        """Return what reads passages beside a question; it loads nothing before it is asked."""
        from adapt.embedding.passage_reader import ShippedReader

        with self._loading:
            if self._reader is None:
                self._reader = ShippedReader()
            return self._reader

    @property
    def embedder_name(self) -> str:
        """Return the name of the embedder that the workspace asks for."""
        from adapt.embedding.load import EmbeddingSettings

        return self.workspace.settings("embedding", EmbeddingSettings).model

    def runtime(self, base: "Base") -> "ModelRuntime":
        """Return the resident model of a base, loaded at first use."""
        from adapt.models.runtime import GenerationSettings, ModelRuntime

        with self._loading:
            if base.sha256 not in self._runtimes:
                settings = self.workspace.settings("generation", GenerationSettings)
                self._runtimes[base.sha256] = ModelRuntime(base, settings)
                while len(self._runtimes) > RESIDENT:
                    self._runtimes.popitem(last=False)
            self._runtimes.move_to_end(base.sha256)
            return self._runtimes[base.sha256]

    def engine(self, base: "Base") -> "ChatEngine":
        """Return a chat engine over a base."""
        from adapt.chat.engine import ChatEngine
        from adapt.chat.prompt import PromptSettings
        from retrieval.prompt.citations import check

        settings = self.workspace.settings("prompt", PromptSettings)
        runtime = self.runtime(base)
        return ChatEngine(
            runtime, self.feedback, settings=settings, clean=check, abilities=runtime.abilities
        )

    def start_job(self, kind: str, *, title: str, settings: Mapping[str, JsonValue]) -> "Job":
        """Start work of a kind that `ui.server.worker` knows in a process of its own, and return its job."""
        command = [sys.executable, "-m", "ui.server.worker", str(self.workspace.path)]
        return self.jobs.start(kind, title=title, settings=settings, command=command)

    def keep(self, generation: "Generation") -> None:
        """Keep an answer that is being made, so that any page can watch it; the oldest ended ones go."""
        self.generations[generation.turn_id] = generation
        ended = [key for key, other in self.generations.items() if other.status != "streaming"]
        for key in ended[: max(0, len(self.generations) - WATCHED)]:
            del self.generations[key]

    def close(self) -> None:
        """Give back what the process holds."""
        if self._database is not None:
            self._database.close()
