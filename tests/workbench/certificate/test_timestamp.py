"""Time stamps by a local authority made with OpenSSL: true ones hold, the others are refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from tests.workbench.certificate.sample import payload_of as statement_of
from tests.workbench.certificate.sample import round_evidence, sign
from workbench.certificate import CertificateError, SigningKey, issue, verify
from workbench.certificate.bundle import open_bundle
from workbench.certificate.timestamp import (
    ask_authority,
    load_roots,
    payload_of,
    query,
    store_stamp,
)

pytest.importorskip("rfc3161_client", reason="rfc3161-client is not installed")
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")

CONFIG = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[stamping]
basicConstraints = CA:FALSE
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = here
[here]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Authority:
    """A root and a stamping certificate in a folder; answers queries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "o.cnf").write_text(CONFIG)
        (folder / "serial").write_text("01\n")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self._run("req", "-x509", *key, "-config", "o.cnf", "-extensions", "ca",
                  "-subj", "/CN=root", "-days", "30",
                  "-keyout", "ca.key", "-out", "root.pem")  # fmt: skip
        self._run("req", "-new", *key, "-config", "o.cnf", "-subj", "/CN=tsa", "-keyout", "tsa.key",
                  "-out", "tsa.csr")  # fmt: skip
        self._run("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "ca.key",
                  "-CAcreateserial", "-days", "20", "-extfile", "o.cnf", "-extensions", "stamping",
                  "-out", "tsa.pem")  # fmt: skip

    def answer(self, request: bytes) -> bytes:
        (self.folder / "q.tsq").write_bytes(request)
        self._run("ts", "-reply", "-config", "o.cnf", "-queryfile", "q.tsq", "-signer", "tsa.pem",
                  "-inkey", "tsa.key", "-out", "a.tsr")  # fmt: skip
        return (self.folder / "a.tsr").read_bytes()

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "a")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "b")


def stamped(bundle: Path, authority: Authority) -> str:
    opened = open_bundle(bundle)
    return store_stamp(opened, authority.answer(query(payload_of(opened))))


def refusal(bundle: Path, key: SigningKey, root: Path) -> str | None:
    report = verify(bundle, [key.public], authorities=load_roots(root))
    assert {check.id for check in report.failed} <= {"timestamp", "pages"}
    return report.failed[0].detail if report.failed else None


def test_a_stamp_of_a_named_authority_holds_and_is_dated(
    bundle: Path, key: SigningKey, authority: Authority
) -> None:
    name = stamped(bundle, authority)
    report = verify(bundle, [key.public], authorities=load_roots(authority.root))
    assert report.exit_code == 0
    detail = next(check.detail for check in report.checks if check.id == "timestamp")
    assert detail.startswith(f"{name} of 20")
    # Without an authority named there is nothing to ask, and the file is shown as unsigned.
    plain = verify(bundle, [key.public])
    assert plain.exit_code == 0
    assert "timestamp" not in {check.id for check in plain.checks}
    assert plain.unsigned_files == (name,)


def test_openssl_verifies_the_same_stamp(
    bundle: Path, authority: Authority, tmp_path: Path
) -> None:
    name = stamped(bundle, authority)
    (tmp_path / "payload").write_bytes(payload_of(open_bundle(bundle)))
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-data", tmp_path / "payload", "-in", bundle / name,
         "-CAfile", authority.root],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout + done.stderr


def test_no_stamp_a_stranger_s_and_a_damaged_one_are_refused(
    bundle: Path, key: SigningKey, authority: Authority, stranger: Authority
) -> None:
    assert "no time stamp in the bundle" in str(refusal(bundle, key, authority.root))
    name = stamped(bundle, stranger)
    assert "no time stamp leads to a named" in str(refusal(bundle, key, authority.root))
    second = stamped(bundle, authority)
    assert refusal(bundle, key, authority.root) is None
    good = (bundle / second).read_bytes()
    (bundle / name).unlink()
    for place in range(30, len(good), len(good) // 25):
        (bundle / second).write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        refused = refusal(bundle, key, authority.root)
        # Bytes that no signature covers may differ; the imprint and the time may not.
        if refused is None:
            report = verify(bundle, [key.public], authorities=load_roots(authority.root))
            assert report.exit_code == 0
    for noise in (b"", b"x", b"0" * 300_000):
        (bundle / second).write_bytes(noise)
        assert refusal(bundle, key, authority.root) is not None


def test_a_stamp_of_another_certificate_is_refused(
    bundle: Path, key: SigningKey, authority: Authority, tmp_path: Path
) -> None:
    issue(round_evidence(tmp_path, number=2), key, tmp_path / "b2")
    name = stamped(tmp_path / "b2", authority)
    with pytest.raises(CertificateError, match="about something else"):
        store_stamp(open_bundle(bundle), (tmp_path / "b2" / name).read_bytes())
    (bundle / "timestamps").mkdir()
    shutil.copy(tmp_path / "b2" / name, bundle / name)
    assert "about something else" in str(refusal(bundle, key, authority.root))


def test_signing_again_loses_the_stamp(bundle: Path, key: SigningKey, authority: Authority) -> None:
    """The time belongs to a payload: whoever changes the payload has to ask again."""
    stamped(bundle, authority)
    statement = statement_of(bundle)
    statement["predicate"]["round"]["issuedAt"] = "2020-01-01T00:00:00Z"
    sign(bundle, statement, key)
    assert "about something else" in str(refusal(bundle, key, authority.root))


@pytest.fixture
def service(authority: Authority) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            data = authority.answer(body) if self.path == "/good" else b"no"
            self.send_response(200 if self.path != "/gone" else 500)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def invoke(*arguments: str) -> tuple[int, str]:
    from workbench.cli import cert
    from workbench.errors import InputError

    done = CliRunner().invoke(cert.app, list(arguments))
    if isinstance(done.exception, InputError):
        return 2, str(done.exception)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_command_asks_an_authority_or_carries_by_hand(
    bundle: Path, key: SigningKey, authority: Authority, service: str, tmp_path: Path
) -> None:
    (tmp_path / "k.pub").write_bytes(key.public.pem)
    check = ("verify", str(bundle), "--key", str(tmp_path / "k.pub"), "--tsa", str(authority.root))
    assert invoke(*check)[0] == 1
    assert invoke("timestamp", str(bundle), "--url", f"{service}/good")[0] == 0
    assert invoke(*check)[0] == 0
    shutil.rmtree(bundle / "timestamps")
    asked = tmp_path / "q.tsq"
    assert invoke("timestamp", str(bundle), "--request", str(asked))[0] == 0
    (tmp_path / "a.tsr").write_bytes(authority.answer(asked.read_bytes()))
    assert invoke("timestamp", str(bundle), "--response", str(tmp_path / "a.tsr"))[0] == 0
    assert invoke(*check)[0] == 0
    for wrong in (
        ("--url", f"{service}/bad"), ("--url", f"{service}/gone"), ("--url", "ftp://x"), (),
        ("--response", str(tmp_path / "nowhere")), ("--response", str(asked)),
    ):  # fmt: skip
        assert invoke("timestamp", str(bundle), *wrong)[0] == 2
    assert invoke(*check[:-1], str(tmp_path / "nowhere"))[0] == 2
    assert invoke(*check[:-1], str(tmp_path / "k.pub"))[0] == 2


def test_an_authority_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(CertificateError, match="gave no time stamp"):
        ask_authority("http://127.0.0.1:9/", b"{}")


def test_an_address_of_another_kind_is_not_asked() -> None:
    with pytest.raises(CertificateError, match="is not the address of an authority"):
        ask_authority("ftp://127.0.0.1/", b"{}")
