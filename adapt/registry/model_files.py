"""Files of models and adapters that others made: plain files, of a sane size and shape, before a library opens them.

A library that is handed a named pipe waits for ever, and one that is handed a million brackets ends with a traceback.
"""

import contextlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from adapt.errors import ModelError

INDEX = "model.safetensors.index.json"
LARGEST_JSON = 256_000_000  # bytes; the largest tokenizer.json in use has 33 million
READ = (
    "*.json",
    "*.safetensors",
    "*.jinja",
    "*.model",
    "*.txt",
)  # what libraries open in a model's folder
UNREAD = ("tokenizer.json", "vocab.json")  # large, and read by a library that has limits of its own
# how configurations name their depth, over the families of transformers
LAYERS = (
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "depth",
    "encoder_layers",
    "decoder_layers",
)
MANY_LAYERS = 500  # more than any known model has; from here on the weights are asked


def check_plain(path: Path) -> None:
    """Find out whether a path leads to a file that ends.

    Raises:
        ModelError: it is missing, or a folder, a named pipe, a device or a socket.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(mode):
        raise ModelError(f"{path}: not a plain file; put the file itself there")


def read_object(path: Path) -> dict[str, object]:
    """Return the JSON object that a file holds.

    Raises:
        ModelError: the file is missing, not plain, over 256 MB, or holds no JSON object.
    """
    check_plain(path)
    try:
        value = _parse(path)
    except ValueError as error:
        raise ModelError(f"{path}: not readable JSON ({error})") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: not a JSON object")
    return cast("dict[str, object]", value)


def _parse(path: Path) -> object:
    """Return what the JSON of a file holds; a `ValueError` where it is none."""
    if path.stat().st_size > LARGEST_JSON:
        raise ModelError(f"{path}: over {LARGEST_JSON:,} bytes, which no such file needs")
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ModelError(f"{path}: nested too deeply to be read") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    return value


def check_model_folder(folder: Path) -> None:
    """Find out whether everything that a library would open in a model's folder can be opened.

    Raises:
        ModelError: a file is not plain, its JSON cannot be read, the index names a file elsewhere, or the configuration
            has more layers than there are weights.
    """
    for pattern in READ:
        for path in sorted(folder.glob(pattern)):
            check_plain(path)
            if path.suffix == ".json" and path.name not in UNREAD:
                with contextlib.suppress(ValueError):  # said by whoever needs the file
                    _parse(path)
    if (folder / INDEX).is_file():
        indexed_files(folder)
    _check_layers(folder)


def indexed_files(folder: Path) -> dict[str, set[str]]:
    """Return the weight files that a folder's index names, and the tensors that it says are in each.

    Raises:
        ModelError: it names none, one that lies elsewhere, or one that is missing.
    """
    index = folder / INDEX
    weight_map = read_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index}: has no weight_map; download the base again")
    named: dict[str, set[str]] = {}
    for tensor, file in weight_map.items():
        named.setdefault(str(file), set()).add(str(tensor))
    for file in sorted(named):
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise ModelError(f"{index}: names '{file}', which is no file of this folder")
        if not (folder / file).is_file():
            raise ModelError(
                f"{folder}: {file}, which its index names, is missing; download the base again"
            )
    return named


def _check_layers(folder: Path) -> None:
    """Refuse a configuration of more layers than the weights have tensors: building them would never end."""
    config = folder / "config.json"
    if not config.is_file():
        return
    layers = max(_numbers(read_object(config), LAYERS), default=0)
    if layers <= MANY_LAYERS:
        return
    tensors = sum(_count_tensors(file) for file in folder.glob("*.safetensors"))
    if layers > tensors:
        raise ModelError(
            f"{config}: says {layers:,} layers and the weights have room for {tensors:,} tensors; download the base again"
        )


def _numbers(value: object, names: tuple[str, ...]) -> Iterator[int]:
    """Yield the numbers under some names, in an object and in the objects within it."""
    if not isinstance(value, dict):
        return
    for name, entry in value.items():
        if name in names and isinstance(entry, int):
            yield entry
        yield from _numbers(entry, names)


def _count_tensors(file: Path) -> int:
    """Return how many tensors a safetensors file can name at most, by the length of its header."""
    with file.open("rb") as opened:
        header = min(int.from_bytes(opened.read(8), "little"), file.stat().st_size)
    return header // len('"a":{"dtype":"F16","shape":[],"data_offsets":[0,0]}')
