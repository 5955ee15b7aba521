"""The standalone verifier as one file that a stranger can read, carry and run.

``python verifier.pyz DIR KEY.pub`` needs Python 3.11, ``cryptography`` and ``pydantic`` and nothing
else; the file is a zip of this folder's sources. The same sources give the same bytes. Its re-check
of proofs is not in it: that takes the judge.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from workbench.certificate.errors import CertificateError

__all__ = ["write_verifier"]

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAIN = (
    "import sys\n\nfrom workbench.certificate.__main__ import main\n\n"
    'sys.argv[0] = "verifier"\nsys.exit(main(sys.argv[1:]))\n'
)


def write_verifier(target: Path) -> None:
    """Write the verifier to the new file ``target``."""
    here = Path(__file__).resolve().parent
    files = {"__main__.py": _MAIN, "workbench/__init__.py": '"""Only the verifier is here."""\n'}
    for path in sorted(here.glob("*.py")):
        files[f"workbench/certificate/{path.name}"] = path.read_text(encoding="utf-8")
    try:
        with target.open("xb") as file:
            file.write(b"#!/usr/bin/env python3\n")
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, text in sorted(files.items()):
                    info = zipfile.ZipInfo(name, _EPOCH)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    info.external_attr = 0o100644 << 16
                    archive.writestr(info, text)
        target.chmod(0o755)
    except FileExistsError:
        raise CertificateError("exists", f"{target} exists; it is never written over") from None
    except OSError as error:
        raise CertificateError("no-file", f"cannot write {target}: {error.strerror}") from None
