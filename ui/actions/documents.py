"""What a person can do with documents, the same from the command line, the app and a worker.

Every function is given the user for whom it acts; what that user may not read does not exist for it.
"""

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from adapt.chat.account import AccountEntry
from adapt.errors import AdaptError
from adapt.protocols import Progress, no_progress
from adapt.records import PassageView
from ui.display.passages import stored_view

if TYPE_CHECKING:
    from adapt.jobs.jobs import Job
    from retrieval.collections.access import Access
    from retrieval.collections.collection import Collection, IngestReport
    from retrieval.index.filters import Filter
    from retrieval.search.evaluate import Quality
    from retrieval.search.search import SearchResult
    from ui.context import Context


class IngestRequest(BaseModel):
    """What to bring into which collection, for whom.

    A collection that this makes is everyone's, unless it is `private`, or `readers` are named: then it is the user's.
    `on` names a Ray cluster that prepares the files.
    """

    model_config = ConfigDict(frozen=True)

    paths: tuple[Path, ...]
    collection: str
    user: str = ""
    private: bool = False
    readers: tuple[str, ...] = ()
    prune: bool = False
    retry: bool = False
    on: str = ""

    def access(self) -> "Access":
        """Return who may read a collection that this makes.

        Raises:
            AdaptError: a name cannot be a user's.
        """
        from retrieval.collections.access import Access, private

        return private(self.user, self.readers) if self.private or self.readers else Access()


def ingest(
    ctx: "Context", request: IngestRequest, *, progress: Progress = no_progress
) -> "IngestReport":
    """Bring a collection in step with files and folders."""
    from retrieval.collections.collection import Collection

    target = Collection.open_or_create(
        ctx.workspace,
        request.collection,
        ctx.embedder,
        user=request.user,
        access=request.access(),
    )
    distribute = None
    if request.on:
        from retrieval.ingest.ray import distribute_on

        distribute = distribute_on(
            request.on, ctx.embedder_name, ctx.embedder.identity, progress=progress
        )
    return target.ingest(
        request.paths,
        prune=request.prune,
        retry=request.retry,
        progress=progress,
        distribute=distribute,
    )


def upload(ctx: "Context", files: Mapping[str, bytes], request: IngestRequest) -> "Job":
    """Keep files that were given in the app, and start bringing them into a collection; what is there stays.

    Args:
        files: contents by name; a name is a file's own, without folders.
        request: its paths are set here.

    Raises:
        AdaptError: the collection is another user's or cannot be named so, or a name is none of a file.
    """
    from retrieval.collections.collection import Collection

    Collection.open_or_create(
        ctx.workspace, request.collection, ctx.embedder, user=request.user, access=request.access()
    )
    folder = ctx.workspace.uploads / request.collection
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if not name.strip() or name.startswith(".") or Path(name).name != name or "\\" in name:
            raise AdaptError(f"'{name[:60]}' cannot name a document; rename the file")
        whole = folder / f".{uuid.uuid4().hex}.tmp"  # hidden, so that nothing reads it half written
        whole.write_bytes(content)
        whole.replace(folder / name)
    asked = request.model_copy(update={"paths": (folder,)})
    return ctx.start_job(
        "ingest", title="reading documents", settings=asked.model_dump(mode="json")
    )


def visible_jobs(ctx: "Context", user: str) -> "list[Job]":
    """Return the jobs that a user may see, newest first: what is read for another user is not among them."""
    return [job for job in ctx.jobs.list() if _is_for(job, user)]


def _is_for(job: "Job", user: str) -> bool:
    owner = job.settings.get("user", user) if isinstance(job.settings, dict) else user
    return owner == user


def watch(
    ctx: "Context", request: IngestRequest, *, progress: Progress = no_progress
) -> "Iterator[IngestReport]":
    """Ingest, then again whenever something under the paths has changed; yield each report, until it is closed."""
    from retrieval.ingest.watch import changes

    yield ingest(ctx, request, progress=progress)
    for _ in changes(request.paths):
        yield ingest(ctx, request, progress=progress)


def rebuild(
    ctx: "Context", collection: str, *, user: str = "", progress: Progress = no_progress
) -> None:
    """Embed a collection again with the present embedder; until that is done the old index answers."""
    from retrieval.collections.collection import Collection
    from retrieval.collections.owner import rebuild as run

    run(Collection(ctx.workspace, collection, ctx.embedder, user), progress=progress)


