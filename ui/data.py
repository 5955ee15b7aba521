"""How screens reach the store: one read-only store a home, results kept until rows change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import streamlit as st
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from workbench.errors import WorkbenchError
from workbench.store import Store
from workbench.store.views import data_version

if TYPE_CHECKING:
    from workbench.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


def settings() -> Settings:
    """Return the settings of this home; raises ``WorkbenchError`` for a bad settings file."""
    from workbench.settings import load_settings

    return load_settings()


def database_file(url: str) -> Path | None:
    """Return the file of a SQLite URL, or None for a database server."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


@st.cache_resource(show_spinner=False, max_entries=4)
def _store(home: str, _url: str, _born: int) -> Store:
    return Store.open(home, read_only=True)


def store() -> Store:
    """Return this home's store, opened for reading only; the home must exist."""
    chosen = settings()
    file = database_file(chosen.database)
    # A database that was deleted and made anew is another file: it needs another engine.
    return _store(str(chosen.home), chosen.database, file.stat().st_ino if file else 0)


def trouble() -> tuple[str, str] | None:
    """Return (sentence, mend) when there is nothing to read, else None.

    An empty mend means that nothing is wrong: there is simply no store yet.
    """
    try:
        file = database_file(settings().database)
        if file is not None and not file.exists():
            return "There is nothing here yet.", ""
        with store().engine.connect() as connection:
            data_version(connection)
    except WorkbenchError as error:
        return error.message, error.mend
    except DatabaseError as error:
        return (
            f"The database cannot be read: {error.orig}.",
            "Run `workbench doctor`, which names what is wrong and the mend.",
        )
    return None


@st.cache_data(show_spinner=False, max_entries=400)
def _kept(
    url: str,
    version: tuple[int, ...],
    name: str,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    _view: Callable[..., object],
    _connection: Connection,
) -> object:
    return _view(_connection, *args, **kwargs)


# Views over answers and verdicts only: what jobs say about their progress moves none of them.
STILL = ("workbench.store.views.matrix", "workbench.store.views.leaderboard")


def fresh(view: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what ``view`` reads now; for the few rows that change in place, such as attempts."""
    with store().engine.connect() as connection:
        return view(connection, *args, **kwargs)


def read(view: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what ``view`` reads; computed once for each state of the store."""
    with store().engine.connect() as connection:
        found = _kept(
            settings().database,
            data_version(connection, progress=view.__module__ not in STILL),
            f"{view.__module__}.{view.__qualname__}",
            args,
            kwargs,
            view,
            connection,
        )
    return found  # type: ignore[return-value]  # the cache forgets the type that went in
