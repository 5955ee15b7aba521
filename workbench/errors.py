"""The mistakes the workbench can name: one sentence about what is wrong, one about the mend.

Expected outcomes (a teacher that fails, a candidate that is refuted, a gate that says no) are
values and not in this tree::

    WorkbenchError              anything a person can mend; the command line exits with 2
    ├── SettingsError           a setting that is unknown, malformed or contradictory
    ├── HomeError               the home folder cannot be made, read or written
    ├── InputError              a file or argument that a person wrote is wrong, with the place
    ├── NotFoundError                an id that does not exist, with its near matches
    ├── BusyError                    somebody else is doing this right now
    ├── MissingPartError             an optional part is not installed, with the line to install it
    ├── RegistryError           a registry of bundles cannot be reached, read or written
    ├── StageError              a stage cannot start because of what is (not) there before it
    │   └── NothingToTrainError      a round has no winners, and ends
    └── StoreError              the database or a blob
        ├── NewerDatabaseError       written by a later version of the workbench
        ├── DiskFullError            no room left; what was written before is kept
        └── DamagedBlobError         a blob is missing or its bytes are not what its name says

Anything else that escapes is a defect of the program and shows its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

__all__ = [
    "BusyError",
    "DamagedBlobError",
    "DiskFullError",
    "HomeError",
    "InputError",
    "MissingPartError",
    "NewerDatabaseError",
    "NotFoundError",
    "NothingToTrainError",
    "RegistryError",
    "SettingsError",
    "StageError",
    "StoreError",
    "WorkbenchError",
]


class WorkbenchError(Exception):
    """Something a person can mend: ``message`` says what is wrong, ``mend`` what to do."""

    exit_status: ClassVar[int] = 2

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message, mend)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message} {self.mend}".strip()


class SettingsError(WorkbenchError):
    """A setting is unknown, malformed or contradicts another."""


class HomeError(WorkbenchError):
    """The home folder cannot be made, read or written."""


class InputError(WorkbenchError):
    """A file or an argument that a person wrote is wrong; the message names the place."""


class NotFoundError(WorkbenchError):
    """There is nothing by that name; the message offers what is close to it."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str], mend: str = "") -> NotFoundError:
        """Build the sentence for a ``kind`` called ``name`` that is not one of ``known``."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        message = f"There is no {kind} {name!r}."
        if near:
            message += " Close to it: " + ", ".join(near) + "."
        elif not names:
            message += f" There is no {kind} here at all yet."
        return cls(message, mend)


class BusyError(WorkbenchError):
    """Somebody else holds the lock for this; nothing was changed."""


class MissingPartError(WorkbenchError):
    """An optional part is not installed; the mend is the line that installs it."""

    @classmethod
    def extra(cls, what: str, extra: str) -> MissingPartError:
        """Build the sentence for ``what`` needing the optional dependencies ``extra``."""
        return cls(
            f"{what} needs parts that are not installed.",
            f'Install them with: pip install "distillation-workbench[{extra}]"',
        )


class RegistryError(WorkbenchError):
    """A registry cannot be reached, read or written; nothing was changed there."""


class StageError(WorkbenchError):
    """A stage cannot start because of what is, or is not, there before it."""


class NothingToTrainError(StageError):
    """A round has no winners: it ends, since going on with it would change nothing."""


class StoreError(WorkbenchError):
    """The database or a blob cannot be used."""


class NewerDatabaseError(StoreError):
    """The database was written by a later version of the workbench."""


class DiskFullError(StoreError):
    """There is no room left where the home is; everything written before is kept."""


class DamagedBlobError(StoreError):
    """A blob is missing, or its bytes do not have the digest that names it."""
