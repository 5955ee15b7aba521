"""Several rounds at once: whether their certificates hang together, and a checkpoint over them.

Each bundle is verified on its own first. The checkpoint is the three-line body of a C2SP
tlog-checkpoint (origin, size, root) over the certificates' identities in the order of their rounds:
whoever keeps an old one sees when a past round is exchanged. It is text, not a witness or a log
server.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.certificate.errors import CertificateError
from workbench.certificate.keys import PublicKey
from workbench.certificate.merkle import root
from workbench.certificate.verify import verify

__all__ = ["Chain", "Link", "check_chain"]

ORIGIN = "distillation-workbench/rounds"


@dataclass(frozen=True, slots=True)
class Link:
    """One round's certificate in a chain; ``problem`` is None when it holds."""

    folder: Path
    number: int | None
    identity: str | None
    previous: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """All links, oldest round first."""

    links: tuple[Link, ...]

    @property
    def holds(self) -> bool:
        """Whether every certificate is sound and follows one that is here."""
        return bool(self.links) and all(link.problem is None for link in self.links)

    @property
    def checkpoint(self) -> str:
        """Origin, size and root, one a line; only meaningful when the chain holds."""
        leaves = [bytes.fromhex(link.identity) for link in self.links if link.identity]
        top = base64.b64encode(root(leaves)).decode()
        return f"{ORIGIN}\n{len(leaves)}\n{top}\n"


def check_chain(folders: Sequence[Path], trusted: Sequence[PublicKey]) -> Chain:
    """Verify every bundle and that each names a certificate of an earlier round given here.

    The oldest round may name none. A round may have been certified more than once.
    """
    if not folders:
        raise CertificateError("no-bundle", "no bundle was named")
    links = [_link(folder, trusted) for folder in folders]
    links.sort(key=lambda link: (link.number or 0, link.identity or "", str(link.folder)))
    numbers = {link.identity: link.number for link in links if link.identity}
    return Chain(tuple(_followed(link, numbers) for link in links))


def _link(folder: Path, trusted: Sequence[PublicKey]) -> Link:
    report = verify(folder, trusted)
    if report.statement is None or report.failed:
        return Link(folder, None, None, None, report.sentence)
    record = report.statement.predicate.round
    return Link(folder, record.number, report.certificate_id, record.previous_certificate)


def _followed(link: Link, numbers: Mapping[str, int | None]) -> Link:
    if link.problem is not None or link.number is None:
        return link
    earlier = [n for n in numbers.values() if n is not None and n < link.number]
    problem = None
    if link.previous is None:
        if earlier:
            problem = "it names no certificate before it, but there are earlier rounds"
    elif link.previous not in numbers:
        problem = f"the certificate before it, {link.previous[:16]}, is not here"
    elif (numbers[link.previous] or 0) >= link.number:
        problem = "it names a certificate that is not of an earlier round"
    return Link(link.folder, link.number, link.identity, link.previous, problem)
