"""Whether a model folder is whole: every file its index names, whole safetensors, a tokenizer, a chat template, a licence.

Judged by the files alone; whether transformers opens them, `adapt.models.loading` finds out.
"""

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from adapt.errors import ModelError
from adapt.registry.licences import folder_licence
from adapt.registry.model_files import INDEX, indexed_files, read_object

SINGLE = "model.safetensors"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")


@dataclass(frozen=True)
class Checked:
    """What a model folder that is whole holds.

    Attributes:
        parameters: numbers in its weight files, a tied head that is stored twice counted twice.
        own_template: whether it has a chat template.
        own_code: whether its configuration names Python code of the repository, which is never run.
    """

    architecture: str
    parameters: int
    own_template: bool
    own_code: bool
    licence: str


def check_folder(name: str, folder: Path) -> Checked:
    """Return what a model folder holds.

    Raises:
        ModelError: something is missing or damaged; the text names it.
    """
    start = f"base '{name}'"
    config = _read(folder / "config.json", start)
    if not any((folder / file).is_file() for file in TOKENIZERS):
        raise ModelError(f"{start}: no tokenizer ({', '.join(TOKENIZERS[:3])}) is in {folder}")
    kind = config.get("model_type")
    return Checked(
        architecture=str(kind or ""),
        parameters=_count(folder, start),
        own_template=_has_template(folder, start),
        own_code="auto_map" in config,
        licence=folder_licence(folder),
    )


def weight_files(folder: Path, start: str) -> dict[str, set[str]]:
    """Return the weight files and the tensors that the index says are in each; none where there is no index.

    Raises:
        ModelError: there is no weight file, or the index names one that is not here.
    """
    if not (folder / INDEX).is_file():
        single = sorted(folder.glob("*.safetensors"))
        if not single:
            raise ModelError(
                f"{start}: no *.safetensors is in {folder}; other weight files can run code and are not read"
            )
        return {file.name: set() for file in single}
    try:
        return indexed_files(folder)
    except ModelError as error:
        raise ModelError(f"{start}: {error}") from error


def _count(folder: Path, start: str) -> int:
    """Return how many numbers the weight files hold; each header is read and compared with its file's length."""
    total = 0
    for file, tensors in weight_files(folder, start).items():
        try:
            with safe_open(folder / file, framework="numpy") as opened:
                there = set(opened.keys())
                for tensor in there:
                    count = 1
                    for size in opened.get_slice(tensor).get_shape():
                        count *= size
                    total += count
        except (SafetensorError, OSError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise ModelError(f"{start}: {file} is damaged or no safetensors ({reason})") from error
        if tensors - there:
            raise ModelError(
                f"{start}: {INDEX} says that {file} holds {min(tensors - there)}, and it does not"
            )
    return total


def _has_template(folder: Path, start: str) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(_read(path, start).get("chat_template"))


def _read(path: Path, start: str) -> dict[str, object]:
    if not path.exists():
        raise ModelError(f"{start}: {path.parent} has no {path.name}; is it a model folder?")
    try:
        return read_object(path)
    except ModelError as error:
        raise ModelError(f"{start}: {error}") from error
