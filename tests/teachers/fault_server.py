"""A server on loopback that speaks four protocols and misbehaves when told to.

It answers OpenAI chat and responses, Anthropic messages and Ollama chat, whole or streamed. The
faults in ``plan`` are used up one a request, in order; after them every request is answered well.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

TEXT = "```python\ndef f(x: int) -> int:\n    return x\n```"

JSON = "application/json"
EVENTS = "text/event-stream"
LINES = "application/x-ndjson"


class FaultServer:
    """Use as an async context manager; ``url`` is its root, ``requests`` what reached it."""

    def __init__(self, *plan: str) -> None:
        self.plan = list(plan)
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.capabilities: list[str] | None = None
        """What Ollama's model can do; None is a server that does not say."""
        self.told: list[str] = []
        """Header lines that go with every whole answer."""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> FaultServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, which is its right
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines if x)}
        length = int(headers.get("content-length", "0"))
        body = json.loads(await reader.readexactly(length)) if length else {}
        path = first.split(" ")[1]
        if path == "/api/show":
            shown: dict[str, Any] = {"modelinfo": {}, "model_info": {"llama.context_length": 4096}}
            if self.capabilities is not None:
                shown["capabilities"] = self.capabilities
            await self._send(writer, 200, JSON, json.dumps(shown))
            return True
        self.requests.append((path, body))
        self.headers.append(headers)
        self.times.append(asyncio.get_running_loop().time())
        fault = self.plan.pop(0) if self.plan else "ok"
        return await self._answer(writer, path, body, fault)

    async def _answer(
        self, writer: asyncio.StreamWriter, path: str, body: dict[str, Any], fault: str
    ) -> bool:
        if fault.isdigit():
            error = {"error": {"message": f"planned {fault}", "type": "planned"}}
            await self._send(writer, int(fault), JSON, json.dumps(error))
            return True
        if fault.startswith("429+"):
            after = {"retry-after": fault[4:]}
            error = {"error": {"message": "slow down", "type": "rate_limit"}}
            await self._send(writer, 429, JSON, json.dumps(error), after)
            return True
        if fault == "drop":
            writer.transport.abort()
            return False
        if fault == "hang":
            await asyncio.sleep(30)
            return False
        if fault == "broken json":
            await self._send(writer, 200, JSON, '{"choices": [{"mess')
            return True
        text = "" if fault == "empty" else TEXT
        kind = fault if fault in ("length", "refusal", "bad usage", "caching") else "stop"
        stream = bool(body.get("stream", False))
        media, payload = reply(path, text, kind, stream=stream)
        if fault == "cut":
            await self._cut(writer, media, payload)
            return False
        await self._send(writer, 200, media, payload)
        return True

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        media: str,
        payload: str,
        extra: dict[str, str] | None = None,
    ) -> None:
        data = payload.encode()
        lines = [f"HTTP/1.1 {status} planned", f"content-type: {media}"]
        lines += [f"content-length: {len(data)}", "request-id: req-1", *self.told]
        lines += [f"{name}: {value}" for name, value in (extra or {}).items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await writer.drain()

    async def _cut(self, writer: asyncio.StreamWriter, media: str, payload: str) -> None:
        """Promise the whole and send half, then close."""
        data = payload.encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data[: len(data) // 2])
        await writer.drain()
        writer.close()


def reply(path: str, text: str, kind: str, *, stream: bool) -> tuple[str, str]:
    """Return (media type, body) of a good answer in the protocol of ``path``."""
    if path.endswith("/chat/completions"):
        return _chat(text, kind, stream)
    if path.endswith("/responses"):
        return _responses(text, kind, stream)
    if path.endswith("/messages"):
        return _messages(text, kind, stream)
    return _ollama(text, kind, stream)


def _chat(text: str, kind: str, stream: bool) -> tuple[str, str]:
    reason = "length" if kind == "length" else "stop"
    bad = kind == "bad usage"
    usage = {
        "prompt_tokens": -7 if bad else 11,
        "completion_tokens": None if bad else 7,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    base = {"id": "chat-1", "model": "m", "created": 1}
    refusal = "I will not" if kind == "refusal" else None
    if not stream:
        message = {"role": "assistant", "content": None if refusal else text, "refusal": refusal}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
        return JSON, json.dumps(whole)
    base["object"] = "chat.completion.chunk"
    half = len(text) // 2
    deltas: list[dict[str, Any]] = [{"content": text[:half]}, {"content": text[half:]}]
    if refusal:
        deltas = [{"refusal": refusal}]
    chunks = [
        {**base, "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas
    ]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    chunks.append({**base, "choices": [], "usage": usage})
    return EVENTS, "".join(f"data: {json.dumps(c)}\n\n" for c in chunks) + "data: [DONE]\n\n"


def _responses(text: str, kind: str, stream: bool) -> tuple[str, str]:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    if kind == "refusal":
        part = {"type": "refusal", "refusal": "I will not"}
    usage = {
        "input_tokens": 11,
        "output_tokens": -1 if kind == "bad usage" else 7,
        "total_tokens": 18,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    whole = {
        "id": "resp-1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "incomplete" if kind == "length" else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if kind == "length" else None,
        "output": [
            {"type": "message", "id": "m", "role": "assistant", "status": "x", "content": [part]}
        ],
        "usage": usage,
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
    }
    if not stream:
        return JSON, json.dumps(whole)
    delta = {
        "type": "response.output_text.delta", "delta": text, "item_id": "m", "output_index": 0,
        "content_index": 0, "sequence_number": 1, "logprobs": [],
    }  # fmt: skip
    last = "response.incomplete" if kind == "length" else "response.completed"
    final = {"type": last, "response": whole, "sequence_number": 2}
    events = [final] if kind == "refusal" else [delta, final]
    lines = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events]
    return EVENTS, "".join(lines)


def _messages(text: str, kind: str, stream: bool) -> tuple[str, str]:
    reason = {"length": "max_tokens", "refusal": "refusal"}.get(kind, "end_turn")
    bad = kind == "bad usage"
    usage = {
        "input_tokens": -3 if bad else 7,
        "output_tokens": 7,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 100 if kind == "caching" else 0,
    }
    whole: dict[str, Any] = {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }
    if not stream:
        return JSON, json.dumps(whole)
    half = len(text) // 2
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    for piece in (text[:half], text[half:]):
        delta = {"type": "text_delta", "text": piece}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    events.append({"type": "content_block_stop", "index": 0})
    closing = {"stop_reason": reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": closing, "usage": {"output_tokens": 7}})
    events.append({"type": "message_stop"})
    return EVENTS, "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)


def _ollama(text: str, kind: str, stream: bool) -> tuple[str, str]:
    bad = kind == "bad usage"
    final = {
        "model": "m",
        "created_at": "2026-01-01T00:00:00Z",
        "done": True,
        "done_reason": "length" if kind == "length" else "stop",
        "total_duration": 2_000_000_000,
        "load_duration": 1_000,
        "prompt_eval_count": -1 if bad else 11,
        "eval_count": 7,
        "eval_duration": 1_000_000_000,
    }
    if not stream:
        return JSON, json.dumps({**final, "message": {"role": "assistant", "content": text}})
    half = len(text) // 2
    lines = [
        {"model": "m", "done": False, "message": {"role": "assistant", "content": piece}}
        for piece in (text[:half], text[half:])
    ]
    closing = {**final, "message": {"role": "assistant", "content": ""}}
    return LINES, "".join(json.dumps(each) + "\n" for each in [*lines, closing])