def search(
    ctx: "Context",
    query: str,
    *,
    collection: str,
    user: str = "",
    changes: Mapping[str, object] | None = None,
    only: "Filter | None" = None,
) -> "SearchResult":
    """Return the passages of a collection that answer a query, best first, and what of a search ran.

    Args:
        changes: settings of `[search]` that hold for this one, whatever `adapt.toml` says.
        only: which passages are looked at; None for all.
    """
    from retrieval.search.search import SearchSettings

    settings = ctx.workspace.settings("search", SearchSettings).model_copy(
        update={"strict": False, **(changes or {})}
    )
    return open_collection(ctx, collection, user=user).ask(query, settings=settings, only=only)


def evaluate_search(
    ctx: "Context",
    questions: Path,
    *,
    collection: str,
    user: str = "",
    progress: Progress = no_progress,
) -> "Quality":
    """Return how well a collection's search finds what a file of questions says is right."""
    return open_collection(ctx, collection, user=user).evaluate(questions, progress=progress)


@dataclass(frozen=True)
class Asking:
    """How questions are made of a collection: how many, and by which model; by the documents' headings where empty."""

    collection: str
    user: str = ""
    count: int = 100
    model: str = ""


def make_questions(
    ctx: "Context", out: Path, asking: Asking, *, progress: Progress = no_progress
) -> int:
    """Write questions made from a collection's documents, and return how many."""
    from adapt.registry.bases.find import find_base
    from retrieval.search.questions import by_headings, by_model, pick, write

    index = open_collection(ctx, asking.collection, user=asking.user).index
    if asking.model:
        runtime = ctx.runtime(find_base(asking.model, ctx.workspace))
        chosen = pick(index.live_chunks(), asking.count)
        questions = by_model(chosen, runtime, asking.model, progress=progress)
    else:
        questions = by_headings(list(index.live_chunks()))[: asking.count]
    write(out, questions)
    return len(questions)


def open_passage(
    ctx: "Context", chunk_id: str, *, user: str, collection: str, text: str = ""
) -> PassageView | None:
    """Return a cited passage in its page; None where no version that this user may read holds it any more.

    Args:
        text: what was cited, where neighbours were joined to the chunk.
    """
    if collection not in collections(ctx, user=user):
        return None
    return open_collection(ctx, collection, user=user).open_passage(chunk_id, text)


def open_cited(ctx: "Context", cited: AccountEntry, *, user: str, collection: str) -> PassageView:
    """Return a passage of a stored account in its page, or as the account has it where its document is gone."""
    text = cited.text.removeprefix(f"{cited.label}\n")
    view = open_passage(ctx, cited.piece_id, user=user, collection=collection, text=text)
    return view or replace(stored_view(cited.label, cited.text), current=False)


def collections(ctx: "Context", *, user: str) -> list[str]:
    """Return the names of the collections that a user may read."""
    from retrieval.collections.access import visible_names

    return visible_names(ctx.workspace, user)


def share(ctx: "Context", collection: str, access: "Access", *, user: str) -> None:
    """Change who may read a collection; only its owner can."""
    from retrieval.collections.owner import share as run

    run(open_collection(ctx, collection, user=user), access)


def rollback(ctx: "Context", collection: str, *, user: str, version: int | None = None) -> int:
    """Make an earlier version of a collection seen again and return the number that it has now."""
    from retrieval.collections.owner import rollback as run

    return run(open_collection(ctx, collection, user=user), version)


def remove_documents(
    ctx: "Context", collection: str, documents: Sequence[str], *, user: str
) -> int:
    """Remove documents for good: from every version, and from what is stored of prompts; return how many turns had them."""
    from feedback.forget import withdraw_documents
    from retrieval.collections.owner import remove

    target = open_collection(ctx, collection, user=user)
    given = ctx.workspace.uploads / collection
    uploaded = [
        file for name in documents if (file := target.file_of(name)) and file.is_relative_to(given)
    ]
    remove(target, *documents)
    for file in uploaded:
        file.unlink(missing_ok=True)
    return withdraw_documents(ctx.database, collection, documents)


def delete_collection(ctx: "Context", collection: str, *, user: str) -> int:
    """Remove a collection with all that is stored of its documents; return how many turns had their text."""
    from feedback.forget import withdraw_documents
    from retrieval.collections.owner import delete

    delete(open_collection(ctx, collection, user=user))
    shutil.rmtree(ctx.workspace.uploads / collection, ignore_errors=True)
    return withdraw_documents(ctx.database, collection)


def open_collection(ctx: "Context", name: str, *, user: str) -> "Collection":
    """Return a collection that a user may read.

    Raises:
        NotFoundError: there is none of that name for this user.
    """
    from retrieval.collections.collection import Collection

    return Collection.open(ctx.workspace, name, ctx.embedder, user=user)
