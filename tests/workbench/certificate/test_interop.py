"""Others' tools accept what we issue: openssl, sha256sum, securesystemslib, and a second reader.

The second reader below is written from docs/certificate-format.md alone and imports nothing of the
package under test.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.certificate.sample import edit_lines, reseal
from tests.workbench.certificate.test_attacks_keys import other_key
from workbench.certificate import CertificateError, SigningKey


def parts(bundle: Path) -> tuple[bytes, bytes, bytes]:
    """Return payload, signature and the signed bytes, by the text of DSSE."""
    envelope = json.loads((bundle / "certificate.json").read_bytes())
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    return payload, base64.b64decode(envelope["signatures"][0]["sig"]), signed


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")
def test_openssl_verifies_the_signature(bundle: Path, key: SigningKey, tmp_path: Path) -> None:
    _, signature, signed = parts(bundle)
    (tmp_path / "pub.pem").write_bytes(key.public.pem)
    (tmp_path / "pae.bin").write_bytes(signed)
    (tmp_path / "sig.bin").write_bytes(signature)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-rawin"]
    command += ["-in", "pae.bin", "-sigfile", "sig.bin"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "Signature Verified Successfully" in done.stdout
    (tmp_path / "pae.bin").write_bytes(signed + b"x")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode != 0


def commands_of(text: str) -> str:
    """Return the indented or fenced lines from the temporary folder to OpenSSL."""
    lines = [line.strip() for line in text.splitlines()]
    first = lines.index("T=$(mktemp -d)")
    return "\n".join(lines[first : first + 5]) + "\n"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")
@pytest.mark.parametrize("where", ["README.md", "report.html", "docs/certificate-format.md"])
def test_the_documented_commands_verify_the_signature(
    bundle: Path, key: SigningKey, where: str
) -> None:
    docs = Path(__file__).resolve().parents[3]
    text = (docs if where.startswith("docs/") else bundle).joinpath(where).read_text()
    commands = commands_of(html.unescape(text).replace("<pre>", "\n").replace("</pre>", "\n"))
    (bundle / "SIGNER.pub").write_bytes(key.public.pem)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", commands], cwd=bundle, capture_output=True, text=True)

    done = run()
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    (bundle / "SIGNER.pub").write_bytes(other_key().public.pem)
    assert run().returncode != 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")
def test_the_keyid_is_what_openssl_and_sha256_compute(key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / "pub.pem").write_bytes(key.public.pem)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", "pub.pem", "-outform", "DER"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    ).stdout
    assert hashlib.sha256(der).hexdigest() == key.keyid


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not on PATH")
def test_sha256sum_checks_the_files(bundle: Path) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=bundle, capture_output=True).returncode == 0
    (bundle / "evidence/dataset.jsonl").write_bytes(b"{}\n")
    assert subprocess.run(command, cwd=bundle, capture_output=True).returncode == 1


def test_securesystemslib_accepts_the_envelope(bundle: Path, key: SigningKey) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse", reason="securesystemslib is not installed")
    signer = pytest.importorskip("securesystemslib.signer")
    envelope = dsse.Envelope.from_dict(json.loads((bundle / "certificate.json").read_bytes()))
    theirs = signer.SSlibKey(key.keyid, "ed25519", "ed25519", {"public": key.public.raw.hex()})
    assert list(envelope.verify([theirs], 1)) == [key.keyid]
    envelope.payload += b" "
    with pytest.raises(Exception, match=r"(?i)verif|signature"):
        envelope.verify([theirs], 1)


def test_the_model_card_beside_the_adapter_loads(bundle: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    card = hub.ModelCard.load(bundle / "adapter/README.md")
    assert card.data.base_model == "tiny"
    assert card.data.library_name == "peft"
    assert "distillation round 1" in card.text


def second_reader(bundle: Path, public: bytes) -> str:
    """Return "ok" or the first thing that is wrong; shares no code with the package."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    payload, signature, signed = parts(bundle)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature:
        return "signature"
    statement = json.loads(payload)
    if statement["predicateType"] != "urn:distillation-workbench:distillation-certificate:v1":
        return "predicateType"
    sums_text = (bundle / "SHA256SUMS").read_bytes()
    subjects = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    if hashlib.sha256(sums_text).hexdigest() != subjects["SHA256SUMS"]:
        return "SHA256SUMS"
    sums: dict[str, str] = {}
    for line in sums_text.decode("ascii").splitlines():
        match = re.fullmatch(r"([0-9a-f]{64})  (\S+)", line)
        if match is None:
            return "SHA256SUMS"
        sums[match[2]] = match[1]
    there = {str(p.relative_to(bundle)) for p in bundle.rglob("*") if p.is_file()}
    if there != set(sums) | {"SHA256SUMS", "certificate.json"}:
        return "files"
    for name, digest in sums.items():
        if hashlib.sha256((bundle / name).read_bytes()).hexdigest() != digest:
            return name
    return second_reader_figures(bundle, statement["predicate"])


