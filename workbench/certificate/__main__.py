"""The standalone verifier: ``python -m workbench.certificate DIR KEY.pub [KEY.pub ...]``.

Needs Python, ``cryptography`` and ``pydantic``, and nothing else of ours. Prints one line a check;
exit status 0 all passed, 1 something failed, 2 usage. Proofs are not solved again here: that is
``workbench cert verify --recheck``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from workbench.certificate.errors import CertificateError
from workbench.certificate.keys import load_public_key
from workbench.certificate.verify import verify


def main(arguments: list[str]) -> int:
    """Verify one bundle and print the checks."""
    if len(arguments) < 2 or arguments[0].startswith("-"):
        print(f"usage: {_name()} DIR KEY.pub [KEY.pub ...]", file=sys.stderr)
        return 2
    try:
        keys = [load_public_key(Path(name)) for name in arguments[1:]]
        report = verify(Path(arguments[0]), keys)
    except CertificateError as error:
        print(f"{_name()}: {error}", file=sys.stderr)
        return 2
    for check in report.checks:
        if check.id.startswith("recheck-"):
            continue
        detail = f" [{check.detail}]" if check.detail else ""
        print(f"{check.status:8}{check.id:12} {check.claim}{detail}")
    for name in report.unsigned_files:
        print(f"unsigned {name}")
    print(report.sentence)
    return report.exit_code


def _name() -> str:
    """Return how this was called: as a module, or as the file that ``cert verifier`` writes."""
    carried = sys.argv[0] == "verifier"
    return "python verifier.pyz" if carried else "python -m workbench.certificate"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
