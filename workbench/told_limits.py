"""The limits that providers named while they were asked: one small JSON file in the home.

Most providers tell their limits with an answer and not with their list of models, so ``doctor`` can
only know them from earlier answers. Losing the file loses nothing but these lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.settings import Settings
from workbench.store.blobs import write_atomically

if TYPE_CHECKING:
    from teachers.protocol import Teacher

__all__ = ["note_limits", "told_limits"]

_FILE = "limits_told.json"


def told_limits(settings: Settings) -> dict[str, str]:
    """Return provider -> what it said and when; empty where nothing readable is kept."""
    try:
        found = json.loads((settings.home / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): said for name, said in found.items() if isinstance(said, str)}


def note_limits(settings: Settings, teachers: Iterable[Teacher]) -> None:
    """Keep what ``teachers`` heard of limits since they were opened."""
    day = datetime.now(UTC).date().isoformat()
    heard = {
        teacher.identity.endpoint: f"{said} (told on {day})"
        for teacher in teachers
        if (said := getattr(teacher, "limits_told", ""))
    }
    before = told_limits(settings)
    if not heard or heard.items() <= before.items():
        return
    text = json.dumps({**before, **heard}, indent=2, sort_keys=True) + "\n"
    write_atomically(settings.home / _FILE, text.encode("utf-8"))
