"""``workbench serve``: the student answers OpenAI, Anthropic and Ollama clients.

It listens on the loopback address unless told otherwise, and elsewhere only with a token.
"""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import note
from workbench.errors import BusyError, InputError, MissingPartError, SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from workbench.certificate.keys import SigningKey
    from workbench.retrieval import Embedder
    from workbench.server.confidence import Confidence
    from workbench.server.fleet import Fleet, Spec
    from workbench.server.library import Library
    from workbench.settings import Settings
    from workbench.store.database import Store

TOKEN_VARIABLE = "WORKBENCH_SERVE_TOKEN"
_TURN_SECONDS = 0.0005
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8600,
    name: Annotated[str, typer.Option(help="The name that clients ask for.")] = "student",
    base: Annotated[
        str | None, typer.Option(help="Serve this base model (a folder or hub id) instead.")
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option(help="Adapter: an id of this home, a folder with --base, or 'none'."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(help="Serve another adapter of this home too: NAME=ADAPTER. Repeat for more."),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(help="torch, vllm, llamacpp, or the address of an OpenAI-compatible engine."),
    ] = "torch",
    tensor: Annotated[
        int, typer.Option(min=1, help="With vLLM: accelerators that share each layer.")
    ] = 1,
    pipeline: Annotated[
        int, typer.Option(min=1, help="With vLLM: machines of a Ray cluster that share the layers.")
    ] = 1,
    rpc: Annotated[
        list[str] | None,
        typer.Option(help="With llama.cpp: a machine with its rpc-server, HOST:PORT; repeat."),
    ] = None,
    batch: Annotated[
        int, typer.Option(min=1, max=1024, help="Requests that get tokens at the same time.")
    ] = 32,
    queue: Annotated[
        int, typer.Option(min=0, max=100_000, help="Requests that may wait; more get a 429.")
    ] = 256,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds that one answer may take.")
    ] = 300.0,
    fallback: Annotated[
        str, typer.Option(help="Teachers to ask when a verified answer is not proved: a,b,c.")
    ] = "",
    tau: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Ask the teachers first when the student's chance of a proved answer is below "
            "this (see workbench route calibrate).",
        ),
    ] = None,
    embed: Annotated[
        Path | None,
        typer.Option(help="A local embedding model, to find like examples by meaning."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Swap when another student is put in use.")
    ] = False,
    key: Annotated[
        str | None, typer.Option(help="Sign receipts with this key (see workbench key).")
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Keep questions without personal data, to make tasks of them (consent!)."
        ),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Load, say one word, print the health, and end.")
    ] = False,
) -> None:
    """Serve the student; Ctrl-C ends it after the requests under way."""
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("The server", "serve") from error
    token = os.environ.get(TOKEN_VARIABLE, "").strip() or None
    if host not in _LOOPBACK and token is None:
        raise SettingsError(
            f"{host} can be reached from other machines, and no token is set.",
            f"Set {TOKEN_VARIABLE} to a long random text, or listen on 127.0.0.1.",
        )
    _free(host, port)
    app = build(
        name=name, base=base, adapter=adapter, also=tuple(also or ()), engine=engine,
        batch=batch, queue=queue,
        timeout=timeout, fallback=_names(fallback), key=key, token=token, keep=keep,
        tau=tau, embed=embed, follow=follow, spread=(tensor, pipeline, tuple(rpc or ())),
    )  # fmt: skip
    if check:
        note("The student is loaded and answers.")
        return
    note(f"Serving {name} on http://{host}:{port} (Ctrl-C ends it)")
    note(f"  OpenAI     base_url=http://{host}:{port}/v1")
    note(f"  Anthropic  base_url=http://{host}:{port}")
    note(f"  Ollama     host=http://{host}:{port}")
    # The engine's thread competes with the one that writes the streams: let it not wait 5 ms for
    # its turn between two tokens.
    sys.setswitchinterval(_TURN_SECONDS)
    uvicorn.run(
        app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=30,
        server_header=False,
    )  # fmt: skip


