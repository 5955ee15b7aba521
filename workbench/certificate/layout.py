"""Which files a bundle may hold. A signature does not make a strange file welcome."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.certificate.bundle import ADAPTER
from workbench.certificate.errors import CertificateError
from workbench.certificate.files import EVIDENCE_FILES, TRAINING

__all__ = ["CARD", "PAGE", "check_layout"]

CARD = "README.md"
PAGE = "report.html"

_OBLIGATION = re.compile(r"evidence/obligations/[0-9a-f]{64}\.smt2")


def check_layout(names: Iterable[str]) -> None:
    """Refuse the first name that has no place in the format."""
    fixed = {CARD, PAGE, TRAINING, *EVIDENCE_FILES}
    for name in names:
        if name in fixed or name.startswith(ADAPTER) or _OBLIGATION.fullmatch(name):
            continue
        raise CertificateError("extra-file", f"{name} has no place in a bundle")
