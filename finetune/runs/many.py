"""Several domains trained in one process on one resident base, each to an adapter that equals the one trained alone.

On the CPU, in fp32 and without a limit of minutes, each adapter's weights are those that `finetune.runs.run` gives, bit for
bit.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from adapt.errors import AdaptError, CancelledError, RecipeError
from adapt.models.loading import load_base
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from finetune.passes.scheduler import Together
from finetune.runs.out_of_resources import limits_explained
from finetune.runs.prepare import Ready, make_ready
from finetune.runs.request import (
    RunRecord,
    TrainingRequest,
    begin_run,
    check_unchanged,
    own_run,
    read_run,
)
from finetune.runs.run import Training
from finetune.train.interrupts import Interrupts, watch_signals


def finetune_all(
    requests: Sequence[TrainingRequest],
    *,
    workspace: Workspace,
    progress: Progress = no_progress,
) -> list[Artifact]:
    """Train an adapter for each request, measure and publish each as soon as it is done.

    Raises:
        DataError, ModelError, RecipeError: a request cannot be met; nothing was written.
        CancelledError: the user stopped it; the text says how to go on.
        AdaptError: some of the domains failed; those that did not are published.
    """
    ready = ready_all(requests, workspace=workspace, progress=progress)
    with watch_signals() as interrupts:
        records = [
            begin_run(request, planned.outline.base, workspace)
            for request, planned in zip(requests, ready, strict=True)
        ]
        return _train(records, ready, workspace, progress, interrupts)


def resume_all(
    run_ids: Sequence[str], *, workspace: Workspace, progress: Progress = no_progress
) -> list[Artifact]:
    """Go on with interrupted runs, together; see `finetune_all`.

    Raises:
        NotFoundError: there is no such run to resume.
        DataError: a data file changed since.
        ModelError: the base changed since.
    """
    records = [read_run(run_id, workspace) for run_id in dict.fromkeys(run_ids)]
    for record in records:
        check_unchanged(record, find_base(record.request.base, workspace))
    ready = ready_all(
        [record.request for record in records], workspace=workspace, progress=progress
    )
    with watch_signals() as interrupts:
        return _train(records, ready, workspace, progress, interrupts)


def ready_all(
    requests: Sequence[TrainingRequest],
    *,
    workspace: Workspace,
    progress: Progress = no_progress,
) -> list[Ready]:
    """Read and plan each request; nothing is written.

    Raises:
        RecipeError: two are of one domain, or not all of one base.
        AdaptError: a request cannot be met; the text begins with its domain.
    """
    names = [request.domain for request in requests]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(
                f"'{name}' stands for two trainings; one adapter is published of it at a time"
            )
    ready = []
    for request in requests:
        progress(ProgressEvent("read", detail=f"reading the data of {request.domain}"))
        with _named(request.domain):
            ready.append(make_ready(request, workspace=workspace))
    bases = {planned.outline.base.sha256 for planned in ready}
    if len(bases) > 1:
        raise RecipeError(
            "domains that are trained together must have one base; train the others separately"
        )
    if len({planned.settings.four_bit for planned in ready}) > 1:
        raise RecipeError(
            "domains that are trained together share the base in memory: all with the variant qlora, or none"
        )
    return ready


def _train(
    records: Sequence[RunRecord],
    ready: Sequence[Ready],
    workspace: Workspace,
    progress: Progress,
    interrupts: Interrupts,
) -> list[Artifact]:
    published: dict[str, Artifact] = {}
    failed: dict[str, AdaptError] = {}

    with ExitStack() as stack:
        folders = [stack.enter_context(own_run(record.run_id, workspace)) for record in records]
        progress(ProgressEvent("prepare", detail=f"loading {ready[0].plan.base}, once for all"))
        four_bit = ready[0].settings.four_bit
        model, _ = load_base(ready[0].outline.base, four_bit=four_bit)
        together = Together(model, progress)

        def follow(place: int) -> None:
            record = records[place]
            domain = record.request.domain
            of_domain = _of_domain(domain, progress)
            others = {
                other.request.domain: planned.prepared.heldout
                for other, planned in zip(records, ready, strict=True)
                if other is not record and planned.learns_examples
            }
            training = Training(
                record,
                ready[place],
                workspace,
                folders[place],
                of_domain,
                interrupts,
                together,
                others,
            )
            try:
                published[domain] = training.finish()
            except CancelledError as error:
                failed[domain] = error
                interrupts.requested.set()  # one stopped, all stop
            except AdaptError as error:
                failed[domain] = error

        # a pass that is shared belongs to none of them
        all_runs = " --resume ".join(record.run_id for record in records)
        with limits_explained(all_runs, ready[0].plan):
            together.run([partial(follow, place) for place in range(len(records))])
    if failed:
        raise failure_of(records, published, failed)
    return [published[record.request.domain] for record in records]


def _of_domain(domain: str, progress: Progress) -> Progress:
    """Return a progress whose stages are a domain's own."""

    def tell(event: ProgressEvent) -> None:
        progress(replace(event, stage=f"{domain} · {event.stage}"))

    return tell


@contextmanager
def _named(domain: str) -> Iterator[None]:
    """Put the domain before what is wrong with it."""
    try:
        yield
    except AdaptError as error:
        raise AdaptError(f"{domain}: {error}") from error


def failure_of(
    records: Sequence[RunRecord], published: dict[str, Artifact], failed: dict[str, AdaptError]
) -> AdaptError:
    """Return the one error of a training of many of which some did not end."""
    done = ", ".join(artifact.reference for artifact in published.values()) or "nothing"
    stopped = [
        record.run_id
        for record in records
        if isinstance(failed.get(record.request.domain), CancelledError)
    ]
    faults = [
        f"{domain}: {error}"
        for domain, error in failed.items()
        if not isinstance(error, CancelledError)
    ]
    again = " ".join(f"--resume {run_id}" for run_id in stopped)
    if stopped:
        text = f"training stopped, published: {done}; go on with: adapt finetune {again}"
        return CancelledError(f"{text} ({'; '.join(faults)})" if faults else text)
    return AdaptError(f"{'; '.join(faults)} (published: {done})")
