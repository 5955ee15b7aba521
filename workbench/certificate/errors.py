"""The one exception of certificates: a bundle, key or statement is not what it must be.

``code`` names the kind of rejection (stable, for programs and tests), the message says what is
wrong, where, and where possible the mend. ``verify`` turns these into failed checks; everything
else that escapes from it is a defect.
"""

from __future__ import annotations

__all__ = ["CertificateError"]


class CertificateError(Exception):
    """Something about a certificate is wrong: ``code`` is its name, ``str()`` the sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
