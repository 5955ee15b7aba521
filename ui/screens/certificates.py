"""Certificates: what can a stranger check, and does it hold?"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import streamlit as st

from ui import data
from ui.widgets import figures, page, work
from ui.widgets.words import CERTIFICATE, Look
from workbench.store.views import certificates
from workbench.store.views.certificates import Certificate, Check, Claim

STATUS = {
    "pass": Look("✓", "holds", "green", "Checked here, and it holds."),
    "fail": Look("✗", "fails", "red", "Checked here, and it does not hold."),
    "skipped": Look("·", "skipped", "gray", "Not checked here."),
}
BASES = (
    ("recheckable", "Anyone can check", "From the bundle alone, on any machine, in minutes."),
    ("reproducible", "Can be reproduced", "Needs the model or the hardware to do it again."),
    ("asserted", "The signer's word", "Nobody can check this; it is as good as the signer."),
)
LARGEST_ZIP = 64 * 2**20


def show() -> None:
    """Draw one certificate: state, checks, claims by their basis, and how to check elsewhere."""
    page.heading("Certificates", "What can a stranger check, and does it hold?")
    every = data.read(certificates.certificates) if data.trouble() is None else ()
    if not every:
        page.empty("No certificate was issued here yet.", "workbench", "demo")
        return
    found = _choose(every)
    state = CERTIFICATE[found.state]
    page.badges([state])
    st.caption(
        f"{state.sentence} Issued {page.ago(found.created_at)}"
        + (f", checked {page.ago(found.verified_at)}." if found.verified_at else ".")
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        _checks(found)
    with right:
        _identity(found)
    _claims(found)
    _elsewhere(found)


def _choose(every: tuple[Certificate, ...]) -> Certificate:
    names = {c.id: c for c in every}
    labels = {
        c.id: f"Round {c.round_number} · {c.id[:12]}… · {page.ago(c.created_at)}" for c in every
    }
    return names[page.choose("Certificate", labels, every[0].id, name="certificate")]


def _folder(found: Certificate) -> Path:
    return data.settings().home / found.path


def _checks(found: Certificate) -> None:
    """Draw the checks; while a verification runs, those that are decided turn up one by one."""
    st.subheader("Checks", anchor=False)
    command = ("workbench", "cert", "verify", str(_folder(found)), "--recheck", "--json")
    job = work.newest(command)
    running = job is not None and job.state == "running"

    @st.fragment(run_every=1 if running else None)
    def _live() -> None:
        now = work.newest(command)
        if running and now is not None and now.state != "running":
            st.rerun()
        if running:
            _deciding(found)
        elif found.checks:
            figures.checks([_line(check) for check in found.checks])
        else:
            st.caption("Nobody has checked this certificate here yet.")

    _live()
    if job is not None and not running and job.data is None:
        st.code(job.tail, language=None, wrap_lines=True)
    work.button("Check it again now", command, icon=":material/fact_check:", primary=True)


def _deciding(found: Certificate) -> None:
    checks, total, over = data.read(certificates.verifying, found.round_id)
    if over:
        checks = ()
    figures.checks([_line(check) for check in checks])
    done = sum(check.status != "skipped" for check in checks)
    st.progress(
        min(1.0, done / total) if total else 0.0,
        text=f"{done:,} of {total:,} checks are decided" if total and done else "Starting …",
    )


def _line(check: Check) -> tuple[str, str, str, str]:
    look = STATUS.get(check.status, STATUS["skipped"])
    return look.tone, look.text, check.claim or check.id, check.detail


def _identity(found: Certificate) -> None:
    st.subheader("Who signed", anchor=False)
    st.caption("Fingerprint of the key (SHA-256 of its public part)")
    st.code(found.keyid, language=None, wrap_lines=True)
    st.caption("The certificate's own digest")
    st.code(found.id, language=None, wrap_lines=True)
    st.caption("The certificate before it in the chain")
    st.code(found.previous or "none: this is the first", language=None, wrap_lines=True)


def _claims(found: Certificate) -> None:
    claims = certificates.claims(_folder(found))
    st.subheader("What it claims, and on what basis", anchor=False)
    if not claims:
        st.caption(
            "The bundle's folder is not here, so its claims cannot be read. Restore"
            " certificates/ from a copy of this home."
        )
        return
    for column, (basis, title, sentence) in zip(st.columns(3), BASES, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.caption(sentence)
            _of(basis, claims, {check.id: check.status for check in found.checks})


def _of(basis: str, claims: tuple[Claim, ...], checked: dict[str, str]) -> None:
    """List the claims of one basis; those that were checked here carry the result."""
    listed = [claim for claim in claims if claim.basis == basis]
    for claim in listed:
        status = checked.get(claim.check or "")
        st.markdown(
            f"{STATUS[status].glyph if status in STATUS else '·'} {page.literal(claim.text)}"
        )
    if not listed:
        st.caption("Nothing.")


def _elsewhere(found: Certificate) -> None:
    folder = _folder(found)
    st.subheader("Check it somewhere else", anchor=False)
    st.caption("With this project, without its database; KEY.pub is the signer's public key:")
    page.shell("python", "-m", "workbench.certificate", folder.name, "KEY.pub")
    st.caption(
        "The signature alone, with OpenSSL 3; docs/certificate-format.md says how the two files"
        " are cut:"
    )
    page.shell(
        *("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "KEY.pub"),
        *("-sigfile", "sig.bin", "-in", "signed.bin"),
    )
    st.caption("The files alone, with coreutils, inside the folder:")
    page.shell("sha256sum", "--check", "SHA256SUMS")
    if folder.is_dir():
        _download(folder)


def _download(folder: Path) -> None:
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    if size > LARGEST_ZIP:
        st.caption(f"The bundle is {size / 2**20:.0f} MiB; copy its folder instead:")
        st.code(str(folder), language=None, wrap_lines=True)
        return
    st.download_button(
        f"Download the bundle ({size / 2**20:.1f} MiB)",
        lambda: _zip(folder),
        file_name=f"{folder.name}.zip",
        mime="application/zip",
        icon=":material/download:",
    )


def _zip(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                archive.write(file, Path(folder.name) / file.relative_to(folder))
    return packed.getvalue()


if __name__ == "__main__":
    show()
