"""Names, keys, prices and policies: what a person types wrong comes back with its mend."""

from __future__ import annotations

import asyncio
import json
import pickle
from decimal import Decimal
from pathlib import Path

import pytest

import teachers
from teachers import (
    Finish,
    Identity,
    LedgerEntry,
    Price,
    PriceBook,
    PriceError,
    Prompt,
    Sampling,
    Specification,
    SqliteLedger,
    TeacherError,
    Usage,
    available,
    estimate,
    open_teacher,
    training_policy,
)
from teachers.keys import Secret, environment
from teachers.pricing import spoken_price
from teachers.providers import BUILTINS, providers
from teachers.recorded import recorded_line, write_recording
from teachers.wire import retry_after

KEYS = {"OPENAI_API_KEY": "sk-0123456789", "ANTHROPIC_API_KEY": "sk-9876543210"}


@pytest.mark.parametrize(
    ("name", "env", "part"),
    [
        ("opnai:gpt", {}, "did you mean openai?"),
        ("nonsense", {}, "Known are"),
        ("openai", KEYS, "openai:MODEL"),
        ("openai:gpt-x", {}, "set OPENAI_API_KEY"),
        ("anthropic:c", {}, "set ANTHROPIC_API_KEY"),
        ("anthropic:c", {**KEYS, "ANTHROPIC_BASE_URL": "http://h/v1"}, "use http://h"),
        ("openai:gpt-x", {"OPENAI_API_KEY": "sk-1\nsk-2"}, "line break"),
        ("openai:gpt-x", {**KEYS, "OPENAI_BASE_URL": "http://localhost:8000"}, "8000/v1?"),
        ("openai:gpt-x", {**KEYS, "OPENAI_BASE_URL": "localhost"}, "write a URL"),
        ("synthesis:big", {}, "takes no model"),
        ("recorded", {}, "recorded:PATH"),
        ("recorded:/nowhere/at/all.jsonl", {}, "cannot be read"),
        ("ollama", {}, "ollama:MODEL"),
        ("deepseek", {}, "deepseek:MODEL"),
        ("compatible:nowhere:m", {}, "no profile 'nowhere'"),
        ("compatible:vllm", {}, "names no model"),
        ("compatible:http://localhost:8000:m", {}, "/v1?"),
        ("compatible:groq:m", {}, "set GROQ_API_KEY"),
    ],
)
def test_a_name_that_cannot_be_opened_says_what_mends_it(
    name: str, env: dict[str, str], part: str
) -> None:
    with pytest.raises(TeacherError) as error:
        open_teacher(name, env)
    assert part in str(error.value)
    assert "sk-" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "provider", "model", "local"),
    [
        ("synthesis", "synthesis", "sygus", True),
        ("examples", "examples", "enumeration", True),
        ("openai:gpt-5-mini", "openai", "gpt-5-mini", False),
        ("openai:responses:gpt-5-mini", "openai", "gpt-5-mini", False),
        ("anthropic:claude-x", "anthropic", "claude-x", False),
        ("ollama:qwen2.5-coder:1.5b", "ollama", "qwen2.5-coder:1.5b", True),
        ("compatible:vllm:org/model", "vllm", "org/model", True),
        ("compatible:http://localhost:1/v1:a:b", "compatible", "a:b", True),
        ("compatible:https://h.example/v1:m", "compatible", "m", False),
    ],
)
def test_names_open_teachers(name: str, provider: str, model: str, local: bool) -> None:
    teacher = open_teacher(name, KEYS)
    assert teacher.name == name
    assert teacher.identity.provider == provider
    assert teacher.identity.model == model
    assert teacher.identity.local is local
    assert isinstance(teacher, teachers.Teacher)


