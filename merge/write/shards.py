"""Weight files written by several threads at once: each tensor at its place, hashed and made durable as they grow.

One thread hashes what is finished, in the order of the file, and one keeps the disk busy, so that neither waits for the
last byte. Memory is that of the blocks being computed. Bytes do not depend on the number of threads.
Not here: what the weights are (`merge.write.tensor`), and which files there are (`merge.write.model`).
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapt.registry.artifacts import FileRecord
from merge.weights.plan import OutputTensor
from merge.weights.safetensors_file import header_bytes
from merge.write.tensor import TensorMerger

MOST_THREADS = 8
CHUNK = 1 << 20
SYNC_SECONDS = 0.05

Done = Callable[[OutputTensor], None]


class StoppedError(Exception):
    """Another thread failed, so this one need not go on."""


@dataclass(frozen=True)
class WeightFile:
    """A file being written: its descriptor, and at which byte each tensor starts."""

    name: str
    descriptor: int
    header: bytes
    tensors: Sequence[OutputTensor]
    starts: Sequence[int]


def write_weights(
    files: Sequence[tuple[Path, Sequence[OutputTensor]]], merger: TensorMerger, *, done: Done
) -> dict[str, FileRecord]:
    """Write safetensors files and return what they hold by name; all is on the disk when it returns.

    Args:
        files: path and tensors of each.
        done: called in this thread after each tensor, in order; what it raises stops the writing.

    Raises:
        ModelError: a weight came out as NaN or beyond the output dtype's range, or a source file was changed.
    """
    stop = threading.Event()
    with ExitStack() as stack:
        opened = [stack.enter_context(_opened(path, tensors)) for path, tensors in files]
        threads = merger.threads(min(MOST_THREADS, os.cpu_count() or 1))
        pool = stack.enter_context(ThreadPoolExecutor(threads, "merge"))
        side = stack.enter_context(ThreadPoolExecutor(2, "merge-files"))
        # before the pools are left, which wait for their threads
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        stack.callback(stop.set)
        written = [
            [
                pool.submit(_write, file, start, merger.pieces(tensor), stop)
                for tensor, start in zip(file.tensors, file.starts, strict=True)
            ]
            for file in opened
        ]
        hashed = side.submit(_hash_all, opened, written, stop)
        synced = side.submit(_sync_all, opened, stop)
        for file, futures in zip(opened, written, strict=True):
            for tensor, future in zip(file.tensors, futures, strict=True):
                future.result()
                done(tensor)
        records = hashed.result()
        stop.set()
        synced.result()  # an error of the disk is reported once, to whoever asks first
        for file in opened:
            os.fsync(file.descriptor)
        return records


@contextmanager
def _opened(path: Path, tensors: Sequence[OutputTensor]) -> Iterator[WeightFile]:
    header = header_bytes([tensor.record for tensor in tensors])
    starts, at = [], len(header)
    for tensor in tensors:
        starts.append(at)
        at += tensor.record.bytes
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        _put(descriptor, header, 0)
        yield WeightFile(path.name, descriptor, header, tensors, starts)
    finally:
        os.close(descriptor)


def _write(
    file: WeightFile, start: int, pieces: Iterator[bytes | memoryview], stop: threading.Event
) -> None:
    while not stop.is_set():
        piece = next(pieces, None)
        if piece is None:
            return
        _put(file.descriptor, piece, start)
        start += len(piece)
    raise StoppedError


def _put(descriptor: int, data: bytes | memoryview, start: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, start)
        view, start = view[count:], start + count


def _hash_all(
    files: Sequence[WeightFile], written: Sequence[Sequence[Future[None]]], stop: threading.Event
) -> dict[str, FileRecord]:
    """Return the hash of each file, following the writers."""
    buffer = bytearray(CHUNK)
    records = {}
    for file, futures in zip(files, written, strict=True):
        digest = hashlib.sha256(file.header)
        end = len(file.header)
        for tensor, future in zip(file.tensors, futures, strict=True):
            future.result()
            left = tensor.record.bytes
            while left:
                if stop.is_set():
                    raise StoppedError
                view = memoryview(buffer)[:left]
                count = os.preadv(file.descriptor, [view], end)
                digest.update(view[:count])
                end, left = end + count, left - count
        records[file.name] = FileRecord(sha256=digest.hexdigest(), bytes=end)
    return records


def _sync_all(files: Sequence[WeightFile], stop: threading.Event) -> None:
    """Push what is written to the disk, again and again, so that little is left at the end."""
    while not stop.wait(SYNC_SECONDS):
        for file in files:
            os.fdatasync(file.descriptor)
