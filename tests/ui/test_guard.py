"""The guard: nobody gets in without the password or a believed proxy, nothing is told before."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from ui import guard
from ui.guard import COOKIE, Guard

Message = MutableMapping[str, Any]
PASSWORD = {"WORKBENCH_UI_PASSWORD": "right"}
PROXY = {"WORKBENCH_UI_HEADER": "X-Forwarded-User", "WORKBENCH_UI_PROXY": "10.0.0.5, 10.0.0.6"}


async def inner(scope: Message, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(
    guarded: Guard,
    path: str = "/",
    *,
    kind: str = "http",
    headers: dict[str, str] | None = None,
    client: str = "192.0.2.1",
    form: bytes | None = None,
) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": form or b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "method": "POST" if form is not None else "GET",
        "path": path,
        "client": (client, 5),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
    }
    asyncio.run(guarded(scope, receive, send))
    return sent


def inside(sent: list[Message]) -> bool:
    return sent[-1].get("body") == b"inside"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None:
        return

    monkeypatch.setattr(guard.asyncio, "sleep", at_once)


def test_the_password_opens_and_its_cookie_keeps_open() -> None:
    guarded = Guard(inner, PASSWORD)
    sent = ask(guarded, "/enter", form=b"password=right")
    assert sent[0]["status"] == 303
    cookie = dict(sent[0]["headers"])[b"set-cookie"].decode()
    assert "HttpOnly" in cookie
    assert inside(ask(guarded, headers={"Cookie": cookie.split(";")[0]}))
    assert inside(ask(guarded, kind="websocket", headers={"Cookie": cookie.split(";")[0]}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cookie": f"{COOKIE}=9999999999.00"},
        {"Cookie": f"{COOKIE}="},
        {"Cookie": "=;;=" + "x" * 999},
        {"Authorization": "Basic cmlnaHQ6cmlnaHQ="},
        {"X-Forwarded-User": "somebody"},
    ],
)
def test_nothing_is_inside_without_it(headers: dict[str, str]) -> None:
    for path in ("/", "/_stcore/stream", "/_stcore/health", "/media/x", "/enter"):
        sent = ask(Guard(inner, PASSWORD), path, headers=headers)
        assert sent[0]["status"] == 401
        assert not inside(sent)
    closed = ask(Guard(inner, PASSWORD), kind="websocket", headers=headers)
    assert closed == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("form", [b"password=wrong", b"", b"password=", b"\xff\xfe", b"a" * 9_999])
def test_a_wrong_password_opens_nothing(form: bytes) -> None:
    sent = ask(Guard(inner, PASSWORD), "/enter", form=form)
    assert sent[0]["status"] == 403
    assert b"set-cookie" not in dict(sent[0]["headers"])


def test_a_cookie_of_another_process_or_of_yesterday_is_no_cookie(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Guard(inner, PASSWORD)
    sent = ask(first, "/enter", form=b"password=right")
    cookie = {"Cookie": dict(sent[0]["headers"])[b"set-cookie"].decode().split(";")[0]}
    assert not inside(ask(Guard(inner, PASSWORD), headers=cookie))
    monkeypatch.setattr(guard.time, "time", lambda: 2**33)
    assert not inside(ask(first, headers=cookie))


def test_a_header_is_believed_from_the_proxy_only() -> None:
    guarded, said = Guard(inner, PROXY), {"X-Forwarded-User": "somebody"}
    assert inside(ask(guarded, headers=said, client="10.0.0.6"))
    assert ask(guarded, headers=said, client="10.0.0.7")[0]["status"] == 403
    assert ask(guarded, headers={"X-Forwarded-User": " "}, client="10.0.0.5")[0]["status"] == 403
    assert ask(guarded, client="10.0.0.5")[0]["status"] == 403


def test_without_a_password_and_a_proxy_nobody_comes_in() -> None:
    empty = Guard(inner, {})
    assert ask(empty, "/enter", form=b"password=")[0]["status"] == 403
    assert not inside(ask(empty, headers={"Cookie": f"{COOKIE}=9999999999."}))
