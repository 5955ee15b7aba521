"""Before money is spent: what it may cost, whether that is allowed, and a price that is missing.

Nothing here sends anything. A price that nobody knows is asked for, on a terminal, and else
demanded; it is never taken to be nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import typer

from workbench.cli.output import note

if TYPE_CHECKING:
    from teachers.model import Prompt, Sampling
    from teachers.pricing import PriceBook
    from teachers.protocol import Teacher
    from workbench.settings import Settings
    from workbench.stages.ask import Question
    from workbench.store.database import Store
    from workbench.tasks import Task

__all__ = ["affordable", "caps", "money", "with_prices"]


def money(text: str | None, option: str = "--max-cost") -> Decimal | None:
    """Return the amount that a person typed behind ``option``; ``InputError`` if it is none."""
    from workbench.errors import InputError

    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or amount < 0:
        raise InputError(f"{option} {text!r} is no amount.", "Write it like 2.50.")
    return amount


def caps(said: Sequence[str]) -> dict[str, Decimal] | None:
    """Return provider -> most US dollars from ``PROVIDER=AMOUNT`` texts, or None without any."""
    from workbench.errors import InputError

    found: dict[str, Decimal] = {}
    for each in said:
        name, equals, amount = each.partition("=")
        value = money(amount.strip(), "--max-cost-provider") if equals else None
        if value is None or not name.strip():
            raise InputError(
                f"--max-cost-provider {each!r} is not understood.", "Write it like openai=2.50."
            )
        found[name.strip()] = value
    return found or None


def with_prices(settings: Settings, said: Sequence[str], teachers: Sequence[Teacher]) -> PriceBook:
    """Return the price book with a price for every teacher that costs something.

    Raises ``InputError`` where one is missing and nobody is there to be asked.
    """
    from teachers.errors import PriceError
    from teachers.pricing import close_models, spoken_price
    from workbench.errors import InputError
    from workbench.prices import set_price
    from workbench.stages.door import price_book

    book = price_book(settings, said)
    for teacher in teachers:
        identity = teacher.identity
        if book.price(identity) is not None:
            continue
        name = f"{identity.provider}:{identity.model}"
        if not sys.stdin.isatty():
            near = ", ".join(close_models(identity.provider, identity.model))
            meant = f" Did you mean {near}?" if near else ""
            raise InputError(
                f"No price is known for {teacher.name}, so neither an estimate nor a cap can hold."
                f"{meant}",
                f"Say it in US dollars per million tokens: --price {name}=INPUT/OUTPUT "
                f"(or keep it: workbench sources price {name} INPUT OUTPUT).",
            )
        asked = typer.prompt(
            f"No price is known for {name}. US dollars per million tokens, INPUT/OUTPUT", err=True
        )
        try:
            key, price = spoken_price(f"{name}={asked}")
        except PriceError as error:
            raise InputError(str(error)) from error
        set_price(settings, key, price)
        book = book.with_prices({key: price})
    return book


def affordable(
    settings: Settings,
    teachers: Sequence[Teacher],
    tasks: Sequence[Task],
    sampling: Sampling,
    samples: int,
    *,
    dry_run: bool,
    yes: bool,
    store: Store | None = None,
    prices: PriceBook | None = None,
    system: str | None = None,
    batch: bool = False,
) -> bool:
    """Show what it may cost; say whether to go on (nothing is shown for free teachers).

    With a ``store`` only what has not been answered yet is counted.
    """
    from teachers.pricing import BATCH, estimate
    from workbench.stages.ask import missing_questions, task_questions
    from workbench.stages.door import price_book

    asked = [t for t in teachers if t.identity.local or not settings.private]
    if prices is not None:
        book = prices
    else:
        book = price_book(settings) if dry_run else with_prices(settings, (), asked)
    blobs = None if store is None else store.blobs
    questions = task_questions(tasks, sampling, samples, system, blobs)
    total, paid = Decimal(0), False
    for teacher in asked:
        open_ones: Sequence[Question] = questions
        if store is not None:
            open_ones = missing_questions(store, teacher, questions)
        prompts: list[Prompt] = [each.prompt for each in open_ones]
        discount = BATCH if batch else Decimal(1)
        expected = estimate(teacher, prompts, sampling, book, discount=discount)
        costs = bool(prompts) and (expected.cost is None or expected.cost > 0)
        paid = paid or costs
        total += expected.cost or Decimal(0)
        if costs or dry_run:
            usual = _usual(store, teacher, book, len(prompts), discount)
            note(f"{teacher.name}: {len(prompts)} questions. {expected.sentence}{usual}")
    if dry_run:
        note(f"Together at most ${total:.4f}.")
        return False
    return not paid or _allowed(settings, total, yes=yes)


def _allowed(settings: Settings, total: Decimal, *, yes: bool) -> bool:
    from workbench.errors import InputError

    if settings.max_cost == 0:
        raise InputError(
            "These teachers cost money and nothing may be spent.",
            "Allow an amount: --max-cost 1.00",
        )
    limits = [f"${settings.max_cost} this run"]
    if settings.max_cost_day is not None:
        limits.append(f"${settings.max_cost_day} today")
    limits += [f"${cap} at {name}" for name, cap in sorted(settings.max_cost_provider.items())]
    note(f"Together at most ${total:.4f}. Never more than {', '.join(limits)} will be spent.")
    if yes:
        return True
    if not sys.stdin.isatty():
        raise InputError("Spending needs a yes.", "Add --yes, or run it in a terminal.")
    return typer.confirm("Go on?", err=True)


def _usual(
    store: Store | None, teacher: Teacher, book: PriceBook, count: int, discount: Decimal
) -> str:
    """Return what earlier answers of this source suggest, as a part of a sentence."""
    from teachers.model import Usage
    from workbench.store.views.asking import usual_tokens

    price = book.price(teacher.identity)
    if store is None or price is None or not count:
        return ""
    with store.engine.connect() as connection:
        found = usual_tokens(connection, teacher.name)
    if found is None:
        return ""
    answers, tokens_in, tokens_out = found
    cost = price.cost(Usage(tokens_in * count, tokens_out * count), discount=discount)
    if not cost:
        return ""
    return f"; about ${cost:.4f} by its {answers} answers so far"