def build(
    *,
    name: str,
    base: str | None,
    adapter: str | None,
    also: tuple[str, ...],
    engine: str,
    batch: int,
    queue: int,
    timeout: float,
    fallback: tuple[str, ...],
    key: str | None,
    token: str | None,
    keep: bool,
    tau: float | None = None,
    embed: Path | None = None,
    follow: bool = False,
    spread: tuple[int, int, tuple[str, ...]] = (1, 1, ()),
) -> FastAPI:
    """Load the models and return the application."""
    try:
        from workbench.server.app import create_app
        from workbench.server.gate import Guard
    except ModuleNotFoundError as error:
        raise MissingPartError.extra("The server", "serve") from error
    from workbench.server.engines import Spread
    from workbench.server.feedback import Keeper
    from workbench.server.fleet import Fleet
    from workbench.server.follow import Follower
    from workbench.server.library import Library
    from workbench.server.metrics import Metrics
    from workbench.server.service import Service
    from workbench.server.verified import Verifier
    from workbench.settings import load_settings
    from workbench.store.database import open_store

    settings = load_settings()
    store = open_store(settings)
    library = Library(store, settings)
    signing = None if key is None else _signing_key(key)
    fleet = Fleet(batch=batch, queue=queue)
    metrics = Metrics(fleet.all)
    by_path = base is not None
    for spec in [_first(name, base, adapter, library), *_others(also, library)]:
        version = fleet.load(replace(spec, engine=engine, spread=Spread(*spread)))
        metrics.version(spec.name, version.number)
        with_ = "no adapter" if version.adapter_digest is None else version.adapter_digest[:12]
        note(f"Loaded {spec.name}: {Path(spec.base).name} with {with_} on {version.device}")
    service = Service(fleet, metrics, timeout=timeout, keeper=Keeper(store) if keep else None)
    _check_teachers(fallback, settings)
    verifier = Verifier(
        service, settings, store, fallback, signing,
        embed=_embedder(embed), confidence=_confidence(tau, fallback, store, fleet),
    )  # fmt: skip
    if follow and (by_path or adapter is not None):
        raise InputError(
            "--follow serves the student in use of this home, so no --base or --adapter goes "
            "with it.",
            "Leave them out, or --follow.",
        )
    return create_app(
        service, verifier, library=None if by_path else library, guard=Guard(token),
        follower=Follower(fleet, library, metrics, name) if follow else None,
    )  # fmt: skip


def _confidence(
    tau: float | None, fallback: tuple[str, ...], store: Store, fleet: Fleet
) -> Confidence | None:
    from workbench.server.confidence import Confidence

    if tau is None:
        return None
    if not fallback:
        raise InputError(
            "--tau passes requests on to teachers, and none is named.",
            "Name them: --fallback synthesis,openai:MODEL",
        )
    found = Confidence(store, tau)
    found.require(fleet.get(None).version)
    return found


def _embedder(folder: Path | None) -> Embedder | None:
    from workbench.retrieval import Embedder

    return None if folder is None else Embedder(folder)


def _first(name: str, base: str | None, adapter: str | None, library: Library) -> Spec:
    from workbench.server.fleet import Spec
    from workbench.server.library import PLAIN

    if base is None:
        return library.spec(name, adapter)
    folder = None if adapter in (None, PLAIN) else Path(adapter)
    return Spec(name, base, folder)


def _others(also: tuple[str, ...], library: Library) -> list[Spec]:
    specs = []
    for each in also:
        name, equals, adapter = each.partition("=")
        if not (name and equals and adapter):
            raise InputError(f"--also {each!r} is not NAME=ADAPTER.", "For example: base=none")
        specs.append(library.spec(name, adapter))
    return specs


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _check_teachers(names: tuple[str, ...], settings: Settings) -> None:
    """Open and close them once: a misspelt name is told now, not at the first request."""
    import asyncio

    from workbench.stages.ask import open_teachers

    async def close() -> None:
        for teacher in open_teachers(names):
            await teacher.close()

    if names:
        asyncio.run(close())


def _signing_key(name: str) -> SigningKey:
    from workbench.certificate.errors import CertificateError
    from workbench.certificate.keys import load_signing_key

    try:
        return load_signing_key(name)
    except CertificateError as error:
        raise InputError(
            f"The key {name!r} cannot be used: {error}.", "See: workbench key list"
        ) from error


def _free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BusyError(
                f"{host}:{port} cannot be listened on: {error.strerror}.",
                "Choose another --port, or end the program that uses it.",
            ) from error