def test_without_a_key_the_formal_teachers_are_ready_and_the_others_say_what_they_need() -> None:
    found = {status.name: status for status in available({"OLLAMA_HOST": "127.0.0.1:9"})}
    assert found["synthesis"].state == "ready"
    assert found["examples"].state == "ready"
    assert found["openai:MODEL"].state == "no key"
    assert found["openai:MODEL"].mend == "set OPENAI_API_KEY"
    assert found["ollama:MODEL"].state in ("not installed", "not running")
    assert all(status.mend for status in found.values() if status.state != "ready")


def test_a_broken_plug_in_is_a_line_and_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {**BUILTINS, "broken": "no.such.module:X", "odd": "teachers.builtin:Path"}
    monkeypatch.setattr("teachers.providers.BUILTINS", places)
    loaded, broken = providers()
    assert "synthesis" in loaded
    assert {status.name for status in broken} == {"broken", "odd"}
    with pytest.raises(TeacherError, match="cannot be loaded"):
        open_teacher("broken:m", {})


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("sk-very-secret")
    assert "very" not in f"{secret} {secret!r} {[secret]}"
    assert secret.hide("you sent sk-very-secret!") == "you sent ***!"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_dot_env_file_stands_under_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-file\nMISTRAL_API_KEY=m\n")
    monkeypatch.setenv("OPENAI_API_KEY", "from-process")
    found = environment(tmp_path)
    assert (found["OPENAI_API_KEY"], found["MISTRAL_API_KEY"]) == ("from-process", "m")


def test_prices_are_known_unknown_or_free() -> None:
    book = PriceBook()
    usage = Usage(1_000_000, 0)
    known = book.cost(Identity("openai", "gpt-4o-mini"), usage)
    assert known is not None
    assert known > 0
    assert book.cost(Identity("openai", "no-such-model"), usage) is None
    assert book.cost(Identity("ollama", "any", local=True), Usage()) == 0
    assert book.cost(Identity("openai", "gpt-4o-mini"), Usage(None, 5)) is None


def test_cached_tokens_are_priced_apart() -> None:
    book = PriceBook()
    who = Identity("anthropic", "claude-haiku-4-5")
    plain, cached = book.cost(who, Usage(1_000, 0)), book.cost(who, Usage(1_000, 0, 1_000))
    assert plain is not None
    assert cached is not None
    assert cached < plain


