"""What goes wrong before a request is made: a name, a key, a file that a person must mend.

Trouble *during* a request is a value (``teachers.model.Failure``), not one of these.

::

    TeacherError
    ├── PriceError      a price file that cannot be read
    ├── RefusedError    a batch that the provider would not take as a whole
    └── BusyError       a batch interface that does not answer now; the same call later goes on
"""

from __future__ import annotations


class TeacherError(Exception):
    """A teacher cannot be opened. The message says what is wrong and what mends it."""


class PriceError(TeacherError):
    """A price file cannot be used. The message names the file, the entry and the mend."""


class RefusedError(TeacherError):
    """A batch was refused as a whole; none of its questions was answered or charged."""


class BusyError(TeacherError):
    """A batch interface does not answer now. Nothing is lost: call again later."""
