"""The few requests of the OCI distribution specification that pushing and pulling takes.

A peer for machines without a registry: written from the specification, it keeps blobs by digest and
refuses what does not have it. Where ``docker-registry`` or ``registry`` is on the PATH, the tests
run against that instead.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Peer(ThreadingHTTPServer):
    """The server with what it stores: blobs by digest, manifests by repository and tag."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Peer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _parts(self) -> tuple[str, str, str]:
        found = re.fullmatch(r"/v2/(.+)/(blobs|manifests|tags)/(.*)", urlsplit(self.path).path)
        return (found[1], found[2], found[3]) if found else ("", "", "")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self) -> None:
        """Give a blob, a manifest or the tags."""
        name, kind, rest = self._parts()
        if urlsplit(self.path).path == "/v2/":
            self._answer(200, b"{}")
        elif kind == "blobs" and rest in self.server.blobs:
            self._answer(200, self.server.blobs[rest])
        elif kind == "manifests" and (name, rest) in self.server.manifests:
            media = "application/vnd.oci.image.manifest.v1+json"
            self._answer(200, self.server.manifests[name, rest], Content_Type=media)
        elif kind == "tags" and (tags := [t for n, t in self.server.manifests if n == name]):
            self._answer(200, json.dumps({"name": name, "tags": sorted(tags)}).encode())
        else:
            self._answer(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}')

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """Begin an upload."""
        self._body()
        self._answer(202, Location=f"/v2/{self._parts()[0]}/blobs/uploads/1?_state=x")

    def do_PUT(self) -> None:
        """End an upload, or take a manifest."""
        name, kind, rest = self._parts()
        data = self._body()
        if kind == "manifests":
            self.server.manifests[name, rest] = data
            self._answer(201)
            return
        digest = parse_qs(urlsplit(self.path).query)["digest"][0]
        if digest != "sha256:" + hashlib.sha256(data).hexdigest():
            self._answer(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
            return
        self.server.blobs[digest] = data
        self._answer(201, Location=f"/v2/{name}/blobs/{digest}")


@contextmanager
def running() -> Iterator[Peer]:
    """Serve on a free port of this machine."""
    peer = Peer()
    thread = threading.Thread(target=peer.serve_forever, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        peer.shutdown()
        peer.server_close()
        thread.join()