def second_reader_figures(bundle: Path, predicate: Any) -> str:
    def rows(name: str) -> list[Any]:
        return [
            json.loads(line)
            for line in (bundle / f"evidence/{name}.jsonl").read_bytes().splitlines()
        ]

    def tree(lines: list[bytes]) -> bytes:
        if len(lines) < 2:
            return hashlib.sha256(b"\0" + lines[0] if lines else b"").digest()
        k = 1 << (len(lines) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + tree(lines[:k]) + tree(lines[k:])).digest()

    for part, name in (
        ("dataset", "dataset"),
        ("verdicts", "verdicts"),
        ("evaluation", "evaluation"),
    ):
        lines = (bundle / f"evidence/{name}.jsonl").read_bytes().splitlines()
        if tree(lines).hex() != predicate[part]["root"]:
            return f"{part} root"
    passed = [
        (row["base_verdict"] == "proved", row["student_verdict"] == "proved")
        for row in rows("evaluation")
    ]
    evaluation = predicate["evaluation"]
    if (len(passed), sum(b for b, _ in passed), sum(s for _, s in passed)) != (
        evaluation["total"],
        evaluation["basePassed"],
        evaluation["studentPassed"],
    ):
        return "evaluation"
    verdicts = {(v["task"], v["candidate"]): v for v in rows("verdicts")}
    answers = {a["answer"]: a for a in rows("candidates")}
    for row, origin in zip(rows("dataset"), rows("examples"), strict=True):
        answer = answers[origin["answer"]]
        if hashlib.sha256(answer["code"].encode()).hexdigest() != answer["candidate"]:
            return "candidate"
        if verdicts[answer["task"], answer["candidate"]]["verdict"] != "proved":
            return "winner"
        if row["completion"] != answer["code"].strip("\n"):
            return "row"
    return "ok"


def test_a_second_reader_accepts_the_good_and_refuses_the_bad(
    bundle: Path, key: SigningKey
) -> None:
    assert second_reader(bundle, key.public.raw) == "ok"
    assert second_reader(bundle, bytes(31) + b"\x01") == "signature"
    edit_lines(
        bundle / "evidence/evaluation.jsonl",
        lambda rows: [{**row, "base_verdict": "proved"} for row in rows],
    )
    assert second_reader(bundle, key.public.raw) == "evidence/evaluation.jsonl"
    reseal(bundle, key)
    assert second_reader(bundle, key.public.raw) == "evaluation root"


def test_the_standalone_verifier_loads_nothing_else_of_ours(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    (tmp_path / "k.pub").write_bytes(key.public.pem)
    program = (
        "import sys, runpy\n"
        f"sys.argv = ['x', {str(bundle)!r}, {str(tmp_path / 'k.pub')!r}]\n"
        "try:\n    runpy.run_module('workbench.certificate', run_name='__main__')\n"
        "except SystemExit as done:\n    status = done.code\n"
        "names = {n.split('.')[0] for n in sys.modules}\n"
        "ours = [n for n in sys.modules if n.split('.')[0] in"
        " ('judge', 'teachers', 'distill', 'ui') or n.startswith('workbench.')]\n"
        "others = [n for n in ours if not n.startswith('workbench.certificate')]\n"
        "assert not others, others\n"
        "assert not names & {'z3', 'cvc5', 'torch', 'sqlmodel', 'sqlalchemy', 'typer'}, names\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Accepted" in done.stdout
    (bundle / "README.md").write_text("x")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Refused" in done.stdout


def test_the_standalone_verifier_says_how_it_is_used(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "workbench.certificate"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage" in done.stderr
    done = subprocess.run([*command, str(tmp_path), "nowhere"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot read" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_verifier_in_one_file_runs_where_nothing_of_ours_is(
    bundle: Path, key: SigningKey, tmp_path: Path
) -> None:
    from workbench.certificate.carry import write_verifier

    one, two = tmp_path / "verifier.pyz", tmp_path / "again.pyz"
    write_verifier(one)
    write_verifier(two)
    assert one.read_bytes() == two.read_bytes()
    with pytest.raises(CertificateError, match="never written over"):
        write_verifier(one)
    (tmp_path / "k.pub").write_bytes(key.public.pem)
    # -I and -S leave only what is put on the path: the two libraries, and not this project.
    libraries = [str(Path(__import__(name).__file__ or "").parents[1]) for name in ("pydantic",)]
    program = (
        f"import sys, runpy; sys.path[:0] = {libraries!r}\n"
        "sys.meta_path = [f for f in sys.meta_path if 'Editable' not in type(f).__name__ and "
        "'editable' not in str(f)]\n"
        f"sys.argv = [{str(one)!r}, {str(bundle)!r}, {str(tmp_path / 'k.pub')!r}]\n"
        f"runpy.run_path({str(one)!r}, run_name='__main__')\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Accepted" in done.stdout
    (bundle / "README.md").write_text("x")
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    done = subprocess.run([sys.executable, str(one)], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, "usage: python verifier.pyz" in done.stderr) == (2, True)
