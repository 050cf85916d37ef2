"""The small Hub on this machine, and how it gives: what a model holds, its files with ranges, all that can go wrong."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

from tests.merge.export.fake_hub import LARGE, Handler, Hub, git_blob

COMMIT = "a" * 40
NAME = "owner/tiny"


@dataclass
class DownloadHub(Hub):
    """One public model, and how it is given.

    Attributes:
        gated: whether its terms have to be accepted; only `token` may fetch then.
        pause: seconds before each 64 KiB of a large file.
        cuts: how many times a large file's connection ends after half of what was asked for.
        tampers: names of files that come with one byte changed.
        ignores_ranges: whether it sends a whole file where the rest was asked for.
        ranges: what was asked for of large files, "" for all of it.
    """

    name: str = NAME
    commit: str = COMMIT
    gated: bool = False
    licence: str = "apache-2.0"
    pause: float = 0.0
    cuts: int = 0
    tampers: set[str] = field(default_factory=set)
    ignores_ranges: bool = False
    ranges: list[str] = field(default_factory=list)
    sent: int = 0

    def hold(self, folder: Path) -> None:
        """Hold the files of a folder."""
        self.files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


class DownloadHandler(Handler):
    """Answers one request for a model."""

    hub: DownloadHub

    def do_HEAD(self) -> None:  # noqa: N802  http.server's name
        self._file(send=False)

    def do_GET(self) -> None:  # noqa: N802
        path = urlparse(self.path).path
        if not path.startswith("/api/"):
            self._file(send=True)
        elif not path.startswith(f"/api/models/{self.hub.name}"):
            self._fault(401, "RepoNotFound", "Invalid username or password.")
        elif "/tree/" in path:
            self._answer([self._described(name) for name in self.hub.files])
        else:
            siblings = [self._sibling(name) for name in self.hub.files]
            self._answer(
                {
                    "id": self.hub.name,
                    "modelId": self.hub.name,
                    "sha": self.hub.commit,
                    "gated": "manual" if self.hub.gated else False,
                    "cardData": {"license": self.hub.licence} if self.hub.licence else {},
                    "siblings": siblings,
                }
            )

    def _sibling(self, name: str) -> dict[str, object]:
        described = self._described(name)
        given: dict[str, object] = {
            "rfilename": name, "size": described["size"], "blobId": described["oid"],
        }  # fmt: skip
        if "lfs" in described:
            lfs = dict(described["lfs"])  # type: ignore[call-overload]
            given["lfs"] = {"sha256": lfs.pop("oid"), **lfs}
        return given

    def _fault(self, code: int, kind: str, message: str) -> None:
        self._answer(
            {"error": message},
            code=code,
            headers={"X-Error-Code": kind, "X-Error-Message": message},
        )

    def _file(self, *, send: bool) -> None:
        before, _, rest = urlparse(self.path).path.partition("/resolve/")
        name = unquote(rest.partition("/")[2])
        if before != f"/{self.hub.name}" or name not in self.hub.files:
            self._fault(404, "EntryNotFound", "Entry not found")
            return
        if self.hub.gated and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._fault(403, "GatedRepo", "Access to this model is restricted.")
            return
        data = self.hub.files[name]
        large = name.endswith(LARGE)
        start = self._start(len(data)) if send else 0
        if send and large:
            self.hub.ranges.append(self.headers.get("Range") or "")
        etag = hashlib.sha256(data).hexdigest() if large else git_blob(data)
        if name in self.hub.tampers:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", self.hub.commit)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Linked-Etag", f'"{etag}"')
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if send:
            self._send(data[start:], large=large)

    def _start(self, size: int) -> int:
        asked = self.headers.get("Range") or ""
        if self.hub.ignores_ranges or not asked.startswith("bytes="):
            return 0
        return min(int(asked.removeprefix("bytes=").partition("-")[0]), size)

    def _send(self, data: bytes, *, large: bool) -> None:
        cut = large and self.hub.cuts > 0 and len(data) > 1
        if cut:
            self.hub.cuts -= 1
            data = data[: len(data) // 2]
        try:
            for place in range(0, len(data), 65536):
                if large and self.hub.pause:
                    time.sleep(self.hub.pause)
                piece = data[place : place + 65536]
                self.wfile.write(piece)
                self.hub.sent += len(piece) if large else 0
        except (BrokenPipeError, ConnectionResetError):
            return  # who asked is gone
        if cut:
            self.close_connection = True
            self.connection.close()


@contextmanager
def serve() -> Iterator[DownloadHub]:
    """Yield a Hub that listens on this machine."""
    hub = DownloadHub()
    bound = type("Bound", (DownloadHandler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def index_of(files: dict[str, list[str]]) -> bytes:
    """Return the index of weight files by the tensors in each."""
    weight_map = {tensor: file for file, tensors in files.items() for tensor in tensors}
    return json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
