"""Takes published models and adapters out of the workspace, in the form that their next engine opens.

Each form checks the licences, writes beside the target, opens what it wrote again, and only then puts it in its place.
Not here: the forms themselves (`merge.export.folder`, `merge.export.gguf.export`, `merge.export.vllm`, `merge.export.hub`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from adapt.errors import AdaptError
from adapt.protocols import Progress, no_progress
from adapt.registry.artifacts import Artifact
from adapt.registry.licences import LicenceReport, check_licences
from adapt.registry.origins import licences_of
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.export.folder import export_folder
from merge.export.gguf.export import export_gguf, export_ollama
from merge.export.gguf.types import check_kind
from merge.export.hub import export_hub
from merge.export.job import ExportJob, Request
from merge.export.verify import Verification
from merge.export.vllm import export_vllm

Form = Callable[[ExportJob, Path | None], tuple[str, Verification]]
FORMS: dict[str, Form] = {
    "hf": export_folder,
    "gguf": export_gguf,
    "ollama": export_ollama,
    "vllm": export_vllm,
    "hub": export_hub,
}
KINDS = ("model", "adapter")


@dataclass(frozen=True)
class Exported:
    """What came out, and what is known of it.

    Attributes:
        path: the new file or folder, or the address on the Hub.
    """

    artifacts: tuple[str, ...]
    form: str
    path: str
    verification: Verification
    licences: LicenceReport

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for a script."""
        return {
            "artifact": self.artifacts[0],
            "artifacts": list(self.artifacts),
            "form": self.form,
            "path": self.path,
            "verified": self.verification.verified,
            "verification": self.verification.as_json(),
            "licence": self.licences.expression,
            "licence_conflicts": list(self.licences.conflicts),
            "warnings": [*self.licences.warnings, *self.licences.asks],
        }


def export(
    workspace: Workspace,
    references: Sequence[str],
    out: Path | None,
    request: Request,
    *,
    progress: Progress = no_progress,
) -> Exported:
    """Write artifacts in a form, open them again, and return what is known of the result.

    Args:
        references: one artifact; for `vllm` also several adapters of one base.
        out: a new file (`gguf`) or folder; not for `hub`.

    Raises:
        AdaptError: the form is unknown or cannot hold this, the target exists, an artifact is damaged, the licences
            conflict, or what was written does not answer as it should; nothing is left behind then.
    """
    form = _check(request, references, out)
    registry = Registry(workspace)
    artifacts = tuple(_sound(registry, reference) for reference in references)
    licences = check_licences(licences_of(workspace, artifacts), accept=request.accept_licences)
    job = ExportJob(workspace, artifacts, request, licences, progress)
    path, verification = form(job, out)
    return Exported(
        tuple(a.reference for a in artifacts), request.form, path, verification, licences
    )


def _check(request: Request, references: Sequence[str], out: Path | None) -> Form:
    if request.form not in FORMS:
        raise AdaptError(f"--to {request.form} is not known; there are {', '.join(FORMS)}")
    if request.form != "vllm" and len(references) != 1:
        raise AdaptError(
            f"--to {request.form} takes one model or adapter; vllm takes several adapters"
        )
    if request.kind and request.form not in ("gguf", "ollama"):
        raise AdaptError("--type is for --to gguf and --to ollama; a folder is exported as it is")
    if request.kind:
        check_kind(request.kind)
    if (request.form == "hub") != bool(request.repository):
        raise AdaptError("--repo OWNER/NAME and --to hub go together")
    if (request.form == "hub") == (out is not None):
        raise AdaptError("--out names the new file or folder; --to hub has none")
    return FORMS[request.form]


def _sound(registry: Registry, reference: str) -> Artifact:
    artifact = registry.get(reference)
    if artifact.card.kind not in KINDS:
        raise AdaptError(
            f"{artifact.reference} is a {artifact.card.kind}; models and adapters are exported"
        )
    faults = registry.verify(artifact.reference)
    if faults:
        raise AdaptError(f"{artifact.reference} is not exported: {faults[0]}")
    return artifact
