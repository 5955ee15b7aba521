"""Reading what people hand to the judge: JSON Lines, Python files with contracts, and code.

Every fault becomes a value with a sentence and a line; nothing here runs any of the code.
"""

from judge.reading.forms import submissions_from_source
from judge.reading.lines import BadLine, read_submissions
from judge.reading.source import Fault, Function, Source, read_source, signature_of

__all__ = [
    "BadLine",
    "Fault",
    "Function",
    "Source",
    "read_source",
    "read_submissions",
    "signature_of",
    "submissions_from_source",
]
