"""What an answer costs: exact decimals from a dated snapshot, or the user's own price file.

The snapshot is the one bundled with ``genai-prices``; nothing is fetched. A model without a known
price has cost None, never 0; a teacher on this machine costs exactly 0. The user's file wins::

    {"date": "2026-11-01",
     "prices": [{"provider": "openai", "model": "gpt-x", "input": "0.15", "output": "0.60"}]}

Prices are US dollars per million tokens, written as strings so that no digit is lost. "cached" and
"written" may be named too: input read from the provider's cache, and input written to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

from teachers.errors import PriceError
from teachers.images import tokens_of
from teachers.model import Identity, Prompt, Sampling, Usage
from teachers.protocol import Teacher

MILLION = Decimal(1_000_000)

# Our provider names in the words of the price snapshot.
_SNAPSHOT_NAMES = {"gemini": "google", "nebius": "huggingface_nebius"}


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; ``cached`` and ``written`` None cost what plain input does.

    ``cached`` is for input read from the provider's cache, ``written`` for input written to it (for
    Anthropic: the price of the usual five minutes).
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    source: str = ""
    written: Decimal | None = None

    def cost(self, usage: Usage, *, discount: Decimal = Decimal(1)) -> Decimal | None:
        """Return the exact cost of ``usage``; None when the provider did not say the tokens.

        ``usage.input_tokens`` includes ``cached_tokens`` and ``written_tokens``;
        ``usage.output_tokens`` includes reasoning tokens. ``discount`` is 0.5 for the batches.
        """
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        cached = min(usage.cached_tokens or 0, usage.input_tokens)
        written = min(usage.written_tokens or 0, usage.input_tokens - cached)
        total = (
            self.input * (usage.input_tokens - cached - written)
            + (self.input if self.cached is None else self.cached) * cached
            + (self.input if self.written is None else self.written) * written
            + self.output * usage.output_tokens
        )
        return total / MILLION * discount


BATCH = Decimal("0.5")
"""OpenAI's, Anthropic's and Gemini's price of a batch request, relative to a single one."""

FREE = Price(Decimal(0), Decimal(0), Decimal(0), "runs on this machine")


class PriceBook:
    """Prices by provider and model: the user's file first, then the bundled snapshot."""

    def __init__(self, own: Mapping[tuple[str, str], Price] | None = None) -> None:
        self._own = dict(own or {})

    def with_prices(self, own: Mapping[tuple[str, str], Price]) -> PriceBook:
        """Return a book in which ``own`` come before what is in this one."""
        return PriceBook({**self._own, **own})

    @classmethod
    def read(cls, path: Path) -> PriceBook:
        """Read a user's price file; raises ``PriceError`` that names the entry and the mend."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise PriceError(f"{path}: the price file cannot be read ({error.strerror})") from None
        except ValueError as error:
            raise PriceError(f"{path}: not JSON ({error}); mend the file or remove it") from None
        if not isinstance(data, dict) or not isinstance(data.get("prices"), list):
            raise PriceError(f'{path}: expected {{"date": ..., "prices": [...]}}')
        date = str(data.get("date", "undated"))
        own: dict[tuple[str, str], Price] = {}
        for number, entry in enumerate(data["prices"], 1):
            name, price = _entry(entry, f"{path}: price {number}", date)
            own[name] = price
        return cls(own)

    def price(self, identity: Identity) -> Price | None:
        """Return the price that holds for ``identity``, or None when nobody knows it."""
        own = self._own.get((identity.provider, identity.model))
        if own is not None:
            return own
        if identity.local:
            return FREE
        return _snapshot(identity.provider, identity.model)

    def cost(self, identity: Identity, usage: Usage) -> Decimal | None:
        """Return the exact cost of ``usage`` at ``identity``, or None when it cannot be known."""
        price = self.price(identity)
        if price is FREE:
            return Decimal(0)
        return None if price is None else price.cost(usage)

    def entries(self) -> list[dict[str, str]]:
        """Return the user's own prices in the form of a price file, by name."""
        return [
            {"provider": provider, "model": model, "input": str(p.input), "output": str(p.output)}
            | ({} if p.cached is None else {"cached": str(p.cached)})
            | ({} if p.written is None else {"written": str(p.written)})
            for (provider, model), p in sorted(self._own.items())
        ]


