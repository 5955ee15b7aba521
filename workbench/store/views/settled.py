"""Small state of a home, by its key; see ``SettingRow``."""

from __future__ import annotations

from sqlalchemy import Connection

from workbench.store.views.reading import one


def value(connection: Connection, key: str) -> str:
    """Return what is written under ``key``, or "" when nothing is."""
    found = one(connection, "SELECT value FROM setting WHERE key = :key", key=key)
    return str(found["value"]) if found else ""
