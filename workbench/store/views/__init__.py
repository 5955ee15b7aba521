"""Read models: what a screen or a notebook shows, as frozen values, one file a question.

Every function takes an open SQLAlchemy connection, reads, and returns at most
:data:`~workbench.store.views.reading.MOST_ROWS` rows; heavy columns (code, SMT-LIB) come only for
the one thing that was asked for. Nothing here writes, and nothing here decides: verdicts, scores
and gates were decided by the stages and are only read back.
"""

from workbench.store.views.reading import MOST_ROWS, data_version

__all__ = ["MOST_ROWS", "data_version"]
