"""From an exception to a status, a sentence and a header; each protocol gives it its own shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

from distill.errors import DistillError
from judge.errors import JudgeUnavailableError
from workbench.errors import MissingPartError, WorkbenchError
from workbench.server.fleet import UnknownModelError
from workbench.server.service import FailedError, LateError


@dataclass(frozen=True, slots=True)
class Problem:
    """What to tell a client."""

    status: int
    message: str
    code: str
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that belong to it."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class RequestProblem(Exception):
    """A request that cannot be served as it is, found by a protocol."""

    def __init__(self, message: str, *, status: int = 400, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.problem = Problem(status, message, code)


PROBLEMS: tuple[type[Exception], ...] = (
    RequestProblem,
    WorkbenchError,
    DistillError,
    FailedError,
    JudgeUnavailableError,
)
"""What ``problem`` reads; anything else that escapes is a defect."""


def problem(error: Exception) -> Problem:
    """Return what to tell a client of ``error``."""
    from distill.continuous import FullError

    if isinstance(error, RequestProblem):
        return error.problem
    if isinstance(error, FullError):
        return Problem(429, str(error), "queue_full", math.ceil(error.retry_after))
    if isinstance(error, UnknownModelError):
        return Problem(404, str(error), "model_not_found")
    if isinstance(error, LateError):
        return Problem(504, str(error), "timeout")
    if isinstance(error, FailedError):
        return Problem(500, str(error), "model_failed")
    if isinstance(error, JudgeUnavailableError):
        return Problem(503, str(error), "judge_unavailable")
    if isinstance(error, MissingPartError):
        return Problem(501, str(error), "not_installed")
    if isinstance(error, (WorkbenchError, DistillError)):
        return Problem(400, str(error), "invalid_request")
    raise error
