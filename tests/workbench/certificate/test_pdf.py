"""A certificate on paper: one page, its figures and claims, and only of a bundle that verifies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.workbench.certificate.sample import round_evidence
from workbench.certificate import CertificateError, SigningKey, issue
from workbench.certificate.verify import verify_evidence

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
pytest.importorskip("fpdf", reason="fpdf2 is not installed")


def paper(folder: Path, key: SigningKey) -> bytes:
    from workbench.certificate.pdf import render_pdf

    report, evidence = verify_evidence(folder, [key.public])
    assert evidence is not None
    return render_pdf(report, evidence)


def text_of(data: bytes) -> str:
    import io

    pages = pypdf.PdfReader(io.BytesIO(data)).pages
    assert len(pages) == 1
    return " ".join(str(pages[0].extract_text()).split())


def test_the_page_says_what_the_certificate_says(bundle: Path, key: SigningKey) -> None:
    data = paper(bundle, key)
    text = text_of(data)
    for part in (
        "Distillation certificate, round 1",
        "2 proved (100.0 %)",
        "no lift",
        "Learning curve",
        "recheckable",
        "reproducible",
        "asserted",
        "workbench cert verify . --key SIGNER.pub --recheck",
        key.keyid,
    ):
        assert part in text, part
    assert paper(bundle, key) == data


def test_a_stranger_s_text_is_text_and_long_limits_do_not_flow_over(
    tmp_path: Path, key: SigningKey
) -> None:
    evil = "größer ≥ \U0001f600 \x07(Tj) /JavaScript (app.alert(1)) " * 3
    evidence = replace(
        round_evidence(tmp_path), base_model="m", decision=evil, limits=(evil,) * 30, training=None,
        adapter_dir=None,
    )  # fmt: skip
    issue(evidence, key, tmp_path / "b")
    data = paper(tmp_path / "b", key)
    text = text_of(data)
    assert "\\u2265" in text
    assert "29 more sentences" in text
    assert not any(word in data for word in (b"/JavaScript", b"/JS", b"/URI", b"/Launch"))
    assert "Learning curve" not in text


def test_what_does_not_verify_is_not_put_on_paper(bundle: Path, key: SigningKey) -> None:
    from workbench.certificate.pdf import render_pdf

    (bundle / "README.md").write_text("x")
    report, _ = verify_evidence(bundle, [key.public])
    evidence = verify_evidence(bundle, [key.public])[1]
    assert evidence is None
    with pytest.raises(CertificateError) as caught:
        render_pdf(report, evidence)  # type: ignore[arg-type]
    assert caught.value.code == "not-verified"


def test_a_missing_library_is_named(
    bundle: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fpdf", None)
    with pytest.raises(CertificateError) as caught:
        paper(bundle, key)
    assert caught.value.code == "unsupported"
