"""mergekit in a process of its own: started, listened to, ended, and its errors turned into sentences.

What is done in there stands in `merge.mergekit.worker`; this side imports neither mergekit nor torch.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from adapt.errors import AdaptError, ModelError, RecipeError, WorkspaceError
from adapt.protocols import Progress
from adapt.records import ProgressEvent

ROOT = Path(__file__).parents[2]
WORKER = "merge.mergekit.worker"
# tqdm's lines, between marks that no log has: they are found wherever they fall
BAR = "\x1e{desc}\x1f{n}\x1f{total}\x1e"
BAR_FOUND = re.compile(rb"\r?\x1e([^\x1e\x1f]*)\x1f(\d+)\x1f(\d+)\x1e")
SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
TAIL = 20_000  # bytes of the log in which the error is looked for
RESULT = TypeAdapter(dict[str, JsonValue])

OURS = "{0}"  # a sentence that the worker itself wrote
# what mergekit, transformers and the system say, and what it means to whoever wrote the recipe
KNOWN: tuple[tuple[str, type[AdaptError], str], ...] = (
    (r"adapt\.errors\.ModelError: (.+)", ModelError, OURS),
    (
        r"No space left on device",
        WorkspaceError,
        "the disk is full; free some space and run the same command again",
    ),
    (
        r"MemoryError|can't allocate memory|Cannot allocate memory",
        ModelError,
        "the memory is not enough for this merge; close other programs, or merge smaller models",
    ),
    (
        r"Tensor (\S+) required but not present in model (.+)",
        ModelError,
        "'{1}' lacks the tensor {0}, which its architecture has; download or save it again",
    ),
    (
        r"Token (.+) not found in model (.+)",
        RecipeError,
        "tokenizer: the token {0} is not in the vocabulary of '{1}'; take its embedding from another model",
    ),
    (
        r"Token ID (\d+) out of range for model (.+)",
        RecipeError,
        "tokenizer: '{1}' has no token number {0}",
    ),
    (
        r"Tokenizer for (.+) has type (\w+), but only BPE",
        ModelError,
        "the tokenizer of '{0}' is {1} and has more tokens than the model has rows; mergekit cuts only BPE ones",
    ),
    (
        r"Model (.+) has unused tokens and does not support fast",
        ModelError,
        "'{0}' has only a slow tokenizer with more tokens than rows; save it as tokenizer.json",
    ),
    (
        r"build\.py.*\n(?:.*\n){0,40}?KeyError: (\d+)|embed\.py.*\n(?:.*\n){0,40}?KeyError: (\d+)",
        ModelError,
        "a tokenizer has more tokens than its model has rows; resize the model's embedding to its tokenizer",
    ),
    (
        r"Non-vocabulary dimensions must match for (\S+)",
        ModelError,
        "{0} has different widths in these models; only models of one size can be merged",
    ),
    (
        r"--allow-crimes",
        ModelError,
        "the models are of different architectures; only models of one architecture can be merged",
    ),
    (
        r"contains custom code|requires you to execute",
        ModelError,
        "a model needs code of its own from the hub, which is not run here; use a model that transformers knows",
    ),
    (
        r"The size of tensor a|must match the size of tensor|shape mismatch|inconsistent shapes",
        ModelError,
        "tensors of different shapes meet in this merge; only models of one size can be merged",
    ),
    (
        r"ModuleNotFoundError: No module named '([\w.]+)'",
        ModelError,
        "mergekit needs the package {0}, which is not installed; pip install 'mergekit>=0.1.5,<0.2'",
    ),
)


class WorkerJob(BaseModel):
    """What the worker is to do; all models are folders of this machine.

    Attributes:
        config: mergekit's own configuration, or that of an extraction.
        donor: whose configuration the output has.
        companions: whose generation settings belong to the output's tokenizer.
        folders: all models in the recipe's order.
        layers: for each layer of the output, the donor's layer that it is like; empty where they are the donor's own.
        takes_special_tokens: whether the numbers of the special tokens are the built tokenizer's.
    """

    model_config = ConfigDict(frozen=True)
    kind: Literal["merge", "mixture", "extraction"]
    config: dict[str, JsonValue]
    out: str
    seed: int
    donor: str
    companions: str
    folders: list[str]
    layers: list[int] = []
    takes_special_tokens: bool = False


def run_worker(
    job: WorkerJob, *, log: Path, names: Mapping[str, str], progress: Progress
) -> dict[str, JsonValue]:
    """Run mergekit to its end and return what the worker found; whatever ends this call ends the worker.

    Args:
        log: takes what the worker says; it is removed when all went well.
        names: for each folder, how the recipe calls it, so that errors are reported in the recipe's words.

    Raises:
        AdaptError: mergekit failed; one sentence, with the log's place where the cause is not known.
    """
    process = _start()
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise TypeError("a pipe was asked for")
    try:
        with log.open("wb") as written:
            process.stdin.write(job.model_dump_json().encode() + b"\n")
            process.stdin.flush()
            for event in _events(process.stderr, written):
                progress(event)
        output = process.stdout.read()
        code = process.wait()
    except BrokenPipeError:  # it ended before it had read its job
        code, output = process.wait(), b""
    finally:
        _end(process)
    if code or not output:
        raise explain_failure(_tail(log), code, log=log, names=names)
    log.unlink()
    return RESULT.validate_json(output.splitlines()[-1])


def _start() -> subprocess.Popen[bytes]:
    """Start the worker in a session of its own: Ctrl-C reaches us, and we end it."""
    environment = {k: v for k, v in os.environ.items() if k not in (*SECRETS, "TQDM_DISABLE")}
    environment |= {
        "HF_HUB_OFFLINE": "1",  # every model is here already
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
        "TQDM_BAR_FORMAT": BAR,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
    }
    return subprocess.Popen(  # noqa: S603  the command is ours
        [sys.executable, "-P", "-m", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


def _events(stderr: IO[bytes], log: IO[bytes]) -> Iterator[ProgressEvent]:
    """Yield the progress among what the worker says until it has ended; the rest goes to the log."""
    pending = b""
    while piece := os.read(stderr.fileno(), 1 << 16):
        pending += piece
        for bar in BAR_FOUND.finditer(pending):
            what = bar[1].decode("utf-8", "replace").rstrip(": ")
            yield ProgressEvent("mergekit", int(bar[2]), int(bar[3]), what)
        pending = BAR_FOUND.sub(b"", pending)
        whole, mark, begun = pending.rpartition(b"\x1e")  # a bar may have come in half
        ready = pending if not mark else whole
        pending = b"" if not mark else mark + begun
        log.write(ready)
        log.flush()
    log.write(pending)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the worker and what it has started, if it still runs, and take back the pipes."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            pipe.close()


def _tail(log: Path) -> str:
    data = log.read_bytes()
    return data[-TAIL:].decode("utf-8", "replace")


def explain_failure(text: str, code: int, *, log: Path, names: Mapping[str, str]) -> AdaptError:
    """Return the error that a failed worker means: a known one as our own sentence, else its last line."""
    for folder in sorted(names, key=len, reverse=True):  # one folder's path may begin another's
        text = text.replace(folder, names[folder])
    for pattern, kind, sentence in KNOWN:
        match = re.search(pattern, text)
        if match:
            return kind(
                f"mergekit: {sentence.format(*match.groups())}" if sentence != "{0}" else match[1]
            )
    if code == -signal.SIGKILL:
        return ModelError(
            "mergekit was ended by the system, probably for lack of memory; close other programs, or merge smaller models"
        )
    return ModelError(f"mergekit failed ({_cause(text, code)}); its whole output is in {log}")


def _cause(text: str, code: int) -> str:
    """Return the line that says most: the exception, else the first error that was logged, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and re.match(r"[\w.]*(Error|Exception|Interrupt)\b", lines[-1]):
        return lines[-1]
    logged = [line.split(":", 2)[2] for line in lines if line.startswith("ERROR:")]
    return next(iter([*logged, *lines[-1:]]), f"exit code {code}")
