"""A registry of certificate bundles: in a folder, an object store or an OCI registry.

Bundles lie there under the digest of what was signed, each with an entry that says where it comes
from: level, lift, licence, teachers' terms, and who wrote which share of the training rows. They
are verified on the way in and again, by the reader's own keys, on the way out.
"""

from workbench.registry.entry import Entry, Terms
from workbench.registry.exchange import Trust, add_bundle, list_entries, pull_bundle, show_entry
from workbench.registry.ledger import Credit, ExampleCredit, example_credits, ledger, shares
from workbench.registry.shelf import Shelf, open_shelf

__all__ = [
    "Credit",
    "Entry",
    "ExampleCredit",
    "Shelf",
    "Terms",
    "Trust",
    "add_bundle",
    "example_credits",
    "ledger",
    "list_entries",
    "open_shelf",
    "pull_bundle",
    "shares",
    "show_entry",
]
