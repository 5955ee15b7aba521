"""A registry in an OCI registry, through ORAS: ``oci://host[:port]/repository``.

A bundle is an artifact of two layers, the archive and the entry, under the tag that is the
certificate's identity. Log in with ``docker login`` or ``oras login``; their files are read. On
this machine (localhost, 127.0.0.1) plain HTTP is spoken, elsewhere TLS only.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import oras.auth
import oras.client
import requests
from oras.logger import setup_logger

from workbench.errors import InputError, RegistryError
from workbench.registry.entry import ENTRY_LIMIT
from workbench.registry.shelf import ARCHIVE, ENTRY, IDENTITY

__all__ = ["OciShelf"]

_MEDIA = {ARCHIVE: "application/zip", ENTRY: "application/json"}
_TITLE = "org.opencontainers.image.title"
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_PING_SECONDS = 10.0
_ABSENT = (404, 400)
_MANIFESTS = "application/vnd.oci.image.manifest.v1+json"


class OciShelf:
    """Artifacts in one repository, a tag a certificate."""

    def __init__(self, location: str) -> None:
        self.location = location.rstrip("/")
        host, _, self._repository = self.location.removeprefix("oci://").partition("/")
        if not host or not self._repository or ":" in self._repository:
            raise InputError(
                f"{location} is no OCI location.", "Write oci://HOST[:PORT]/REPOSITORY."
            )
        name = host.rpartition(":")[0] or host
        self._host = host
        self._client = oras.client.OrasClient(hostname=host, insecure=name in _LOCAL)
        setup_logger(quiet=True)
        self._ping()

    def identities(self) -> list[str]:
        """Return the tags that are identities."""
        container = self._container()
        url = f"{self._client.prefix}://{container.tags_url()}"
        with self._reaching():
            first = self._client.do_request(url, "GET", headers={})
            if first.status_code in _ABSENT:
                return []
            tags = self._client.get_tags(container)
        return sorted(tag for tag in tags if IDENTITY.fullmatch(tag))

    def entry(self, identity: str) -> bytes | None:
        """Read the entry's layer."""
        layers = self._layers(identity)
        if layers is None:
            return None
        with tempfile.TemporaryDirectory(prefix="workbench-oci-") as folder:
            path = Path(folder) / ENTRY
            self._blob(identity, layers, ENTRY, path, ENTRY_LIMIT + 1)
            return path.read_bytes()

    def fetch(self, identity: str, target: Path, limit: int) -> None:
        """Read the archive's layer."""
        layers = self._layers(identity)
        if layers is None:
            raise RegistryError(f"{self.location} no longer has {identity[:16]}.")
        self._blob(identity, layers, ARCHIVE, target, limit)

    def put(self, identity: str, archive: Path, entry: bytes) -> None:
        """Push both layers, then the manifest that names them; ``archive`` has its title's name."""
        with tempfile.TemporaryDirectory(prefix="workbench-oci-") as folder, self._reaching():
            written = Path(folder) / ENTRY
            written.write_bytes(entry)
            self._client.push(
                target=f"{self._host}/{self._repository}:{identity}",
                files=[f"{path}:{_MEDIA[path.name]}" for path in (archive, written)],
                disable_path_validation=True,
                manifest_annotations={"org.opencontainers.image.ref.name": identity},
                quiet=True,
            )

    def _container(self, tag: str | None = None) -> Any:
        container = self._client.get_container(
            f"{self._host}/{self._repository}" + (f":{tag}" if tag else "")
        )
        self._client.auth.load_configs(container)
        return container

    def _layers(self, identity: str) -> dict[str, str] | None:
        """Return the digests of the layers by title, or None when there is no such tag."""
        container = self._container(identity)
        url = f"{self._client.prefix}://{container.manifest_url()}"
        with self._reaching():
            answer = self._client.do_request(url, "GET", headers={"Accept": _MANIFESTS})
            if answer.status_code in _ABSENT:
                return None
            answer.raise_for_status()
            manifest = answer.json()
        layers = manifest.get("layers") if isinstance(manifest, dict) else None
        found: dict[str, str] = {}
        for layer in layers if isinstance(layers, list) else ():
            if isinstance(layer, dict) and isinstance(layer.get("annotations"), dict):
                found[str(layer["annotations"].get(_TITLE))] = str(layer.get("digest"))
        return found

    def _blob(
        self, identity: str, layers: dict[str, str], name: str, target: Path, limit: int
    ) -> None:
        digest = layers.get(name, "")
        if not IDENTITY.fullmatch(digest.removeprefix("sha256:")):
            raise RegistryError(f"{self.location} has no {name} under {identity[:16]}.")
        running = hashlib.sha256()
        left = limit
        with self._reaching():
            answer = self._client.get_blob(self._container(identity), digest, stream=True)
            with answer, target.open("xb") as sink:
                answer.raise_for_status()
                for chunk in answer.iter_content(1 << 20):
                    sink.write(chunk[:left])
                    running.update(chunk)
                    left -= len(chunk)
                    if left <= 0:
                        break
        if left > 0 and running.hexdigest() != digest.removeprefix("sha256:"):
            raise RegistryError(f"{self.location} sent other bytes than {digest} for {name}.")

    def _ping(self) -> None:
        """Ask once whether anybody is there: the client itself would try for minutes."""
        with self._reaching():
            requests.get(f"{self._client.prefix}://{self._host}/v2/", timeout=_PING_SECONDS).close()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (
            OSError,  # requests' own errors are OSErrors
            ValueError,  # what the client says of any other status
            jsonschema.ValidationError,
            oras.auth.AuthenticationException,
        ) as error:
            raise RegistryError(
                f"The registry {self.location} cannot be used: {error}",
                "Check its address, your login and the network.",
            ) from None
