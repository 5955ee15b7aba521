"""The sandbox as callers see it: open once, run many candidates, close."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from judge.sandbox.host import Child, ForkServer
from judge.sandbox.model import (
    MINIMUM_VARIABLE,
    Call,
    Limits,
    Outcome,
    Policy,
    Run,
    SandboxError,
    demanded,
)
from judge.sandbox.session import Session
from judge.sandbox.shelf import Shelf

_RECYCLE = 20_000
"""After so many children a fork server is replaced by a fresh one."""

LAYERS: dict[str, str] = {
    "fork-server": "each candidate has a process of its own, forked from a clean one",
    "limits": "processor time, memory, file size, descriptors and processes are limited",
    "audit": "attempts at files, processes, threads, network and ctypes are seen and named",
    "own-user": "started by root, it runs as a user that owns nothing",
    "namespaces": "an empty file system, no network device, no other process in sight",
    "landlock": "the kernel denies file access, TCP and signals to processes outside",
    "seccomp": "the kernel lets some fifty harmless system calls through and no other",
}
"""Each layer and what it contains."""

STRICT = Policy(minimum=("fork-server", "limits", "seccomp"))
"""A policy that refuses a system on which untrusted code could reach files or the network."""


class Sandbox:
    """Runs untrusted Python. One serves thousands of candidates and several threads.

    A ``Sandbox`` that is used in a forked process starts a fork server of its own there; a server
    that died is replaced on the next use.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy if policy is not None else Policy()
        self._lock = threading.Lock()
        self._server: ForkServer | None = None
        self._spare: tuple[ForkServer, Child] | None = None
        self._closed = False
        self.shelf = Shelf()
        self._demand(self._ready())

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the fork server and every process below it."""
        self.shelf.close()
        with self._lock:
            self._closed = True
            self._drop_spare()
            server, self._server = self._server, None
        if server is not None:
            server.close()

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers in force, from the inside out."""
        return self._ready().layers

    def describe(self) -> tuple[tuple[str, bool, str], ...]:
        """Return for each layer its name, whether it holds, and what it contains or why not."""
        server = self._ready()
        return tuple(
            (name, name in server.layers, words)
            if name in server.layers
            else (name, False, server.lacking.get(name, "not needed here"))
            for name, words in LAYERS.items()
        )

    def warning(self) -> str | None:
        """Return a sentence when untrusted code is held by less than the kernel; else None."""
        held = self.layers
        if "seccomp" in held:
            return None
        if {"namespaces", "landlock"} & set(held):
            rest = "only namespaces or Landlock hold it"
        else:
            rest = "nothing but limits holds it: a hostile answer can do what this user can"
        return f"Untrusted code runs without the system-call filter; {rest}."

    def session(
        self,
        code: str,
        limits: Limits | None = None,
        *,
        proxies: tuple[str, ...] = (),
        on_proxy: Callable[[str, tuple[Any, ...]], Outcome] | None = None,
    ) -> Session:
        """Open a session on one code: loaded once, called in as many batches as one likes."""
        chosen = limits if limits is not None else self.policy.limits
        return Session(self._child, code, chosen, proxies=proxies, on_proxy=on_proxy)

    def run(self, code: str, calls: Sequence[Call], limits: Limits | None = None) -> Run:
        """Load ``code`` and make ``calls``; the outcomes come back in order, one for each."""
        began = time.monotonic()
        with self.session(code, limits) as session:
            outcomes = session.call(calls)
            return Run(outcomes, session.loaded, self.layers, time.monotonic() - began)

    def _child(self) -> Child:
        """Return a child that nothing has run in, and have the next one forked meanwhile."""
        try:
            server = self._ready()
            child = self._take_spare(server) or server.start()
        except SandboxError:
            self._replace()
            return self._ready().start()
        try:
            self._keep_spare(server, server.start())
        except SandboxError:
            child.close()
            self._replace()
            return self._ready().start()
        return child

    def _take_spare(self, server: ForkServer) -> Child | None:
        with self._lock:
            if self._spare is None or self._spare[0] is not server:
                self._drop_spare()
                return None
            child = self._spare[1]
            self._spare = None
            return child

    def _keep_spare(self, server: ForkServer, child: Child) -> None:
        with self._lock:
            if self._spare is None and self._server is server:
                self._spare = (server, child)
                return
        child.close()

    def _drop_spare(self) -> None:
        if self._spare is not None:
            self._spare[1].close()
        self._spare = None

    def _replace(self) -> None:
        with self._lock:
            self._drop_spare()
            server, self._server = self._server, None
        if server is not None:
            server.close()

    def _ready(self) -> ForkServer:
        with self._lock:
            if self._closed:
                raise SandboxError("the sandbox is closed; open another")
            server = self._server
            idle = 0 if self._spare is None else 1
            worn = server is not None and server.started >= _RECYCLE and server.live <= idle
            if server is not None and (worn or not server.alive()):
                self._drop_spare()
                server.close()
                server = None
            if server is None and not hasattr(os, "fork"):
                raise SandboxError(
                    "this system cannot fork, so untrusted code cannot be held; "
                    "on Windows run the workbench inside WSL"
                )
            if server is None:
                server = self._server = ForkServer(self.policy.without)
            return server

    def _demand(self, server: ForkServer) -> None:
        minimum = dict.fromkeys((*self.policy.minimum, *demanded()))
        lacking = [name for name in minimum if name not in server.layers]
        if lacking:
            reasons = "; ".join(
                f"{name}: {server.lacking.get(name, 'there is no such layer')}" for name in lacking
            )
            self.close()
            who = MINIMUM_VARIABLE if set(lacking) & set(demanded()) else "the policy"
            raise SandboxError(f"{who} demands layers that do not hold here ({reasons})")


def open_sandbox(policy: Policy | None = None) -> Sandbox:
    """Start a sandbox; raises ``SandboxError`` when it cannot hold what the policy demands."""
    return Sandbox(policy)
