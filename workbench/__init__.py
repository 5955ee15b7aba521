"""The workbench: where teachers, judge and student meet, over one store.

Importing it is cheap: every name below is loaded from its module when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.errors import WorkbenchError
    from workbench.notebook import Workbench, open
    from workbench.settings import PartialSettings, Settings, load_settings
    from workbench.stages.plan import find_round, plan_round
    from workbench.stages.round_config import FamilyChoice, RoundConfig, demo_config
    from workbench.stages.rounds import RoundResult, run_round
    from workbench.store.database import Store, open_store
    from workbench.task_files import read_task_file
    from workbench.tasks import Task, add_tasks

__all__ = [
    "FamilyChoice",
    "PartialSettings",
    "RoundConfig",
    "RoundResult",
    "Settings",
    "Store",
    "Task",
    "Workbench",
    "WorkbenchError",
    "add_tasks",
    "demo_config",
    "find_round",
    "load_settings",
    "open",
    "open_store",
    "plan_round",
    "read_task_file",
    "run_round",
]

_HOMES = {
    "workbench.errors": ("WorkbenchError",),
    "workbench.notebook": ("Workbench", "open"),
    "workbench.settings": ("PartialSettings", "Settings", "load_settings"),
    "workbench.stages.plan": ("find_round", "plan_round"),
    "workbench.stages.round_config": ("FamilyChoice", "RoundConfig", "demo_config"),
    "workbench.stages.rounds": ("RoundResult", "run_round"),
    "workbench.store.database": ("Store", "open_store"),
    "workbench.task_files": ("read_task_file",),
    "workbench.tasks": ("Task", "add_tasks"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
