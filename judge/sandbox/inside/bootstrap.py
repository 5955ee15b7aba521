"""The program of the fork server: ``python -P -s -S -B bootstrap.py FD LAYERS_OFF``.

It makes ``judge.sandbox.inside`` importable without running the packages above it (they would pull
in what the fork server must not hold), imports what answers import, gives up every right it does
not need, and serves. It is not imported by anything.
"""

from __future__ import annotations

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
    from judge.sandbox.inside.serve import serve

    serve(int(sys.argv[1]), frozenset(filter(None, sys.argv[2].split(","))))


if __name__ == "__main__":
    main()
