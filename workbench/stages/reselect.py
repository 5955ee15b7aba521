"""Select again: other filters, or after a person excluded or restored rows.

A round that has not been trained takes the new snapshot as its own; one that has keeps what it was
trained on, and the new snapshot stands beside it. Nothing is asked or judged again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.settings import Settings
from workbench.stages.events import Reporter
from workbench.stages.filtering import parse_filters
from workbench.stages.round_config import RoundConfig
from workbench.stages.select import SelectionPolicy, SelectReport, select_winners
from workbench.store.canonical import canonical, parse
from workbench.store.database import Store
from workbench.store.tables import RoundRow

__all__ = ["reselect", "set_filters"]

_BEFORE = ("planned", "baseline", "asked", "judged", "repaired", "selected")


def set_filters(store: Store, round_id: str, filters: Sequence[dict[str, Any]]) -> bool:
    """Write filters into the plan of a round that is not trained yet; False for one that is."""
    parse_filters(filters)
    with store.write() as session:
        row = session.get(RoundRow, round_id)
        assert row is not None
        if row.stage not in _BEFORE or row.state != "open":
            return False
        config = RoundConfig.model_validate(parse(row.config_json))
        changed = config.model_copy(update={"filters": tuple(filters)})
        row.config_json = canonical(changed.as_json())
        session.add(row)
    return True


def reselect(
    store: Store,
    settings: Settings,
    round_id: str,
    filters: Sequence[dict[str, Any]] | None = None,
    *,
    reporter: Reporter | None = None,
) -> SelectReport:
    """Choose and filter the winners of a judged round again; by the round's own filters if None.

    Raises ``BusyError`` while a round runs here.
    """
    with store.lock("round", "A round"):
        with store.read() as session:
            row = session.get(RoundRow, round_id)
            assert row is not None
        config = RoundConfig.model_validate(parse(row.config_json))
        open_still = row.stage in _BEFORE and row.state == "open"
        if filters is not None and open_still:
            set_filters(store, round_id, filters)
        verification, agreement, history = config.weights
        return select_winners(
            store,
            settings,
            round_id,
            policy=SelectionPolicy(config.minimum, verification, agreement, history, config.margin),
            filters=parse_filters(config.filters if filters is None else filters),
            reporter=reporter,
            attach=open_still,
        )
