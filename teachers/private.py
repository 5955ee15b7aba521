"""Private mode: while the guard is held, this process cannot connect to another machine.

An audit hook refuses ``socket.connect`` to any address that is not loopback or a Unix socket, and
refuses name resolution of anything but local names, so that not even a DNS question leaves. It
guards Python's sockets in this process; a C extension that opens its own sockets is not seen.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class RemoteSocketError(PermissionError):
    """A connection to another machine was attempted in private mode."""


class _Guard:
    def __init__(self) -> None:
        self.holders = 0
        self.installed = False

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.holders == 0:
            return
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            _refuse_unless_local(arguments[1])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            _refuse_unless_local((arguments[0],))


_GUARD = _Guard()


def is_loopback(host: str | None) -> bool:
    """Return whether ``host`` names this machine and nothing else."""
    if host is None or host == "":
        return True
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]").split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse_unless_local(address: Any) -> None:
    if not isinstance(address, tuple) or not address:
        return  # a Unix socket's path, or a connected socket
    host = address[0]
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if text is None or (isinstance(text, str) and is_loopback(text)):
        return
    raise RemoteSocketError(f"private mode: a connection to {text!r} was refused")


@contextmanager
def no_remote_sockets() -> Iterator[None]:
    """Hold the guard: every connection to another machine raises ``RemoteSocketError``."""
    if not _GUARD.installed:
        # An audit hook cannot be taken off again, so it is installed once and asks the guard.
        sys.addaudithook(_GUARD.hook)
        _GUARD.installed = True
    _GUARD.holders += 1
    try:
        yield
    finally:
        _GUARD.holders -= 1
