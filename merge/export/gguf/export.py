"""`--to gguf`: one file for llama.cpp. `--to ollama`: that file in a folder with a Modelfile."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from adapt.errors import AdaptError, ModelError
from adapt.models.loading import load_tokenizer
from adapt.workspace.staged import staged_file, staged_folder
from merge.export.card import CARD as README, export_card
from merge.export.engines import LlamaCppEngine, has_llama_cpp
from merge.export.folder import NO_VERIFY, needed
from merge.export.gguf.tokenizer import other_ends
from merge.export.gguf.types import QUANTIZED, quantize
from merge.export.gguf.writer import default_kind, write_gguf
from merge.export.job import ExportJob, refer_to, refusal
from merge.export.ollama import modelfile
from merge.export.verify import Verification, compare, unverified
from merge.weights.checkpoint import open_checkpoint

GGUF_NAME = "model.gguf"


def export_gguf(job: ExportJob, out: Path | None) -> tuple[str, Verification]:
    """Write a model as one GGUF file, open it again in llama.cpp where that is installed, and return what was found.

    Raises:
        AdaptError: see `merge.export.export.export`.
    """
    target = needed(out)
    _check_model(job)
    with staged_file(target) as staged:
        _write(job, staged)
        verification = _verify(job, staged)
    return str(target), verification


def export_ollama(job: ExportJob, out: Path | None) -> tuple[str, Verification]:
    """Write a folder for `ollama create`: GGUF file, Modelfile and card.

    Raises:
        AdaptError: see `merge.export.export.export`; also where the chat template is of no form that Ollama's language can
        say.
    """
    target = needed(out)
    _check_model(job)
    tokenizer = load_tokenizer(job.artifact.path)
    text = modelfile(
        tokenizer,
        gguf=GGUF_NAME,
        ends=other_ends(job.artifact.path, tokenizer.eos_token_id),
        licence=job.licences.expression,
    )
    with staged_folder(target) as staged:
        _write(job, staged / GGUF_NAME)
        inner = _verify(job, staged / GGUF_NAME)
        sentence = f"not opened in Ollama itself; the GGUF file, which it reads with llama.cpp: {inner.sentence}"
        verification = replace(inner, verified=False, sentence=sentence)
        (staged / "Modelfile").write_text(text, encoding="utf-8")
        card = export_card(job.workspace, job.artifact, job.licences, verification)
        (staged / README).write_text(card, encoding="utf-8")
    return str(target), verification


def _check_model(job: ExportJob) -> None:
    if job.artifact.card.kind != "model":
        raise AdaptError(
            f"{job.artifact.reference} is an {job.artifact.card.kind}; GGUF holds a whole model, so merge it first: "
            f"adapt merge NAME --adapter {job.artifact.reference}"
        )


def _write(job: ExportJob, target: Path) -> None:
    """Write the file; types that llama.cpp makes are made of one beside it, which is removed."""
    folder, name, kind = job.artifact.path, job.artifact.reference, job.request.kind
    if kind not in QUANTIZED:
        write_gguf(folder, target, name=name, kind=kind, progress=job.progress)
        return
    source = target.with_name(f"{target.name}.source")
    source.unlink(missing_ok=True)
    try:
        write_gguf(folder, source, name=name, progress=job.progress)
        quantize(source, target, kind)
    finally:
        source.unlink(missing_ok=True)


def _verify(job: ExportJob, file: Path) -> Verification:
    """Return what llama.cpp makes of the file.

    Raises:
        AdaptError: it cuts text otherwise, holds another template, or answers otherwise though no number was rounded.
    """
    if not job.request.verify:
        return unverified(NO_VERIFY)
    if not has_llama_cpp():
        return unverified("llama.cpp is not installed (pip install llama-cpp-python)")
    folder = job.artifact.path
    try:
        reference = refer_to(job, job.artifact)
    except ModelError as error:
        return unverified(f"{job.artifact.reference} itself cannot be opened here: {error}")
    template = load_tokenizer(folder).chat_template
    with closing(LlamaCppEngine(file)) as engine:
        if isinstance(template, str) and engine.template.encode() != template.encode():
            raise AdaptError(
                "nothing is exported: llama.cpp reads another chat template from the file"
            )
        verification = compare(reference, engine, progress=job.progress)
    exact = (job.request.kind or default_kind(open_checkpoint(folder))) == "f32"
    if not verification.verified and (
        exact or verification.figures["cut_alike"] < verification.figures["prompts"]
    ):
        raise refusal(verification)
    return verification