def test_a_users_price_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    entry = {"provider": "openai", "model": "gpt-4o-mini", "input": "1", "output": "2"}
    path.write_text(json.dumps({"date": "2026-11-01", "prices": [entry]}))
    cost = PriceBook.read(path).cost(Identity("openai", "gpt-4o-mini"), Usage(1_000_000, 500_000))
    assert cost == Decimal(2)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "not JSON"),
        ("[]", "expected"),
        ('{"prices": [{"provider": "a"}]}', "'input' is missing"),
        ('{"prices": [{"provder": "a"}]}', "unknown field 'provder'"),
        ('{"prices": [{"provider":"a","model":"b","input":"x","output":"1"}]}', "input is 'x'"),
        ('{"prices": [{"provider":"a","model":"b","input":"1","output":-1}]}', "output is -1"),
    ],
)
def test_a_price_file_with_a_slip_names_it(text: str, part: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(PriceError) as error:
        PriceBook.read(path)
    assert part in str(error.value)


def test_an_estimate_comes_before_anything_is_sent() -> None:
    prompts = [Prompt.of("x" * 300)] * 10
    paid = estimate(open_teacher("openai:gpt-4o-mini", KEYS), prompts, Sampling(max_tokens=100))
    assert paid.cost is not None
    assert paid.cost > 0
    unknown = estimate(open_teacher("openai:what", KEYS), prompts, Sampling())
    assert unknown.cost is None
    assert "price file" in unknown.sentence
    assert estimate(open_teacher("synthesis"), prompts, Sampling()).cost == 0


def test_training_policies_default_to_unknown() -> None:
    assert training_policy("synthesis").use == "allowed"
    assert training_policy("examples").use == "allowed"
    assert training_policy("openai", "gpt-5-mini").use == "forbidden"
    assert training_policy("compatible", "who-knows").use == "unknown"
    assert training_policy("somebody").basis


def test_recorded_answers_are_replayed_and_never_made_up(tmp_path: Path) -> None:
    examples = (((1,), 2), ((5,), 6), ((-3,), -2))
    specification = Specification("f", (("a", "int"),), "int", examples=examples)
    prompt = Prompt.of("add one", specification=specification)
    path = tmp_path / "answers.jsonl"

    async def run() -> None:
        live = open_teacher("examples")
        answer = await live.answer(prompt, Sampling())
        await live.close()
        assert write_recording(path, [recorded_line(live, prompt, Sampling(), answer)]) == 1
        replay = open_teacher(f"recorded:{path}")
        again = await replay.answer(prompt, Sampling())
        assert (again.text, again.finish) == (answer.text, Finish.STOP)
        for other in (Prompt.of("add two"), prompt):
            missing = await replay.answer(other, Sampling(sample=1))
            assert missing.finish is Finish.CANNOT

    asyncio.run(run())


def test_a_damaged_recording_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('\n{"prompt_digest": "x"}\n')
    with pytest.raises(TeacherError, match="line 2"):
        open_teacher(f"recorded:{path}")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "3"}, 3.0), ({"retry-after-ms": "250"}, 0.25), ({}, None),
     ({"retry-after": "soon"}, None), ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
     ({"retry-after-ms": "x", "retry-after": "1"}, 1.0)],
)  # fmt: skip
def test_retry_after_is_read_in_each_of_its_forms(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_importing_teachers_loads_no_sdk_no_solver_and_no_numbers() -> None:
    import subprocess
    import sys

    heavy = "('numpy', 'cvc5', 'openai', 'anthropic', 'ollama', 'httpx', 'genai_prices')"
    script = f"import sys, teachers; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_sorted_and_there() -> None:
    assert teachers.__all__ == sorted(teachers.__all__)
    assert all(hasattr(teachers, name) for name in teachers.__all__)


def test_a_price_of_writing_to_the_cache_is_read_kept_and_charged(tmp_path: Path) -> None:
    usage = Usage(1_000_000, 0, cached_tokens=200_000, written_tokens=300_000)
    key, spoken = spoken_price("anthropic:m=4/8/1/5")
    assert spoken.cost(usage) == Decimal("0.5") * 4 + Decimal("0.2") + Decimal("0.3") * 5
    path = tmp_path / "prices.json"
    path.write_text(
        json.dumps({"date": "2026-11-01", "prices": PriceBook({key: spoken}).entries()})
    )
    kept = PriceBook.read(path).price(Identity("anthropic", "m"))
    assert kept is not None
    assert kept.written == Decimal(5)
    plain = Price(Decimal(4), Decimal(8))
    assert plain.cost(usage) == Decimal(4), "without a price of its own it is plain input"
    known = PriceBook().price(Identity("anthropic", "claude-haiku-4-5"))
    assert known is not None
    assert known.written == known.input * Decimal("1.25")


def test_a_ledger_file_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "ledger.db"
    old = sqlite3.connect(path)
    old.execute(
        "CREATE TABLE ledger (id INTEGER PRIMARY KEY, run_id TEXT, provider TEXT, model TEXT, "
        "key TEXT, input_tokens INTEGER, output_tokens INTEGER, cached_tokens INTEGER, "
        "reasoning_tokens INTEGER, cost TEXT, status TEXT, request_id TEXT, at TEXT NOT NULL)"
    )
    old.close()
    ledger = SqliteLedger(path)
    ledger.record(LedgerEntry("r", "p", "m", "k", Usage(1, 1, None, None, 1), Decimal("0.5")))
    assert ledger.spent() == Decimal("0.5")
    ledger.close()
    SqliteLedger(path).close()
