"""A registry of images on loopback, in memory: the part of the OCI distribution protocol that `wash` uses to push and pull."""

import re
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

_UPLOAD = re.compile(r"/v2/.+/blobs/uploads/(\d*)")
_STORED = re.compile(r"/v2/(.+)/(blobs|manifests)/([^/]+)")


class Registry:
    """Serves from its start until `stop`. `address` is its host and port."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # (kind, tag or digest) to media type and content. A manifest has both a tag and a digest.
        self.stored: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: list[bytearray] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.path == "/v2/":
            return self._respond(200)
        kind, reference = self._reference()
        media_type, content = self.server.stored.get((kind, reference), ("", None))
        if content is None:
            return self._respond(404)
        headers = {"content-type": media_type, "docker-content-digest": _digest(content)}
        self._respond(200, headers, content)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.server.uploads.append(bytearray())
        self._respond(202, {"location": f"{urlsplit(self.path).path.rstrip('/')}/{len(self.server.uploads) - 1}"})

    def do_PATCH(self) -> None:
        upload = self._upload()
        upload += self._body()
        self._respond(202, {"location": self.path, "range": f"0-{len(upload) - 1}"})

    def do_PUT(self) -> None:
        if _UPLOAD.fullmatch(urlsplit(self.path).path):
            content = bytes(self._upload() + self._body())
            kind, references = "blobs", parse_qs(urlsplit(self.path).query)["digest"]
        else:
            content = self._body()
            kind, tag = self._reference()
            references = [tag, _digest(content)]
        if kind == "blobs" and references != [_digest(content)]:
            return self._respond(400)
        for reference in references:
            self.server.stored[kind, reference] = self.headers.get("content-type", "application/octet-stream"), content
        self._respond(201, {"location": self.path, "docker-content-digest": _digest(content)})

    def _upload(self) -> bytearray:
        match = _UPLOAD.fullmatch(urlsplit(self.path).path)
        assert match, self.path
        return self.server.uploads[int(match[1])]

    def _reference(self) -> tuple[str, str]:
        """A digest names the same content in every repository; a tag belongs to one."""
        match = _STORED.fullmatch(self.path)
        assert match, self.path
        repository, kind, reference = match.groups()
        return kind, reference if ":" in reference else f"{repository}:{reference}"

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _respond(self, status: int, headers: dict[str, str] = {}, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: the log of the example is that of its hosts."""


def _digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"
