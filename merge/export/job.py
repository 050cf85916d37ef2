"""What every form of export is given, and what all of them do: find the base, and refuse what answers wrongly."""

from dataclasses import dataclass

from adapt.errors import AdaptError, ModelError
from adapt.protocols import Progress
from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import Base, find_base
from adapt.registry.licences import LicenceReport
from adapt.workspace.folder import Workspace
from merge.export.engines import load_fp32
from merge.export.verify import Engine, Reference, Verification, compare, refer


@dataclass(frozen=True)
class Request:
    """What a person asked for.

    Attributes:
        form: hf, gguf, ollama, vllm or hub.
        kind: how a GGUF file stores matrices; "" is f32 for a small model, else the dtype that they have.
        verify: whether the export is opened again and its answers compared.
        accept_licences: whether conflicts of licences are noted in the card instead of refused.
        repository: OWNER/NAME on the Hub.
        private: whether a repository that is made new is private.
    """

    form: str = "hf"
    kind: str = ""
    verify: bool = True
    accept_licences: bool = False
    repository: str = ""
    private: bool = True


@dataclass(frozen=True)
class ExportJob:
    """One export: what is asked, of what, and what its licences say."""

    workspace: Workspace
    artifacts: tuple[Artifact, ...]
    request: Request
    licences: LicenceReport
    progress: Progress

    @property
    def artifact(self) -> Artifact:
        """Return the artifact of a form that takes one."""
        return self.artifacts[0]


def base_of(job: ExportJob, adapter: Artifact) -> Base:
    """Return the base of an adapter, found on this machine and unchanged.

    Raises:
        ModelError: it is not found, or is another one by now.
    """
    record = adapter.card.base
    if record is None:
        raise ModelError(f"{adapter.reference}: its card names no base")
    base = find_base(record.id, job.workspace)
    if base.sha256 != record.sha256:
        raise ModelError(
            f"{adapter.reference}: its base '{record.id}' was changed since; train or merge it again"
        )
    return base


def refer_to(job: ExportJob, artifact: Artifact) -> Reference:
    """Return the answers of an artifact as it lies in the registry.

    Raises:
        ModelError: it cannot be loaded.
    """
    if artifact.card.kind == "adapter":
        model, tokenizer = load_fp32(base_of(job, artifact).path, adapter=artifact.path)
    else:
        model, tokenizer = load_fp32(artifact.path)
    return refer(model, tokenizer, progress=job.progress)


def compare_exactly(job: ExportJob, reference: Reference, engine: Engine) -> Verification:
    """Return the comparison of an export that must answer as the artifact does.

    Raises:
        AdaptError: it does not.
    """
    verification = compare(reference, engine, progress=job.progress)
    if not verification.verified:
        raise refusal(verification)
    return verification


def refusal(verification: Verification) -> AdaptError:
    """Return the error of an export that does not answer as it should."""
    return AdaptError(
        f"nothing is exported, what was written {verification.sentence}; --no-verify writes it all the same"
    )
