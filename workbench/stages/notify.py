"""Telling somebody who is not looking: one sentence to a webhook, as chat services take it.

The body is ``{"text": SENTENCE, ...}``, which Slack, Mattermost and the like show as it is. That
nobody listens is no reason to stop a run: the outcome is returned and becomes an event. What it is
not: a queue; a message that could not be delivered is not tried again.
"""

from __future__ import annotations

import ipaddress
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from workbench.settings import Settings

__all__ = ["notify"]

_SECONDS = 5.0


def notify(settings: Settings, text: str, data: Mapping[str, object] | None = None) -> str | None:
    """Send ``text`` to the settings' webhook; return why it did not arrive, None if it did.

    Without a webhook nothing is sent and None comes back. In private mode only this machine is
    told.
    """
    url = settings.webhook
    if url is None:
        return None
    if settings.private and not _here(url):
        return "the webhook is not on this machine, and the mode is private"
    body = json.dumps({"text": text, **(data or {})}).encode()
    request = urllib.request.Request(
        url, data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        return f"the webhook answered {error.code}"
    except (OSError, ValueError) as error:
        return f"the webhook cannot be reached: {getattr(error, 'reason', error)}"


def _here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
