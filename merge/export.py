"""Takes a published model or adapter out of the workspace: as the folder that it is, or as one GGUF file."""

import shutil
from pathlib import Path

from adapt.artifacts import Artifact
from adapt.errors import AdaptError
from adapt.registry import Registry
from merge.gguf import write_gguf

FORMS = ("hf", "gguf")


def export(
    registry: Registry, reference: str, target: Path, *, form: str = "hf", fp32: bool | None = None
) -> Path:
    """Write an artifact to a new folder (`hf`) or a new file (`gguf`), its files checked against their hashes first.

    Args:
        fp32: whether the weights of a GGUF file become fp32; unless given, those of a small model. A folder is a copy.

    Raises:
        AdaptError: the form is unknown, the target exists, the artifact is damaged, or it has no such form.
    """
    if form not in FORMS:
        raise AdaptError(f"--to {form} is not built; there are {' and '.join(FORMS)}")
    if fp32 is not None and form != "gguf":
        raise AdaptError("--fp32 and --no-fp32 are for --to gguf; a folder is exported as it is")
    artifact = registry.get(reference)
    faults = registry.verify(artifact.reference)
    if faults:
        raise AdaptError(f"{artifact.reference} is not exported: {faults[0]}")
    if form == "hf":
        return copy_folder(artifact, target)
    if artifact.card.kind != "model":
        raise AdaptError(
            f"{artifact.reference} is a {artifact.card.kind}; GGUF holds a whole model, so merge it first: "
            f"adapt merge NAME --adapter {artifact.reference}"
        )
    return write_gguf(artifact.path, target, name=artifact.reference, fp32=fp32)


def copy_folder(artifact: Artifact, target: Path) -> Path:
    """Copy an artifact's files as a plain Hugging Face folder, there complete or not at all.

    Raises:
        AdaptError: the target exists and is not an empty folder.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AdaptError(f"{target}: exists and is not empty; name another folder with --out")
    staged = target.with_name(f".{target.name}.partial")
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(artifact.path, staged)
    if target.exists():
        target.rmdir()
    staged.rename(target)
    return target
