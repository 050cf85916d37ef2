"""`--to hub`: one commit to a repository on the Hugging Face Hub, with the card; private unless it is asked otherwise.

The address is HF_ENDPOINT's, the token HF_TOKEN's or that of `hf auth login`; neither is kept anywhere here. Nothing is
staged: the files go as they are, but the card is written again and the path of a base on this machine is cut to its name.
Afterwards the Hub's own hashes are compared with those of the files.
"""

import json
import os
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash

from adapt.errors import AdaptError
from adapt.registry.artifacts import CARD, Artifact
from adapt.registry.cards import shown
from merge.export.card import CARD as README, export_card
from merge.export.folder import verify_folder
from merge.export.job import ExportJob
from merge.export.verify import Verification
from merge.weights.lora_config import CONFIG

# huggingface_hub uses httpx, from version 2 httpx2; their errors share a base class of this name
NETWORK: type[Exception] = next(
    ancestor
    for ancestor in HfHubHTTPError.__mro__
    if ancestor.__name__ == "HTTPError" and issubclass(ancestor, Exception)
)
STALE = (".safetensors", ".safetensors.index.json")  # of an earlier model; two sets would be mixed


def export_hub(job: ExportJob, _out: Path | None) -> tuple[str, Verification]:
    """Upload an artifact and return the repository's address and what was found.

    Raises:
        AdaptError: there is no token, the Hub refuses, or it holds other bytes afterwards.
    """
    token = get_token()
    if not token:
        raise AdaptError(
            "--to hub needs a token that may write: set HF_TOKEN, or log in with `hf auth login`"
        )
    opened = verify_folder(job, job.artifact, job.artifact.path)
    additions = _additions(job, opened)
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
    try:
        url = _commit(api, job, additions)
        wrong = _wrong(api, job.request.repository, additions)
    except (HfHubHTTPError, HFValidationError, NETWORK, OSError) as error:
        raise AdaptError(
            f"the Hub did not accept {job.artifact.reference} as {job.request.repository}: {_why(error)}"
        ) from error
    if wrong:
        raise AdaptError(
            f"{url}: the Hub holds other bytes of {wrong[0]} than were sent; run the same command again"
        )
    sentence = f"all {len(additions)} files are on the Hub with the hashes of those sent; before, {opened.sentence}"
    return url, Verification(
        api.endpoint, verified=opened.verified, sentence=sentence, figures=opened.figures
    )


def _additions(job: ExportJob, opened: Verification) -> list[CommitOperationAdd]:
    artifact = job.artifact
    card = export_card(job.workspace, artifact, job.licences, opened).encode()
    files: dict[str, bytes | str] = {README: card}
    for name in sorted(artifact.card.files):
        if name not in (README, CARD):
            files[name] = _config(artifact) if name == CONFIG else str(artifact.path / name)
    return [CommitOperationAdd(name, content) for name, content in files.items()]


def _config(artifact: Artifact) -> bytes:
    """Return peft's configuration; a base that is a folder of this machine stands there by its name only."""
    config = json.loads((artifact.path / CONFIG).read_text(encoding="utf-8"))
    base = config.get("base_model_name_or_path")
    if base:
        config["base_model_name_or_path"] = shown(str(base))
    return json.dumps(config, indent=2).encode()


def _commit(api: HfApi, job: ExportJob, additions: list[CommitOperationAdd]) -> str:
    repository, artifact = job.request.repository, job.artifact
    url = api.create_repo(repository, private=job.request.private, exist_ok=True)
    ours = {addition.path_in_repo for addition in additions}
    stale = [
        CommitOperationDelete(name)
        for name in api.list_repo_files(repository)
        if name.endswith(STALE) and name not in ours
    ]
    api.create_commit(
        repository,
        [*additions, *stale],
        commit_message=f"Upload {artifact.reference} with Adapt",
    )
    return str(url)


def _wrong(api: HfApi, repository: str, additions: list[CommitOperationAdd]) -> list[str]:
    """Return the files that the Hub has not, or with another hash than what was sent."""
    names = [addition.path_in_repo for addition in additions]
    there = {
        file.path: file
        for file in api.get_paths_info(repository, names)
        if isinstance(file, RepoFile)
    }
    return [
        addition.path_in_repo
        for addition in additions
        if addition.path_in_repo not in there or not _equal(there[addition.path_in_repo], addition)
    ]


def _equal(there: RepoFile, sent: CommitOperationAdd) -> bool:
    if there.lfs is not None:
        return bool(there.lfs.sha256 == sent.upload_info.sha256.hex())
    with sent.as_file() as file:
        return bool(there.blob_id == git_hash(file.read()))


def _why(error: Exception) -> str:
    """Return the Hub's own words where it said something, in one line."""
    message = getattr(error, "server_message", None) or str(error)
    return " ".join(message.split())[:300]
