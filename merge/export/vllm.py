"""`--to vllm`: a base and its adapters side by side for vLLM's multi-LoRA (or one model), with the line that serves them.

What vLLM does not load is refused here, by the rules of its `lora/peft_helper.py` and `config/lora.py` (0.22): no
`modules_to_save`, DoRA, biases or embeddings, ranks up to 512, and one scaling (alpha / rank) for all of an adapter.
"""

import json
import shutil
from pathlib import Path

from adapt.errors import AdaptError, ModelError
from adapt.registry.artifacts import Artifact
from adapt.workspace.staged import staged_folder
from merge.export.card import CARD as README, export_card
from merge.export.folder import copy_files, needed, verify_folder
from merge.export.job import ExportJob, base_of
from merge.export.verify import Verification, unverified
from merge.weights.adapters import Adapter, open_adapter
from merge.write.model import copy_companions

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank takes
WEIGHTS = ("config.json", "*.safetensors", "*.safetensors.index.json")
SCRIPT = "serve.sh"


def export_vllm(job: ExportJob, out: Path | None) -> tuple[str, Verification]:
    """Write the folder, open it again with transformers and peft, and return its path and what was found.

    Raises:
        AdaptError: vLLM would not load one of them, or two adapters belong to different bases.
    """
    target = needed(out)
    kinds = {artifact.card.kind for artifact in job.artifacts}
    if "model" in kinds and len(job.artifacts) > 1:
        raise AdaptError("--to vllm takes one model, or adapters of one base")
    with staged_folder(target) as staged:
        if "model" in kinds:
            verifications, line = _write_model(job, staged)
        else:
            verifications, line = _write_adapters(job, staged)
        _write_script(staged, line)
        verification = _in_words(verifications)
        (staged / README).write_text(_readme(job, line, verification), encoding="utf-8")
    return str(target), verification


def _write_model(job: ExportJob, staged: Path) -> tuple[list[Verification], list[str]]:
    folder = staged / "model"
    copy_files(job.artifact, folder)
    verifications = [verify_folder(job, job.artifact, folder)]
    _add_card(job, job.artifact, folder, verifications[0])
    return verifications, ["vllm serve ./model", f"--served-model-name {job.artifact.card.name}"]


def _write_adapters(job: ExportJob, staged: Path) -> tuple[list[Verification], list[str]]:
    bases = [base_of(job, artifact) for artifact in job.artifacts]
    if len({base.sha256 for base in bases}) > 1:
        pairs = zip(job.artifacts, bases, strict=True)
        raise AdaptError(
            "adapters that vLLM serves together have one base; here are "
            + ", ".join(f"{artifact.reference} on {base.id}" for artifact, base in pairs)
        )
    names = [artifact.card.name for artifact in job.artifacts]
    if len(set(names)) < len(names):
        raise AdaptError("two versions of one adapter would have the same name in vLLM; name one")
    ranks = [check_adapter(artifact) for artifact in job.artifacts]
    base = staged / "base"
    base.mkdir()
    for pattern in WEIGHTS:
        for file in sorted(bases[0].path.glob(pattern)):
            shutil.copyfile(file, base / file.name)
    copy_companions(bases[0].path, base)
    verifications = []
    for artifact in job.artifacts:
        folder = staged / "adapters" / artifact.card.name
        copy_files(artifact, folder)
        verifications.append(verify_folder(job, artifact, folder, base=base))
        _add_card(job, artifact, folder, verifications[-1])
    modules = " ".join(f"{name}=./adapters/{name}" for name in names)
    line = [
        "vllm serve ./base",
        "--enable-lora",
        f"--max-loras {len(names)}",
        f"--max-lora-rank {min(rank for rank in RANKS if rank >= max(ranks))}",
        f"--lora-modules {modules}",
    ]
    return verifications, line


def check_adapter(artifact: Artifact) -> int:
    """Return the highest rank of an adapter that vLLM loads.

    Raises:
        ModelError: it would not, or would compute something else.
    """
    adapter = open_adapter(artifact.path, reference=artifact.reference)
    fault = _fault(adapter)
    if fault:
        raise ModelError(
            f"{artifact.reference}: vLLM does not serve an adapter with {fault}; merge it and serve the model: "
            f"adapt merge NAME --adapter {artifact.reference}"
        )
    return max(adapter.ranks)


def _fault(adapter: Adapter) -> str:
    parts, config = adapter.parts, adapter.config
    highest = max(adapter.ranks, default=0)
    plain = config.scaling("")  # of a module that no pattern names
    faults = {
        "whole tensors (modules_to_save)": any(part.full for part in parts),
        "DoRA": config.use_dora,
        "biases": any(part.offset for part in parts),
        "a low-rank change of the embedding": any(part.embedding for part in parts),
        f"rank {highest}, above {RANKS[-1]}": highest > RANKS[-1],
        "another scaling for some modules (rank_pattern, alpha_pattern)": any(
            part.scaling != plain for part in parts
        ),
    }
    return next((fault for fault, is_so in faults.items() if is_so), "")


def _add_card(job: ExportJob, artifact: Artifact, folder: Path, verification: Verification) -> None:
    card = export_card(job.workspace, artifact, job.licences, verification)
    (folder / README).write_text(card, encoding="utf-8")


def _write_script(staged: Path, line: list[str]) -> None:
    script = staged / SCRIPT
    head = [
        "#!/bin/sh",
        "# Serves on port 8000, as OpenAI's API does; further flags are passed on.",
        'cd "$(dirname "$0")" || exit 1',
    ]
    command = " \\\n  ".join([f"exec {line[0]}", *line[1:], '"$@"'])
    script.write_text("\n".join([*head, command]) + "\n", encoding="utf-8")
    script.chmod(0o755)


def _in_words(verifications: list[Verification]) -> Verification:
    """Return what is known: vLLM itself is not run, the folders were opened with transformers and peft."""
    sentences = "; ".join(dict.fromkeys(verification.sentence for verification in verifications))
    engine = next(
        (verification.engine for verification in verifications if verification.engine), ""
    )
    if not engine:
        return unverified(sentences.removeprefix("not verified: "))
    figures = {
        key: sum(verification.figures.get(key, 0) for verification in verifications)
        for key in ("prompts", "same", "ties", "tokens", "same_tokens")
    }
    return Verification(
        engine, verified=False, sentence=f"not opened in vLLM itself; {sentences}", figures=figures
    )


def _readme(job: ExportJob, line: list[str], verification: Verification) -> str:
    names = [artifact.card.name for artifact in job.artifacts]
    ask = {
        "model": names[0],
        "messages": [{"role": "user", "content": "When does the office open?"}],
        "temperature": 0,
    }
    return f"""# {", ".join(names)}, served by vLLM

```sh
{" ".join(line)}
```

or `./{SCRIPT}`, in this folder. Then ask one of them by its name ({", ".join(names)}):

```sh
curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\
  -d '{json.dumps(ask)}'
```

{", ".join(a.reference for a in job.artifacts)}: {verification.sentence}.
"""