def _entry(entry: object, where: str, date: str) -> tuple[tuple[str, str], Price]:
    known = {"provider", "model", "input", "output", "cached", "written"}
    if not isinstance(entry, dict):
        raise PriceError(f"{where}: expected an object with {', '.join(sorted(known))}")
    unknown = sorted(set(entry) - known)
    if unknown:
        raise PriceError(
            f"{where}: unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )
    missing = sorted({"provider", "model", "input", "output"} - set(entry))
    if missing:
        raise PriceError(f"{where}: the field {missing[0]!r} is missing")
    values = {}
    for name in ("input", "output", "cached", "written"):
        if entry.get(name) is None:
            continue
        values[name] = amount(entry[name], f"{where}: {name}")
    return (str(entry["provider"]), str(entry["model"])), Price(
        values["input"],
        values["output"],
        values.get("cached"),
        f"price file of {date}",
        values.get("written"),
    )


def amount(value: object, where: str) -> Decimal:
    """Return a price that somebody wrote; raises ``PriceError`` that names ``where``."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("nan")
    if isinstance(value, bool) or not found.is_finite() or found < 0:
        raise PriceError(f'{where} is {value!r}; write US dollars per million tokens, as "0.15"')
    return found


def spoken_price(text: str) -> tuple[tuple[str, str], Price]:
    """Return provider, model and price of ``PROVIDER:MODEL=INPUT/OUTPUT[/CACHED[/WRITTEN]]``.

    The teacher's name may be written as it is asked (``compatible:groq:MODEL``). Raises
    ``PriceError`` with the form.
    """
    name, equals, figures = text.rpartition("=")
    parts = figures.split("/")
    provider, model = price_name(name)
    if not equals or not model or not 2 <= len(parts) <= 4:
        raise PriceError(
            f"{text!r} is no price; write PROVIDER:MODEL=INPUT/OUTPUT in US dollars per million "
            "tokens, as in openai:gpt-5-mini=0.25/2.00"
        )
    paid, out, *rest = [amount(part.strip(), f"the price in {text!r}") for part in parts]
    cached, written = (*rest, None, None)[:2]
    return (provider, model), Price(paid, out, cached, "given by hand", written)


def close_models(provider: str, model: str) -> list[str]:
    """Return up to three models of ``provider`` in the snapshot whose names are close to this."""
    from difflib import get_close_matches

    from genai_prices import data

    name = _SNAPSHOT_NAMES.get(provider, provider)
    known = [each.id for found in data.providers if found.id == name for each in found.models]
    return get_close_matches(model, known, n=3, cutoff=0.8)


def price_name(name: str) -> tuple[str, str]:
    """Return the provider and model under which the price of teacher ``name`` is looked up."""
    from teachers.compatible import PROFILES

    provider, _, model = name.strip().partition(":")
    if provider == "openai":
        return provider, model.removeprefix("responses:")
    if provider != "compatible":
        return provider, model
    if model.startswith(("http://", "https://")):
        return provider, model.rpartition("/")[2].partition(":")[2]
    profile, _, rest = model.partition(":")
    return (profile, rest) if profile in PROFILES else (provider, model)


@cache
def _snapshot(provider: str, model: str) -> Price | None:
    import genai_prices

    probe = 1_000_000
    name = _SNAPSHOT_NAMES.get(provider, provider)

    def at(**tokens: int) -> Decimal:
        usage = genai_prices.Usage(**tokens)
        found = genai_prices.calc_price(usage, model_ref=model, provider_id=name)
        return Decimal(found.total_price)

    # Tiered prices answer by size, so we ask for the price of a small request: 1000 tokens.
    small, scale = 1_000, Decimal(probe) / 1_000
    try:
        output = at(output_tokens=small) * scale
        fresh = at(input_tokens=small) * scale
        cached = at(input_tokens=small, cache_read_tokens=small) * scale
        written = at(input_tokens=small, cache_write_tokens=small) * scale
    except LookupError:
        return None
    version = genai_prices.__version__
    return Price(fresh, output, cached, f"snapshot of genai-prices {version}", written)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What asking would cost at most, before anything is sent. ``cost`` is None when unknown."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    sentence: str


def count_tokens(prompt: Prompt) -> int:
    """Return an upper guess of the tokens of ``prompt``: one for three bytes, and the frame.

    No tokeniser is asked (they differ, and some download at first use), so this is for estimates
    and rate limits; the ledger uses the provider's own figures.
    """
    total = 3
    for message in prompt.messages:
        total += 4 + -(-len(message.content.encode("utf-8")) // 3)
        total += sum(tokens_of(image) for image in message.images)
    return total


def estimate_for(
    identity: Identity,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    book: PriceBook,
    *,
    discount: Decimal = Decimal(1),
) -> Estimate:
    """Return the upper estimate for asking ``identity`` every one of ``prompts`` once.

    ``discount`` is ``BATCH`` for the batch interfaces.
    """
    tokens_in = sum(count_tokens(prompt) for prompt in prompts)
    tokens_out = sampling.max_tokens * len(prompts)
    price = book.price(identity)
    who = f"{identity.provider}:{identity.model}"
    if price is FREE:
        cost: Decimal | None = Decimal(0)
        sentence = f"{who}: {len(prompts)} requests on this machine, no charge"
    elif price is None:
        cost = None
        sentence = (
            f"{who}: {len(prompts)} requests, at most {tokens_in + tokens_out:,} tokens; no price "
            "is known, so name one in a price file before setting a budget"
        )
    else:
        cost = price.cost(Usage(tokens_in, tokens_out), discount=discount) or Decimal(0)
        sentence = (
            f"{who}: {len(prompts)} requests, at most {tokens_in:,} tokens in and {tokens_out:,} "
            f"out, at most ${cost:.4f} ({price.source}"
            + (")" if discount == 1 else f", batch at {discount:.0%})")
        )
    return Estimate(len(prompts), tokens_in, tokens_out, cost, sentence)


def estimate(
    teacher: Teacher,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    book: PriceBook | None = None,
    *,
    discount: Decimal = Decimal(1),
) -> Estimate:
    """Return what asking ``teacher`` all of ``prompts`` once would cost at most."""
    identity = teacher.identity
    return estimate_for(identity, prompts, sampling, book or PriceBook(), discount=discount)
