"""A short deterministic slice of the fuzzer of paths, and proof that it would notice."""

from __future__ import annotations

import pytest

from judge.symbolic import term as T
from judge.symbolic import texts
from judge.symbolic.term import Term
from tests.judge.fuzz_paths import one, path_says

SLICES = [range(0, 30), range(1000, 1030), range(2000, 2030)]


@pytest.mark.parametrize("seeds", SLICES)
def test_paths_end_as_cpython_ends(seeds: range) -> None:
    modelled = 0
    for seed in seeds:
        found, words = one(seed)
        assert found is None, str(found)
        modelled += words["modelled"]
    assert modelled > 30


def test_a_wrong_meaning_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "def f(p0: str) -> str:\n    return p0.upper()\n"
    assert path_says(code, ("ab",)) == ("value", "AB")

    def wrong(code: Term) -> Term:
        return T.add(code, T.num(1))

    monkeypatch.setattr(texts.characters, "raised", wrong)
    assert path_says(code, ("ab",)) == ("value", "bc")


def test_an_input_beyond_the_bound_has_no_path() -> None:
    code = "def f(p0: list[int]) -> int:\n    return sorted(p0, key=lambda x: -x)[0]\n"
    assert path_says(code, ([1, 5, 2],)) == ("value", 5)
    assert path_says(code, ([1] * 9,)) is None
