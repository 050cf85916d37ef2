"""A merged model written as a Hugging Face folder, tensor by tensor; never a whole model in memory.

Files, their order and their shards are the base's. Everything is on the disk when it returns.
Not here: what the weights are (`merge.write.tensor`) and how they are written (`merge.write.shards`); versions, cards and
evaluation (`merge.build`).
"""

import json
import shutil
from pathlib import Path

from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import FileRecord
from adapt.registry.model_files import INDEX
from adapt.workspace.folder import sync_file, sync_folder
from merge.weights.checkpoint import SINGLE, Checkpoint
from merge.weights.dtypes import CODES, FLOATS
from merge.weights.plan import MergePlan, OutputTensor
from merge.write.shards import write_weights
from merge.write.tensor import TensorMerger

# What makes a model folder complete beside weights and configuration, by name: a folder may hold other things too,
# among them code, pickles, training data and the card of another model.
COMPANIONS = (
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tekken.json",
    "normalizer.json",
    "*.model",
    "*.tiktoken",
    "chat_template.json",
    "chat_template.jinja",
    "additional_chat_templates/*.jinja",
    "preprocessor_config.json",
    "processor_config.json",
    "LICENSE*",
    "NOTICE*",
)


def write_model(
    plan: MergePlan, merger: TensorMerger, out: Path, *, progress: Progress = no_progress
) -> dict[str, FileRecord]:
    """Write a merged model into an empty folder, and return what its weight files hold, by name.

    Raises:
        ModelError: a weight came out as NaN or beyond the output dtype's range, or a source file was changed.
    """
    done = 0

    def tell(tensor: OutputTensor) -> None:
        nonlocal done
        done += tensor.record.bytes
        progress(ProgressEvent("merge", done, plan.bytes, tensor.record.name))

    names = _file_names(plan)
    files = [(out / name, file.tensors) for file, name in zip(plan.files, names, strict=True)]
    progress(ProgressEvent("merge", 0, plan.bytes))
    with merger.one_thread():
        records = write_weights(files, merger, done=tell)
    if len(names) > 1:
        weight_map = {
            tensor.record.name: name
            for file, name in zip(plan.files, names, strict=True)
            for tensor in file.tensors
        }
        index = {"metadata": {"total_size": plan.bytes}, "weight_map": weight_map}
        _write_json(out / INDEX, index)
    _write_json(out / "config.json", _config(merger.checkpoint, plan))
    copy_companions(merger.checkpoint.folder, out)
    sync_folder(out)
    progress(ProgressEvent("merge", done, plan.bytes, "written"))
    return records


def _file_names(plan: MergePlan) -> list[str]:
    """Return the base's file names; a single file gets the name that every loader looks for."""
    return [SINGLE] if len(plan.files) == 1 else [file.name for file in plan.files]


def _config(checkpoint: Checkpoint, plan: MergePlan) -> dict[str, object]:
    """Return the base's configuration with what the merge changed: the dtype, and head and embedding untied."""
    config = dict(checkpoint.config)
    if plan.unties:
        config["tie_word_embeddings"] = False
    tensors = [tensor for file in plan.files for tensor in file.tensors]
    casts = any(t.record.dtype != checkpoint.record(t.origin).dtype for t in tensors)
    written = {tensor.record.dtype for tensor in tensors if tensor.record.dtype in FLOATS}
    names = [name for name, code in CODES.items() if written == {code}]
    if casts and names:
        config["torch_dtype" if "torch_dtype" in config else "dtype"] = names[0]
    return config


def copy_companions(source: Path, out: Path) -> None:
    """Copy tokenizer, chat template, generation settings and licence of a model folder, bytes as they are."""
    for pattern in COMPANIONS:
        for file in sorted(source.glob(pattern)):
            target = out / file.relative_to(source)
            if not file.is_file() or target.exists():
                continue
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)
            with target.open("rb") as handle:
                sync_file(handle)


def _write_json(path: Path, value: object) -> None:
    with path.open("wb") as file:
        file.write(json.dumps(value, indent=2).encode() + b"\n")
        sync_file(file)
