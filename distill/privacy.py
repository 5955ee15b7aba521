"""Secrets and personal data in a text, found by well-kept detectors; late imports, no network.

Secrets: ``detect-secrets`` (Yelp), every detector of a known kind, without asking any provider
whether a key is live; its two detectors of mere randomness flag any short literal of code and are
left out. Personal data: e-mail addresses, telephone numbers in international form
(``phonenumbers``), bank accounts and payment cards with their check digits (``python-stdnum``),
names of people where a text says who wrote it, and elsewhere with a model (``distill.names``). What
it is not: a finder of street addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from distill.errors import DistillError
from distill.names import authors, spoken

_EMAIL = re.compile(r"\b[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,24}\b")
_NOBODY = re.compile(r"@(?:[\w-]+\.)*(?:example|test|invalid|localhost)(?:\.(?:com|org|net))?$")
"""Domains that are reserved for examples (RFC 2606, RFC 6761)."""
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_PERSON = "name of a person"
_CARD = re.compile(r"(?<![\w.])(?:\d[ -]?){12,18}\d(?![\w.])")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: its kind, and its line counted from 1. The thing itself is not repeated."""

    kind: str
    line: int

    @property
    def sentence(self) -> str:
        """Say it."""
        return f"{self.kind} in line {self.line}"


def secrets(text: str) -> list[Finding]:
    """Return what looks like a password, key or token; needs ``detect-secrets``."""
    scan, settings = _module("detect_secrets.core.scan"), _module("detect_secrets.settings")
    found: list[Finding] = []
    with settings.transient_settings({"plugins_used": _plugins()}):
        for number, line in enumerate(text.splitlines(), 1):
            kinds = sorted({str(one.type) for one in scan.scan_line(line)})
            found += [Finding(kind, number) for kind in kinds]
    return found


def personal(text: str, *, names: str | None = None) -> list[Finding]:
    """Return what looks like an address, number, account, card or name of a real person.

    ``names`` is a model for names (see ``distill.names``); without one only authors are found.
    Needs ``phonenumbers`` and ``python-stdnum``.
    """
    places = [*_personal(text), *((_PERSON, place) for place in authors(text))]
    if names is not None:
        places += ((_PERSON, place) for place in spoken(text, names))
    found = [
        Finding(kind, text.count("\n", 0, place) + 1)
        for kind, place in sorted(places, key=lambda pair: (pair[1], pair[0]))
    ]
    return list(dict.fromkeys(found))


def _personal(text: str) -> Iterator[tuple[str, int]]:
    for match in _EMAIL.finditer(text):
        if not _NOBODY.search(match[0].lower()):
            yield "e-mail address", match.start()
    iban, luhn = _module("stdnum.iban"), _module("stdnum.luhn")
    for match in _IBAN.finditer(text):
        if iban.is_valid(match[0]):
            yield "bank account", match.start()
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if 13 <= len(digits) <= 19 and len(set(digits)) > 2 and luhn.is_valid(digits):
            yield "payment card", match.start()
    if "+" in text:
        # Without a country code any longer number in code would do; with "+" only valid ones do.
        phonenumbers = _module("phonenumbers")
        for match in phonenumbers.PhoneNumberMatcher(text, None):
            yield "telephone number", int(match.start)


def _plugins() -> list[dict[str, Any]]:
    listed = _module("detect_secrets.core.plugins.util").get_mapping_from_secret_type_to_class()
    names = sorted(plugin.__name__ for plugin in listed.values())
    return [{"name": name} for name in names if "HighEntropy" not in name]


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise DistillError(
            "looking for secrets and personal data needs more: "
            'pip install "distillation-workbench[privacy]"'
        ) from error
