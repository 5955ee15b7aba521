"""The jobs that the child process knows, by name; each takes and returns plain JSON values."""

from __future__ import annotations

from typing import Any

from teachers.codec import specification_of


def preload() -> None:
    """Import what jobs need, once, before the worker forks."""
    import teachers.formal.search
    import teachers.formal.solve  # noqa: F401


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job; the result has "code" with a "note", or "cannot" with the reason."""
    specification = specification_of(job["specification"])
    hint = str(job.get("hint", ""))
    if job["name"] == "examples":
        from teachers.formal.search import CannotError, solve

        try:
            return {"code": solve(specification, hint), "note": "fits every example"}
        except CannotError as reason:
            return {"cannot": str(reason)}
    from teachers.formal.search import CannotError
    from teachers.formal.solve import synthesise

    try:
        code, note = synthesise(specification, rlimit=int(job["rlimit"]))
    except CannotError as reason:
        return {"cannot": str(reason)}
    return {"code": code, "note": note}
