"""Searches, pieces, widths and case of texts of any size: what is proved is CPython's."""

# ruff: noqa: E501  (tables)
from __future__ import annotations

import random

import pytest

from judge.contract import Budget, Contract
from judge.prove import portfolio, prove

BUDGET = Budget(rlimit=4_000_000)
SMALL = Budget(rlimit=600_000)


@pytest.fixture(autouse=True)
def at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only proofs at any size are at stake here."""
    monkeypatch.setattr(portfolio.bounded, "prove", lambda session: None)
    monkeypatch.setattr(portfolio.paths, "prove", lambda session: None)


Case = tuple[str, str, str]
TRUE: dict[str, Case] = {
    "found is there": ("s.find(t)", "True", "result == -1 or s[result:result + len(t)] == t"),
    "the first letter": ("s.find('a')", "True", "'a' not in s[:result] if result >= 0 else True"),
    "the last letter": ("s.rfind('a')", "True", "'a' not in s[result + 1:]"),
    "an index of what is in": ("s.index('a')", "'a' in s", "s[result] == 'a'"),
    "the empty text is at the start": ("s.find('')", "True", "result == 0"),
    "stripped is not longer": ("s.strip()", "True", "len(result) <= len(s)"),
    "no blank is left at the end": (
        "s.strip()", "True", "result == '' or not result[0].isspace() and not result[-1].isspace()"),
    "a prefix of one letter goes": ("s.lstrip('x')", "True", "not result.startswith('x')"),
    "the rest stays": ("s.rstrip('x')", "True", "s.startswith(result)"),
    "one piece more than separators": ("len(s.split(','))", "True", "result == s.count(',') + 1"),
    "a piece holds no separator": ("s.split(',')[0]", "True", "',' not in result"),
    "words are not empty": (
        "s.split()", "True", "all(len(w) > 0 and ' ' not in w for w in result)"),
    "blanks have no words": ("s.split()", "s != '' and s.isspace()", "result == []"),
    "parts of what is written": ("f'{n}:{m}'.split(':')[1]", "0 <= m < 99 and -5 < n < 5",
        "int(result) == m"),
    "case keeps the length of ASCII": ("s.lower()", "s.isascii()", "len(result) == len(s)"),
    "no letter vanishes": ("s.upper()", "True", "len(result) >= len(s)"),
    "small letters": ("s.lower()", "s.isascii()", "not any('A' <= c <= 'Z' for c in result)"),
    "one letter": ("s.lower()", "len(s) == 1 and s.isascii()", "len(result) == 1"),
    "twice is once": ("s.upper().upper()", "s.isascii()", "result == s.upper()"),
    "a title": ("s.title()", "s.isascii() and s != ''", "not 'a' <= result[0] <= 'z'"),
    "padded": ("s.rjust(n)", "True", "len(result) == max(n, len(s)) and result.endswith(s)"),
    "two digits": ("f'{n:02d}'", "0 <= n < 10**6", "len(result) >= 2"),
    "zeros behind the sign": ("f'{n:04d}'", "-9 <= n < 0", "result[0] == '-' and len(result) == 4"),
    "text to the left": ("f'{s:5}'", "True", "result.startswith(s) and len(result) >= 5"),
    "a number to the right": ("f'{n:5}'", "0 <= n < 10", "result[0] == ' '"),
    "filled with zeros": ("str(n).zfill(6)", "0 <= n < 10**6", "len(result) >= 6"),
    "long words": (
        "len([w for w in s.split(',') if len(w) > n])", "True", "0 <= result <= s.count(',') + 1"),
}  # fmt: skip
FALSE: dict[str, Case] = {
    "found need not be": ("s.find(t)", "True", "result >= 0"),
    "not the last one": ("s.find('a')", "True", "'a' not in s[result + 1:]"),
    "what is missing raises": ("s.index('a')", "True", "True"),
    "what is missing counts from the end": ("s[s.rfind('.'):]", "len(s) > 1", "'.' in result"),
    "the empty text": ("s.rfind('')", "True", "result == 0"),
    "blanks may be inside": ("s.strip()", "True", "' ' not in result"),
    "all may go": ("s.strip()", "s != ''", "result != ''"),
    "only that letter goes": ("s.strip('x')", "True", "not result.startswith(' ')"),
    "an empty text has one piece": ("s.split(',')", "True", "result != ['']"),
    "pieces may be empty": ("s.split(',')", "True", "all(len(w) > 0 for w in result)"),
    "words have no number": ("s.split()", "True", "len(result) == s.count(' ') + 1"),
    "tabs part words": ("s.split()", "s != '' and ' ' not in s", "len(result) == 1"),
    "case may change the length": ("s.upper()", "True", "len(result) == len(s)"),
    "that of one letter too": ("s.lower()", "len(s) == 1", "len(result) == 1"),
    "ASCII may come from elsewhere": ("s.lower()", "len(s) == 1 and s > 'z'", "result != 'k'"),
    "letters beyond may be small": ("s.upper()", "True", "result.upper() == result"),
    "a title after a digit": ("s.title()", "s == '1a'", "result == '1a'"),
    "a sign is padded before": ("f'{n:4d}'", "-9 <= n < 0", "result[0] == '-'"),
    "zeros are before digits": ("f'{n:04d}'", "-9 <= n < 0", "result[1] == '-'"),
    "width is the least": ("f'{n:02d}'", "0 <= n < 10**6", "len(result) == 2"),
    "text is not to the right": ("f'{s:5}'", "True", "result.endswith(s)"),
    "a plus is a sign too": ("s.zfill(n)", "s == '+1' and n == 4", "result == '00+1'"),
}  # fmt: skip


def outcome(case: Case, budget: Budget) -> str:
    body, requires, ensures = case
    code = f"def f(s: str, t: str, n: int, m: int):\n    return {body}\n"
    return prove(code, "f", Contract((requires,), (ensures,)), budget).outcome


@pytest.mark.parametrize("name", sorted(TRUE))
def test_what_holds_is_proved(name: str) -> None:
    assert outcome(TRUE[name], BUDGET) == "proved"


@pytest.mark.parametrize("name", sorted(FALSE))
def test_what_does_not_hold_is_not(name: str) -> None:
    assert outcome(FALSE[name], SMALL) != "proved"


FORMS = (
    "s.find(t)", "s.rfind(t)", "len(s.strip())", "len(s.lstrip(t))", "len(s.rstrip(t))",
    "len(s.split())", "len(s.split('a'))", "len(s.rjust(n))", "len(s.lower())", "len(s.upper())",
    "len(s.zfill(n))", "len(f'{n:03d}')", "s.lower().count('b')", "len(s.title())",
)  # fmt: skip
LETTERS = "aab AB\t1-\u0130\u00df"


@pytest.mark.parametrize("seed", range(12))
def test_on_one_input_nothing_is_proved_that_cpython_denies(seed: int) -> None:
    rng = random.Random(seed)
    form = FORMS[seed % len(FORMS)]
    s = "".join(rng.choices(LETTERS, k=rng.randint(0, 4)))
    t = "".join(rng.choices(LETTERS, k=rng.randint(0, 2)))
    n = rng.randint(-3, 5)
    real = eval(form, {"s": s, "t": t, "n": n})
    given = f"s == {s!r} and t == {t!r} and n == {n}"
    assert outcome((form, given, f"result != {real}"), SMALL) != "proved"


def test_strange_arguments_are_no_certain_errors() -> None:
    code = (
        "def f(s: str, b: bool) -> str:\n    w = 3 if b else 'x'\n    try:\n"
        "        return s.rjust(w)\n    except TypeError:\n        return ''\n"
    )
    assert prove(code, "f", Contract((), ("result == ''",)), SMALL).outcome != "proved"
