"""How a reader process and its parent communicate: frames of a four-byte length and as many bytes, each JSON or plain text.

No pickle: what comes from the process that has read a hostile file is data, and its length is known before it is taken.
"""

import json
import struct
from typing import IO, Any

LENGTH = struct.Struct(">I")
MOST_MESSAGE = 1_000_000  # bytes of one JSON frame
SMALL = 1_000_000  # bytes of text that the parent takes at once; for more it is asked first


class FrameError(Exception):
    """The other side has sent what no side sends."""


def send(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write a message at once, as JSON in ASCII: names that are no valid UTF-8 come through it unharmed."""
    put(stream, message)
    stream.flush()


def put(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write a message that need not leave before the next."""
    put_bytes(stream, json.dumps(message).encode("ascii"))


def put_bytes(stream: IO[bytes], data: bytes) -> None:
    """Write a frame that need not leave before the next."""
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)


def receive(stream: IO[bytes]) -> dict[str, Any]:
    """Return the next message.

    Raises:
        EOFError: the other side is gone.
        FrameError: the frame is too long, or no message.
    """
    data = receive_bytes(stream, most=MOST_MESSAGE)
    try:
        message = json.loads(data)
    except ValueError as error:
        raise FrameError("not JSON") from error
    if not isinstance(message, dict):
        raise FrameError("not an object")
    return message


def receive_bytes(stream: IO[bytes], *, most: int) -> bytes:
    """Return the next frame, of at most `most` bytes; see `receive` for what it raises."""
    (length,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    if length > most:
        raise FrameError(f"a frame of {length} bytes, the most is {most}")
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data
