"""A small Hub on this machine: what huggingface_hub asks when a folder is uploaded, answered over real HTTP from memory."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

LARGE = (".safetensors", ".gguf")


@dataclass
class Hub:
    """What the server holds: repositories by id, with their settings, and files."""

    url: str = ""
    token: str = "hf_test"  # noqa: S105
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    spoils: bool = False  # whether it keeps other bytes than it was sent


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(data), data)).hexdigest()  # noqa: S324  what git takes


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    hub: Hub

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(
        self, value: object, *, code: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refused(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {self.hub.token}":
            return False
        self._body()
        self._answer({"error": "Invalid username or password."}, code=401)
        return True

    def do_GET(self) -> None:
        if self._refused():
            return
        if "/tree/" in self.path:
            self._answer([self._described(name) for name in self.hub.files])
        else:
            self._answer({"id": "me/team", "sha": "0" * 40})

    def do_PUT(self) -> None:
        data = self._body()
        self.hub.large[hashlib.sha256(data).hexdigest()] = data
        self._answer({})

    def do_POST(self) -> None:
        if self._refused():
            return
        path = urlparse(self.path).path
        if path == "/api/repos/create":
            self._create(json.loads(self._body()))
        elif path == "/api/validate-yaml":
            self._body()
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            names = [file["path"] for file in json.loads(self._body())["files"]]
            self._answer({"files": [self._mode(name) for name in names]})
        elif path.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(self._body()))
        elif "/commit/" in path:
            self._commit(self._body())
        elif "/paths-info/" in path:
            self._paths(self._body())
        else:
            self._answer({"error": f"not known here: {path}"}, code=404)

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        known = name in self.hub.repositories
        private = asked.get("private", asked.get("visibility") == "private")  # from 2 on the latter
        self.hub.repositories.setdefault(name, {"private": private})
        self._answer({"url": f"{self.hub.url}/{name}"}, code=409 if known else 200)

    def _mode(self, name: str) -> dict[str, object]:
        mode = "lfs" if name.endswith(LARGE) else "regular"
        return {"path": name, "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {
                "oid": entry["oid"],
                "size": entry["size"],
                "actions": {"upload": {"href": f"{self.hub.url}/put/{entry['oid']}", "header": {}}},
            }
            for entry in asked["objects"]
        ]
        self._answer({"transfer": "basic", "objects": objects})

    def _commit(self, body: bytes) -> None:
        for line in body.splitlines():
            value = json.loads(line)["value"]
            match json.loads(line)["key"]:
                case "header":
                    self.hub.commits.append(value["summary"])
                case "file":
                    data = base64.b64decode(value["content"])
                    self.hub.files[value["path"]] = data + (b"!" if self.hub.spoils else b"")
                case "lfsFile":
                    self.hub.files[value["path"]] = self.hub.large[value["oid"]]
                case "deletedFile":
                    del self.hub.files[value["path"]]
        self._answer(
            {
                "success": True,
                "commitOid": "1" * 40,
                "commitUrl": f"{self.hub.url}/me/team/commit/1",
            }
        )

    def _paths(self, body: bytes) -> None:
        from urllib.parse import parse_qs

        text = body.decode()
        names = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text)["paths"]
        self._answer([self._described(name) for name in names if name in self.hub.files])

    def _described(self, name: str) -> dict[str, object]:
        data = self.hub.files[name]
        sha = hashlib.sha256(data).hexdigest()
        plain = {"type": "file", "path": name, "size": len(data), "oid": git_blob(data)}
        large = {"lfs": {"oid": sha, "size": len(data), "pointerSize": 134}}
        return plain | (large if name.endswith(LARGE) else {})


@contextmanager
def serve() -> Iterator[Hub]:
    """Yield a Hub that listens on this machine."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
