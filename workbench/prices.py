"""The home's own prices: one JSON file that a person may edit, written whole or not at all.

Reading it is ``teachers.pricing``'s; this adds and changes entries. The file is ``price_file`` of
the settings, else ``prices.json`` in the home.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.settings import Settings
from workbench.store.blobs import write_atomically

if TYPE_CHECKING:
    from teachers.pricing import Price

__all__ = ["own_prices", "price_path", "set_price"]


def price_path(settings: Settings) -> Path:
    """Return where the home's prices are."""
    return settings.price_file or settings.home / "prices.json"


def own_prices(settings: Settings) -> list[dict[str, str]]:
    """Return the entries of the price file; raises ``InputError`` for one that cannot be read."""
    from teachers.errors import PriceError
    from teachers.pricing import PriceBook

    path = price_path(settings)
    if not path.exists():
        return []
    try:
        return PriceBook.read(path).entries()
    except PriceError as error:
        raise InputError(str(error)) from error


def set_price(settings: Settings, key: tuple[str, str], price: Price) -> Path:
    """Add or replace the price of (provider, model) and return the file."""
    from teachers.pricing import PriceBook

    entry = PriceBook({key: price}).entries()[0]
    kept = [e for e in own_prices(settings) if (e["provider"], e["model"]) != key]
    date = datetime.now(UTC).date().isoformat()
    text = json.dumps({"date": date, "prices": [*kept, entry]}, indent=2) + "\n"
    path = price_path(settings)
    write_atomically(path, text.encode("utf-8"))
    return path
