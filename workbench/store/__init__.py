"""The store: one database and one folder of blobs, in which everything that cost work is kept.

Importing this loads SQLModel; ``import workbench`` therefore does not. Tables are in ``tables``,
read models for screens in ``views``.
"""

from __future__ import annotations

from workbench.store.blobs import Blobs, write_atomically
from workbench.store.canonical import canonical, digest, parse
from workbench.store.database import SCHEMA, Store, known_schemas, open_store

__all__ = [
    "SCHEMA",
    "Blobs",
    "Store",
    "canonical",
    "digest",
    "known_schemas",
    "open_store",
    "parse",
    "write_atomically",
]
