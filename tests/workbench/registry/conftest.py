"""Three kinds of registry, each a real peer where this machine has one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workbench.certificate.conftest import bundle, key, master
from tests.workbench.registry import oci_peer

__all__ = ["bundle", "key", "master"]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    peer = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    peer.start()
    host, port = peer.get_host_and_port()
    yield f"http://{host}:{port}"
    peer.stop()


@pytest.fixture(scope="session")
def oci_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("oras", reason="oras is not installed")
    program = shutil.which("docker-registry") or shutil.which("registry")
    if program is None:
        with oci_peer.running() as peer:
            yield f"127.0.0.1:{peer.server_address[1]}"
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("oci")
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    done = subprocess.Popen(
        [program, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        done.kill()
        done.wait()


@pytest.fixture
def s3_location(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    import s3fs

    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", s3_endpoint),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = "shelf-" + tmp_path.name.replace("_", "-").lower().strip("-")[-40:]
    s3fs.S3FileSystem().mkdir(name)
    return f"s3://{name}/team"


@pytest.fixture(params=["folder", "s3", "oci"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "shelf")
    if request.param == "s3":
        return str(request.getfixturevalue("s3_location"))
    host = request.getfixturevalue("oci_host")
    return f"oci://{host}/team/{tmp_path.name.lower().replace('_', '-').strip('-')}"
