"""Where untrusted code runs: in processes of its own, behind every layer the system offers.

``open_sandbox()`` gives a ``Sandbox``; ``Sandbox.run(code, calls)`` gives plain outcomes. What each
layer contains, and what none does, stands in docs/sandbox.md and in ``Sandbox.describe()``.
It is no place to run code that needs files, a network, threads or installed packages.
"""

from judge.sandbox.box import LAYERS, STRICT, Sandbox, open_sandbox
from judge.sandbox.model import (
    RESOURCES,
    Call,
    Kind,
    Limits,
    Outcome,
    Policy,
    Run,
    SandboxError,
)
from judge.sandbox.session import Session

__all__ = [
    "LAYERS",
    "RESOURCES",
    "STRICT",
    "Call",
    "Kind",
    "Limits",
    "Outcome",
    "Policy",
    "Run",
    "Sandbox",
    "SandboxError",
    "Session",
    "open_sandbox",
]
