"""``workbench sources``: who answers, what it cost, what stands against them, and their prices."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import emit_json, emit_lines, emit_table, note

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from workbench.store.views.asking import Alert, CircuitView

app = typer.Typer(no_args_is_help=False, add_completion=False, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def overview(context: typer.Context, json: Json = False) -> None:
    """List the sources that answered, with circuits and alerts that stand.

    One line a source: answers, proved, cost, cost per proved answer, seconds, tokens a second.
    """
    if context.invoked_subcommand is not None:
        return
    from workbench.store.database import open_store
    from workbench.store.views import asking

    with open_store() as store, store.engine.connect() as connection:
        records = _standings(connection)
        circuits, alerts = asking.circuits(connection), asking.alerts(connection)
    if json:
        emit_json(
            {
                "sources": records,
                "circuits": [asdict(each) for each in circuits],
                "alerts": [asdict(each) for each in alerts],
            }
        )
        return
    if not records:
        note("Nobody has answered yet. See who can: workbench doctor")
    else:
        _table(records)
    _warn(circuits, alerts)


def dollars(amount: Decimal) -> str:
    """Return an amount with every digit that it has, and no other."""
    return f"{amount.normalize():f}"


def _standings(connection: Connection) -> list[dict[str, Any]]:
    from workbench.store.views import asking, leaderboard

    found = []
    for standing in leaderboard.standings(connection):
        speed = asking.speed(connection, standing.source.id)
        per_proof = standing.cost_per_proof
        found.append(
            {
                "source": standing.source.id,
                "answers": standing.answered,
                "proved": standing.proved,
                "cost": dollars(standing.cost),
                "unpriced": standing.unpriced,
                "cost_per_proved": None if per_proof is None else f"{per_proof:.6f}",
                "median_seconds": standing.median_seconds,
                "slow_seconds": standing.slow_seconds,
                "first_token_seconds": None if speed is None else speed.first_token_seconds,
                "tokens_per_second": None if speed is None else speed.tokens_per_second,
                "training": standing.policy,
            }
        )
    return found


def _table(records: list[dict[str, Any]]) -> None:
    emit_table(
        ("source", "answers", "proved", "cost $", "$ per proved", "s", "s to 1st", "tok/s"),
        (
            (
                r["source"], r["answers"], r["proved"], r["cost"], r["cost_per_proved"] or "",
                _short(r["median_seconds"]), _short(r["first_token_seconds"]),
                _short(r["tokens_per_second"]),
            )
            for r in records
        ),
    )  # fmt: skip


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _warn(circuits: tuple[CircuitView, ...], alerts: tuple[Alert, ...]) -> None:
    for circuit in circuits:
        note(
            f"{circuit.provider} is set aside ({circuit.kind}, {circuit.failures} failures; "
            f"{circuit.words}): {circuit.message}\n"
            f"  ask again at once: workbench sources reset {circuit.provider}"
        )
    for alert in alerts:
        if alert.kind != "circuit":
            note(f"alert {alert.id}: {alert.message}\n  workbench sources dismiss {alert.id}")


@app.command()
def cost(
    today: Annotated[bool, typer.Option("--today", help="Only this day (UTC).")] = False,
    json: Json = False,
) -> None:
    """Show the bill: requests, tokens and US dollars by provider and model, from the ledger."""
    from workbench.store.database import open_store
    from workbench.store.views import asking

    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with open_store() as store, store.engine.connect() as connection:
        bill = asking.spending(connection, midnight if today else None)
    if json:
        emit_lines({**asdict(line), "cost": dollars(line.cost)} for line in bill)
        return
    emit_table(
        (
            "provider", "model", "how", "requests", "failed", "tokens in", "from cache", "to cache",
            "out", "cost $",
        ),
        (
            (
                b.provider, b.model, b.channel, b.requests, b.failed, b.input_tokens,
                b.cached_tokens, b.written_tokens, b.output_tokens, _amount(b.cost, b.unpriced),
            )
            for b in bill
        ),
    )  # fmt: skip
    total = sum((line.cost for line in bill), Decimal(0))
    note(f"Together ${dollars(total)}.")


def _amount(cost: Decimal, unpriced: int) -> str:
    return dollars(cost) + (f" + {unpriced} unpriced" if unpriced else "")


@app.command()
def reset(
    provider: Annotated[str | None, typer.Argument(help="Without one: all of them.")] = None,
) -> None:
    """Close the circuits of a provider, so that it is asked again at once.

    A run that is under way notices within seconds.
    """
    from workbench.errors import NotFoundError
    from workbench.store.database import open_store
    from workbench.store.teaching import StoreCircuits
    from workbench.store.views import asking

    with open_store() as store:
        with store.engine.connect() as connection:
            known = {each.provider for each in asking.circuits(connection)}
        if provider is not None and provider not in known:
            if known:
                raise NotFoundError.among("provider that is set aside", provider, known)
            raise NotFoundError(f"{provider} is not set aside.", "Nothing has to be reset.")
        StoreCircuits(store).forget(provider)
    note(f"Reset: {', '.join(sorted({provider} if provider else known)) or 'nothing was open'}.")


@app.command()
def price(
    name: Annotated[str | None, typer.Argument(help="PROVIDER:MODEL; without one: list.")] = None,
    input: Annotated[str | None, typer.Argument(help="US dollars a million tokens in.")] = None,
    output: Annotated[str | None, typer.Argument(help="The same for tokens out.")] = None,
    cached: Annotated[str | None, typer.Argument(help="For tokens from the cache.")] = None,
    written: Annotated[str | None, typer.Argument(help="For tokens to the cache.")] = None,
    json: Json = False,
) -> None:
    """Show or keep prices. Yours come before those of the bundled snapshot.

    With a name alone it says which price holds and where it comes from.
    """
    from teachers.errors import PriceError
    from teachers.pricing import spoken_price
    from workbench.errors import InputError
    from workbench.prices import own_prices, price_path, set_price
    from workbench.settings import load_settings

    settings = load_settings()
    if name is None:
        own = own_prices(settings)
        if json:
            emit_lines(own)
        else:
            names = ("provider", "model", "input", "output", "cached", "written")
            emit_table(names, ([e.get(n, "") for n in names] for e in own))
        return
    if input is None or output is None:
        _show_price(name)
        return
    parts = (input, output, cached, written)
    figures = "/".join(part for part in parts if part is not None)
    try:
        key, value = spoken_price(f"{name}={figures}")
    except PriceError as error:
        raise InputError(str(error)) from error
    settings.home.mkdir(parents=True, exist_ok=True)
    set_price(settings, key, value)
    note(f"{key[0]}:{key[1]} costs ${input} in and ${output} out; kept in {price_path(settings)}.")


def _show_price(name: str) -> None:
    from teachers.model import Identity
    from teachers.pricing import price_name
    from workbench.errors import NotFoundError
    from workbench.settings import load_settings
    from workbench.stages.door import price_book

    provider, model = price_name(name)
    found = price_book(load_settings()).price(Identity(provider, model))
    if found is None:
        raise NotFoundError(
            f"No price is known for {provider}:{model}.",
            f"Keep it: workbench sources price {provider}:{model} INPUT OUTPUT "
            "(US dollars per million tokens).",
        )
    emit_table(
        ("provider", "model", "input", "output", "cached", "written", "from"),
        [
            (
                provider,
                model,
                found.input,
                found.output,
                found.cached,
                found.written,
                found.source,
            )
        ],
    )


@app.command()
def alerts(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were cleared.")
    ] = False,
    json: Json = False,
) -> None:
    """List the objectives that are missed. Exit status 1 when one stands."""
    from workbench.store.database import open_store
    from workbench.store.views import asking

    with open_store() as store, store.engine.connect() as connection:
        found = asking.alerts(connection, everything=everything)
    if json:
        emit_lines(asdict(each) for each in found)
    else:
        emit_table(
            ("alert", "kind", "about", "state", "message"),
            ((a.id, a.kind, a.subject, "cleared" if a.cleared_at else "stands", a.message)
             for a in found),
        )  # fmt: skip
    raise typer.Exit(1 if any(each.cleared_at is None for each in found) else 0)


@app.command()
def dismiss(alert: Annotated[int, typer.Argument(help="Its number.")]) -> None:
    """Clear an alert by hand; it comes back when the objective is missed again."""
    from workbench.stages.alerts import dismiss
    from workbench.store.database import open_store

    with open_store() as store:
        dismiss(store, alert)


@app.command()
def batches(json: Json = False) -> None:
    """List the batches that were sent, and which of them are still under way."""
    from workbench.store.database import open_store
    from workbench.store.views import asking

    with open_store() as store, store.engine.connect() as connection:
        found = asking.batches(connection)
    if json:
        emit_lines(asdict(each) for each in found)
        return
    emit_table(
        ("batch", "source", "requests", "state", "at the provider", "sent"),
        (
            (b.id, b.source, b.requests, b.state, b.remote_id or "", f"{b.created_at:%F %T}")
            for b in found
        ),
    )
    if any(each.state != "done" for each in found):
        note("Collect with the command that sent them; what has come is not asked again.")
