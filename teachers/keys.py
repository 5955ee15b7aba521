"""Keys: where they come from, and how they are kept from being seen.

A key comes from the environment, from a ``.env`` file in the working folder, or from the system
keyring when the ``keyring`` package is installed (service ``distillation-workbench``, user name
the variable's name). It lives in a ``Secret``, whose text is never the key, until an SDK gets it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from teachers.errors import TeacherError

SERVICE = "distillation-workbench"


class Secret:
    """A key that does not show itself in repr, str, format, pickles or tracebacks' locals."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the key; only for the SDK that needs it."""
        return self._value

    def hide(self, text: str) -> str:
        """Return ``text`` without the key, should a server have echoed it."""
        return text.replace(self._value, "***") if len(self._value) >= 4 else text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("a key is not pickled")


def environment(folder: Path | None = None) -> dict[str, str]:
    """Return the process environment with a ``.env`` file of ``folder`` under it."""
    path = (folder or Path.cwd()) / ".env"
    merged: dict[str, str] = {}
    if path.is_file():
        from dotenv import dotenv_values

        merged = {name: value for name, value in dotenv_values(path).items() if value is not None}
    return {**merged, **os.environ}


def find_key(name: str, env: Mapping[str, str]) -> Secret | None:
    """Return the key called ``name``, or None. Raises ``TeacherError`` for one that cannot be."""
    value = env.get(name) or _from_keyring(name, env)
    if not value or not value.strip():
        return None
    stripped = value.strip()
    if any(ord(each) < 33 or ord(each) > 126 for each in stripped):
        raise TeacherError(
            f"{name} holds a space, a line break or a character that no key has; set it again "
            "without what came along when it was copied"
        )
    return Secret(stripped)


def need_key(name: str, env: Mapping[str, str], teacher: str) -> Secret:
    """Return the key called ``name``, or raise ``TeacherError`` with the line that sets it."""
    key = find_key(name, env)
    if key is None:
        raise TeacherError(
            f"{teacher} needs a key: set {name} in the environment or in a .env file"
        )
    return key


def _from_keyring(name: str, env: Mapping[str, str]) -> str | None:
    # A given environment stands for everything; the keyring belongs to the person's own session.
    if env.get("WORKBENCH_KEYRING") != "1" or importlib.util.find_spec("keyring") is None:
        return None
    found: str | None = importlib.import_module("keyring").get_password(SERVICE, name)
    return found
