"""The program of the fork server: ``python -P -s -S -B bootstrap.py FD LAYERS_OFF``.

It makes ``judge.sandbox.inside`` importable without running the packages above it (they would pull
in what the fork server must not hold), imports what answers import, gives up every right it does
not need, and serves. It is not imported by anything.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType


def _graft(name: str, folder: str) -> None:
    """Register an empty package, so that its modules can be imported without its ``__init__``."""
    package = ModuleType(name)
    package.__path__ = [folder]
    sys.modules[name] = package


def main() -> None:
    """Set up and serve until the control socket closes."""
    inside = __file__.rpartition("/")[0]
    sandbox = inside.rpartition("/")[0]
    judge = sandbox.rpartition("/")[0]
    for name, folder in (
        ("judge", judge),
        ("judge.sandbox", sandbox),
        ("judge.sandbox.inside", inside),
    ):
        _graft(name, folder)
    # Before anything is imported: ``random`` and ``threading`` register hooks that run after every
    # fork. No thread, no lock and no log is in use when the fork server forks, each child seeds
    # its own numbers, and the hooks would touch 180 pages in every one of them.
    register = os.register_at_fork
    os.register_at_fork = lambda **_: None
    from judge.sandbox.inside.preload import preload, warm
    from judge.sandbox.inside.serve import serve

    missing = preload()
    os.register_at_fork = register
    warm()
    serve(int(sys.argv[1]), frozenset(filter(None, sys.argv[2].split(","))), missing)


if __name__ == "__main__":
    main()
