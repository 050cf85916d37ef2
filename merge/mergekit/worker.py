"""The process in which mergekit runs: `python -m merge.mergekit.worker`, its job as one line of JSON on stdin.

All models of the job are local folders. It writes the result, opens it again, and reports what it found as one line of JSON
on stdout; progress (tqdm's) and everything else goes to stderr. It ends when stdin does, so it never outlives its parent.
"""

import json
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

# neither has a part in this: one would be fetched from the hub, the other takes two seconds to load
sys.modules.setdefault("kernels", None)  # type: ignore[arg-type]  # what importlib takes for "there is none"
sys.modules.setdefault("bitsandbytes", None)  # type: ignore[arg-type]

import transformers  # noqa: E402  what must not be loaded comes first
from mergekit.architecture import get_architecture_info  # noqa: E402
from mergekit.common import ModelReference  # noqa: E402
from mergekit.config import MergeConfiguration  # noqa: E402
from mergekit.graph import Executor  # noqa: E402
from mergekit.io.tasks import LoaderCache  # noqa: E402
from mergekit.merge import _model_out_config, _set_chat_template, _update_config_vocab  # noqa: E402
from mergekit.moe.config import MoEMergeConfig  # noqa: E402
from mergekit.options import MergeOptions  # noqa: E402
from mergekit.plan import MergePlanner  # noqa: E402
from mergekit.scripts.moe import build  # noqa: E402
from mergekit.tokenizer import TokenizerInfo  # noqa: E402
from pydantic import JsonValue  # noqa: E402

from merge.mergekit.extract_lora import extract  # noqa: E402
from merge.mergekit.open_result import try_adapter, try_model  # noqa: E402
from merge.mergekit.process import WorkerJob  # noqa: E402
from merge.write.model import copy_companions  # noqa: E402

# mergekit holds a shard in memory until it is written
SHARD_BYTES = 1_000_000_000
LOGGER = logging.getLogger(__name__)


class OrderedConfiguration(MergeConfiguration):  # type: ignore[misc]  # mergekit has no types
    """mergekit's configuration with its models in the recipe's order.

    mergekit takes configuration and tokenizer, where no base is named, from the first of a set: from any of them.
    """

    folders: list[str]

    def referenced_models(self) -> list[ModelReference]:
        """Return all models, in order."""
        models = super().referenced_models()
        return sorted(models, key=lambda model: self.folders.index(model.model.path))


def options() -> MergeOptions:
    """Return mergekit's options: safetensors only, no code of models, no cache of its own, shards of 1 GB."""
    return MergeOptions(
        trust_remote_code=False,
        safe_serialization=True,
        clone_tensors=True,  # a layer that occurs twice is two tensors
        copy_tokenizer=False,
        write_model_card=False,
        out_shard_size=SHARD_BYTES,
        device="cpu",
    )


def merge(job: WorkerJob) -> dict[str, JsonValue]:
    """Merge full models, as mergekit's `run_merge` does, with its two lacks made up for.

    Where the number of layers changes, the configuration's lists that have an entry per layer (`layer_types`) change with
    it; mergekit 0.1.5 stops there after all of its work. And where another model's tokenizer is taken, so are the numbers
    of its special tokens.
    """
    config = OrderedConfiguration.model_validate({**job.config, "folders": job.folders})
    opts = options()
    architecture = get_architecture_info(config, opts)
    LoaderCache().setup(options=opts)
    written = _model_out_config(config, architecture)
    for key, value in per_layer(written.to_dict(), job.layers).items():
        setattr(written, key, value)
    planner = MergePlanner(config, architecture, options=opts, out_model_config=written)
    executor = Executor(planner.plan_to_disk(out_path=job.out), math_device=opts.device)
    tokenizer = None
    for _, value in executor.run():
        if isinstance(value, TokenizerInfo):
            tokenizer = value.tokenizer
    if tokenizer is not None:
        padding = config.tokenizer.pad_to_multiple_of if config.tokenizer else None
        _update_config_vocab(written, architecture, tokenizer, pad_to_multiple_of=padding)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            number = getattr(tokenizer, name)
            if number is not None and job.takes_special_tokens:
                setattr(written, name, number)
    written.save_pretrained(job.out)
    _save_tokenizer(job, config, tokenizer)
    for name in architecture.tagalong_files or []:
        file = Path(job.donor) / name
        if file.is_file():
            shutil.copy(file, Path(job.out) / name)
    return try_model(Path(job.out))


def per_layer(config: dict[str, object], layers: list[int]) -> dict[str, list[object]]:
    """Return those lists of a configuration that have an entry per layer, with the entries of the output's layers.

    Args:
        layers: for each layer of the output, which layer of the donor its kind is taken from; empty where all stay.
    """
    lists = {k: v for k, v in config.items() if "layer" in k and isinstance(v, list)}
    return {k: [v[i] for i in layers] for k, v in lists.items() if layers and len(v) > max(layers)}


def _save_tokenizer(
    job: WorkerJob,
    config: MergeConfiguration,
    tokenizer: transformers.PreTrainedTokenizerBase | None,
) -> None:
    """Save the tokenizer that was built; else copy the donor's, which with `chat_template` is saved again."""
    out = Path(job.out)
    if tokenizer is None and config.chat_template:
        tokenizer = transformers.AutoTokenizer.from_pretrained(job.donor)
    if tokenizer is None:
        copy_companions(Path(job.donor), out)
        return
    _set_chat_template(tokenizer, config)
    tokenizer.save_pretrained(out)
    for name in ("generation_config.json", "LICENSE", "NOTICE"):
        file = Path(job.companions) / name
        if file.is_file():
            shutil.copy(file, out / name)


def mix(job: WorkerJob) -> dict[str, JsonValue]:
    """Make a mixture of experts."""
    config = MoEMergeConfig.model_validate(job.config)
    build(config, job.out, options(), device="cpu")
    copy_companions(Path(job.donor), Path(job.out))  # mergekit would change the padding token
    return try_model(Path(job.out))


def take_out(job: WorkerJob) -> dict[str, JsonValue]:
    """Extract an adapter."""
    result = extract(job.config, Path(job.out), options())
    return result | try_adapter(Path(job.out), Path(job.donor))


WORK: dict[str, Callable[[WorkerJob], dict[str, JsonValue]]] = {
    "merge": merge,
    "mixture": mix,
    "extraction": take_out,
}


def _end_with_parent() -> None:
    """Wait until stdin ends, which it does when the parent has gone, however it went."""
    while os.read(
        sys.stdin.fileno(), 1
    ):  # unbuffered: a held buffer cannot be closed when all is done
        pass
    os._exit(130)


def main() -> None:
    """Do one job; an exception ends the process with its traceback, which the parent turns into a sentence."""
    channel, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no result
    job = WorkerJob.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.INFO)
    transformers.set_seed(job.seed)
    result = WORK[job.kind](job)
    channel.write(json.dumps(result) + "\n")
    channel.flush()


if __name__ == "__main__":
    main()
