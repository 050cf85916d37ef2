"""`--to hf`: the artifact's own folder, which transformers, peft, vLLM and mergekit open, with its card continued."""

import shutil
from pathlib import Path

from adapt.errors import AdaptError, ModelError
from adapt.registry.artifacts import CARD, Artifact
from adapt.workspace.staged import staged_folder
from merge.export.card import CARD as README, export_card
from merge.export.engines import TransformersEngine
from merge.export.job import ExportJob, base_of, compare_exactly, refer_to
from merge.export.verify import Verification, unverified

NO_VERIFY = "--no-verify was given"


def export_folder(job: ExportJob, out: Path | None) -> tuple[str, Verification]:
    """Copy an artifact to a new folder, open it again, and return the folder's path and what was found.

    Raises:
        AdaptError: the target exists, or the copy does not answer as the artifact does.
    """
    target = needed(out)
    with staged_folder(target) as staged:
        copy_files(job.artifact, staged)
        verification = verify_folder(job, job.artifact, staged)
        card = export_card(job.workspace, job.artifact, job.licences, verification)
        (staged / README).write_text(card, encoding="utf-8")
    return str(target), verification


def needed(out: Path | None) -> Path:
    """Return the target of a form that has one."""
    if out is None:
        raise AdaptError("--out is missing: the new file or folder")
    return out


def copy_files(artifact: Artifact, folder: Path) -> None:
    """Copy an artifact's files, bytes as they are; its registry card is the workspace's own and stays there."""
    shutil.copytree(artifact.path, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(CARD))


def verify_folder(
    job: ExportJob, artifact: Artifact, folder: Path, *, base: Path | None = None
) -> Verification:
    """Return whether a copy of an artifact answers in transformers as the artifact does.

    Args:
        base: where the base of an adapter lies now, if it was copied too.

    Raises:
        AdaptError: it does not.
    """
    if not job.request.verify:
        return unverified(NO_VERIFY)
    try:
        reference = refer_to(job, artifact)
    except (
        ModelError
    ) as error:  # the artifact itself cannot be asked, which is no fault of the copy
        return unverified(f"{artifact.reference} itself cannot be opened here: {error}")
    if artifact.card.kind == "adapter":
        engine = TransformersEngine(base or base_of(job, artifact).path, adapter=folder)
    else:
        engine = TransformersEngine(folder)
    return compare_exactly(job, reference, engine)
