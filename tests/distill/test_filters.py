"""The filter pipeline: each rule on seeded bad rows, the funnel, what is restored, bad files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from distill.dedupe import Duplicate
from distill.embedding import alike, nearest
from distill.errors import DistillError
from distill.example import Example
from distill.filter_config import RULES, Filters, checked_filters, read_filters
from distill.filters import Tools, run_filters
from distill.privacy import personal, secrets
from distill.semantic import semantic

CODE = "def f(a):\n    return a + 1"
FACTS: dict[str, object] = {"verdict": "proved", "score": 0.95, "licence": "MIT"}


def row(name: str, completion: str = CODE, ask: str = "", **facts: object) -> Example:
    turns = (("user", ask or f"Ask {name}."),)
    return Example(name, f"task/{name}", turns, completion, "source", facts={**FACTS, **facts})


def pipeline(*rules: dict[str, object]) -> Filters:
    return checked_filters({"filter": list(rules)}, "here")


@pytest.mark.parametrize(
    ("rule", "bad", "part"),
    [
        ({"rule": "rung"}, row("x", verdict="tested"), "accepted: proved"),
        ({"rule": "score"}, row("x", score=0.8), "wanted: above 0.8"),
        ({"rule": "score"}, row("x", score=None), "no score"),
        ({"rule": "truncation"}, row("x", "def f(a):\n    return ("), "does not parse"),
        ({"rule": "truncation"}, row("x", finish="length"), "ended with 'length'"),
        ({"rule": "secrets"}, row("x", 'def f():\n    password = "hunter2secret"'), "line 3"),
        ({"rule": "personal"}, row("x", ask="Write to jo.doe@gmail.com."), "e-mail"),
        ({"rule": "licence", "allow": ["MIT"]}, row("x", licence="GPL-3.0"), "licence GPL-3.0"),
        ({"rule": "length", "most": 40}, row("x", CODE + " " * 30), "56 characters"),
        ({"rule": "length", "most_prompt": 20}, row("x", ask="a" * 21), "a prompt of 21"),
        ({"rule": "exact"}, row("x", "def g(b):\n    return b + 1", "Ask good."), "task/good"),
        ({"rule": "near", "threshold": 0.5}, row("x", CODE, "Ask good!"), "alike (near) to good"),
    ],
)  # fmt: skip
def test_each_rule_takes_the_bad_row_and_says_why(
    rule: dict[str, object], bad: Example, part: str
) -> None:
    found = run_filters([row("good"), bad], pipeline(rule))
    assert [one.id for one in found.rows] == ["good"]
    assert [(one.id, one.task_id, one.rule) for one in found.removed] == [
        ("x", "task/x", str(rule["rule"]))
    ]
    assert part in found.removed[0].reason


def test_the_funnel_counts_what_comes_in_and_goes_out_of_each_rule() -> None:
    rows = [row("a"), row("b", score=0.5), row("c", verdict="tested"), row("d", licence="none")]
    found = run_filters(
        rows, pipeline({"rule": "rung"}, {"rule": "score"}, {"rule": "licence", "allow": ["MIT"]})
    )
    assert [(s.rule, s.before, s.after) for s in found.steps] == [
        ("rung", 4, 3), ("score", 3, 2), ("licence", 2, 1)
    ]  # fmt: skip
    assert found.steps[1].settings == {"above": 0.8}
    assert [one.id for one in found.rows] == ["a"]


def test_what_a_person_restored_stays() -> None:
    rows = [row("a", score=0.1), row("b", score=0.1)]
    found = run_filters(rows, pipeline({"rule": "score"}), kept={"b": "read it, it is fine"})
    assert [one.id for one in found.rows] == ["b"]


def test_without_rules_everything_stays() -> None:
    assert run_filters([row("a")], Filters()).rows == (row("a"),)


@pytest.mark.parametrize("rule", ["semantic", "contamination"])
def test_a_rule_that_needs_a_judge_says_so(rule: str) -> None:
    with pytest.raises(DistillError, match="needs a judge"):
        run_filters([row("a")], pipeline({"rule": rule}))


def test_rules_borrow_tools() -> None:
    def last(rows: Sequence[Example]) -> list[Duplicate]:
        return [Duplicate(len(rows) - 1, 0, "semantic", 1.0, "proved")]

    found = run_filters(
        [row("a"), row("b")], pipeline({"rule": "semantic"}), tools=Tools(semantic=last)
    )
    assert found.removed[0].reason == "the same function as a of task task/a (proved)"


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("f.toml", "[[filter]]\nrule = 'scores'\n", "no rule 'scores' (filter.0); known are rung"),
        ("f.toml", "[[filter]]\nabove = 0.8\n", "does not say which rule"),
        ("f.toml", "[[filter]]\nrule = 'score'\nover = 1\n", "no field 'filter.0.score.over'"),
        ("f.toml", "[[filter]]\nrule = 'score'\nabove = 7\n", "above = 7"),
        ("f.toml", "filter = 3\n", "filter = 3"),
        ("f.toml", "[[filter\n", "cannot be understood"),
        ("f.yaml", "filter: [\n", "cannot be understood"),
        ("f.yaml", "- 1\n", "[1]"),
    ],
)
def test_a_bad_pipeline_file_is_a_sentence(tmp_path: Path, name: str, text: str, part: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DistillError) as raised:
        read_filters(tmp_path / name)
    assert part in str(raised.value)
    assert name in str(raised.value)


def test_toml_and_yaml_say_the_same_and_an_empty_file_filters_nothing(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_text("[[filter]]\nrule = 'score'\nabove = 0.9\n")
    (tmp_path / "f.yaml").write_text("filter:\n  - {rule: score, above: 0.9}\n")
    (tmp_path / "empty.yaml").write_text("")
    assert read_filters(tmp_path / "f.toml") == read_filters(tmp_path / "f.yaml")
    assert read_filters(tmp_path / "empty.yaml") == Filters()
    with pytest.raises(DistillError, match="cannot be read"):
        read_filters(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DistillError, match="UTF-8"):
        read_filters(tmp_path / "latin.toml")


def test_every_rule_that_is_named_can_be_written() -> None:
    more = {"licence": {"allow": ["MIT"]}, "embedding": {"model": "m"}}
    for name in RULES:
        assert pipeline({"rule": name, **more.get(name, {})}).filter[0].rule == name


SECRETS = {
    'key = "AKIAIOSFODNN7EXAMPLE"': "AWS",
    'token = "ghp_1234567890abcdefghijABCDEFGHIJ123456"': "GitHub",
    "-----BEGIN RSA PRIVATE KEY-----": "Private Key",
    'url = "https://jo:s3cr3tpw@host.example/x"': "Basic Auth",
}
PEOPLE = {
    "mail jo.doe@gmail.com": "e-mail address",
    "DE89 3704 0044 0532 0130 00": "bank account",
    "4539 1488 0343 6467": "payment card",
    "call +44 20 7946 0958": "telephone number",
}


@pytest.mark.parametrize(("text", "kind"), SECRETS.items())
def test_secrets_are_found_by_kind_and_line(text: str, kind: str) -> None:
    found = secrets(f"x = 1\n{text}\n")
    assert any(kind in one.kind and one.line == 2 for one in found), found


@pytest.mark.parametrize(("text", "kind"), PEOPLE.items())
def test_personal_data_is_found_by_kind_and_line(text: str, kind: str) -> None:
    assert [(one.kind, one.line) for one in personal(f"a\nb {text}")] == [(kind, 2)]


@pytest.mark.parametrize(
    "text",
    [CODE, "return sum(x for x in xs if x % 1000003 == 0)", "n = 12345678901234567", "a@b",
     "someone@example.com", "DE00 3704 0044 0532 0130 00", "4539 1488 0343 6468", "x+15 - y+2024",
     "def password(n: int) -> int:\n    return n", '@decorated.by("a")', "0000 0000 0000 0000"],
)  # fmt: skip
def test_ordinary_code_holds_neither(text: str) -> None:
    assert secrets(text) == []
    assert personal(text) == []


def test_semantic_duplicates_are_found_by_form_then_proof_then_probes() -> None:
    codes = ["return a + 1", "return 1 + a", "return a - 1", "return a+1", "return -(-a - 1)",
             "return [a]"]  # fmt: skip
    rows = [row(str(n), f"def f(a):\n    {line}") for n, line in enumerate(codes)]
    asked: list[tuple[str, str]] = []

    def probe(given: Sequence[Example]) -> list[str | None]:
        return [None if "[" in one.completion else "same bucket" for one in given]

    def same(pairs: Sequence[tuple[Example, Example]]) -> list[bool | None]:
        asked.extend((a.id, b.id) for a, b in pairs)
        answers: dict[tuple[str, str], bool | None] = {("0", "1"): True, ("0", "4"): None}
        return [answers.get((a.id, b.id), False) for a, b in pairs]

    found = semantic(rows, probe, same)
    assert [(one.index, one.kept, one.basis) for one in found] == [
        (1, 0, "proved"), (3, 0, "form"), (4, 0, "probes")
    ]  # fmt: skip
    assert asked == [("0", "1"), ("0", "2"), ("0", "4")]


def test_rows_that_differ_from_the_first_are_compared_among_themselves() -> None:
    rows = [row(str(n), f"def f(a):\n    return {n}") for n in range(5)]
    odd = {"1", "3"}

    def same(pairs: Sequence[tuple[Example, Example]]) -> list[bool | None]:
        return [(a.id in odd) == (b.id in odd) for a, b in pairs]

    found = semantic(rows, lambda given: ["b"] * len(given), same)
    assert [(one.index, one.kept) for one in found] == [(2, 0), (3, 1), (4, 0)]


def test_near_vectors_are_found_and_far_ones_are_not() -> None:
    vectors = np.array([[1, 0], [0.999, 0.0447], [0, 1], [1, 0]], dtype=np.float32)
    assert [(one.index, one.kept) for one in nearest(vectors, 0.97)] == [(1, 0), (3, 0)]
    assert nearest(vectors[:1], 0.97) == []


def test_a_real_model_embeds_equal_texts_alike(base: Path) -> None:
    rows = [row("a", ask="Add one."), row("b", ask="Add one."), row("c", "def g():\n    pass")]
    found = alike(rows, str(base), threshold=0.9999)
    assert [(one.index, one.kept) for one in found] == [(1, 0)]
    with pytest.raises(DistillError, match="cannot be loaded"):
        alike(rows, str(base / "nowhere"))


def test_missing_detectors_are_a_sentence_with_the_line_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("distill.privacy.import_module", missing)
    with pytest.raises(DistillError, match=r"pip install .*\[privacy\]"):
        run_filters([row("a")], pipeline({"rule": "secrets"}))
