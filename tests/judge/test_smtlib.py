"""The strict reader lets obligations through and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.sexpr import Limits, SmtError, print_node
from judge.smtlib import read

HEAD = "(set-logic ALL)\n(declare-const v.x Int)\n(declare-fun f.s (Int Bool) Int)\n"
GOOD = (
    HEAD
    + "(declare-datatypes ((s.P 0)) (((c.mk (a.l Int) (a.r String)))))\n"
    + "(declare-const v.p s.P)\n"
    + "(declare-const v.a (Array Int (Seq Int)))\n"
    + "(define-fun d.twice ((n Int)) Int (* 2 n))\n"
    + '(assert (= (a.r v.p) "a "" ( b \\u{1f600}"))\n'
    + "(assert ((_ is c.mk) v.p))\n"
    + "(assert (= (select v.a 0) (as seq.empty (Seq Int))))\n"
    + "(assert (forall ((v.i Int)) (! (> (f.s v.i true) 0) :pattern ((f.s v.i true)))))\n"
    + "(assert (let ((a!1 (d.twice v.x)) (b (- 3))) (and (< a!1 b) (= #x0f (_ bv15 8)))))\n"
    + "(check-sat)\n"
)


def test_what_the_prover_writes_is_read_and_printed_the_same() -> None:
    script = read(GOOD)
    assert script.text() == GOOD
    assert read(script.text()).text() == GOOD
    assert script.logic == "ALL"
    assert script.quantified
    assert not script.constant_arrays
    assert len(script.assertions) == 5


def test_a_constant_array_is_seen() -> None:
    term = "(= (select ((as const (Array Int Int)) 0) 1) 0)"
    assert read(f"(set-logic ALL)(assert {term})(check-sat)").constant_arrays


def test_comments_and_layout_do_not_reach_the_solver() -> None:
    messy = "; a note\n(set-logic\n  ALL)(assert ; (exit)\n true)\n\t(check-sat)"
    assert read(messy).text() == "(set-logic ALL)\n(assert true)\n(check-sat)\n"


@pytest.mark.parametrize(
    "command",
    [
        '(set-option :regular-output-channel "elsewhere")',
        '(set-option :diagnostic-output-channel "elsewhere")',
        '(set-info :status "unsat")',
        '(echo "unsat")',
        "(push 1)",
        "(pop 1)",
        "(check-sat)",
        "(check-sat-assuming (false))",
        "(exit)",
        "(reset)",
        "(get-model)",
        '(include "/etc/passwd")',
        "(define-fun-rec f.g ((n Int)) Int (f.g n))",
        "(define-fun f.g ((n Int)) Int (f.g n))",
        "(define-fun f.s ((n Int)) Int n)",
        "(define-sort v.T () Int)",
        "(declare-const v.x Bool)",
        "(declare-const true Bool)",
        "(declare-const fp Int)",
        "(declare-const str.len Int)",
        "(declare-const |v.y| Int)",
        "(declare-const v.y (Set Int))",
        "(declare-sort s.T 1)",
        "(declare-datatypes ((s.L 1)) ((par (X) ((c.nil)))))",
        "(assert)",
        "(assert v.unknown)",
        "(assert (v.x 1))",
        "(assert (> (f.s 1) 0))",
        "(assert (lambda ((v.i Int)) true))",
        "(assert (match v.x ((v.y true))))",
        "(assert (! true :named v.n))",
        "(assert (let ((true false)) true))",
        "(assert (let ((a 1) (a 2)) true))",
        "(assert (forall () true))",
        "(assert (forall ((and Int)) true))",
        "(assert ((_ tuple.select 0) v.x))",
        "(assert (= (_ bv15 99999999999) v.x))",
        "(assert (witness v.x))",
        "(assert ())",
        "(assert true",
        "(assert true))",
        "assert",
        "(assert |true|)",
        '(assert (= "a))',
        "(assert (= 007 v.x))",
        "()",
        "((assert true))",
        "(simplify true)",
        "(assert \x00 true)",
        "(assert true)\r",
        "(assert é)",
    ],
)
def test_every_other_command_or_word_is_refused_with_its_line(command: str) -> None:
    with pytest.raises(SmtError, match=r"line \d+"):
        read(HEAD + command + "\n(check-sat)\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(check-sat)",
        "(set-logic ALL)",
        "(set-logic HORN)\n(check-sat)",
        "(set-logic ALL)\n(set-logic ALL)\n(check-sat)",
        "(set-logic ALL)\n(check-sat)\n(assert false)",
        "(set-logic ALL)\n(check-sat)\n(check-sat)",
        "(assert true)\n(set-logic ALL)\n(check-sat)",
        "\ufeff(set-logic ALL)(check-sat)",
    ],
)
def test_the_frame_is_one_logic_first_and_one_check_last(text: str) -> None:
    with pytest.raises(SmtError):
        read(text)


def test_nesting_size_and_atoms_are_capped_without_recursion() -> None:
    deep = "(" * 200_000
    with pytest.raises(SmtError, match="nested deeper"):
        read("(set-logic ALL)\n" + deep)
    just = "(not " * 1_900 + "true" + ")" * 1_900
    assert read(f"(set-logic ALL)\n(assert {just})\n(check-sat)").assertions
    with pytest.raises(SmtError, match="larger"):
        read("(set-logic ALL)", Limits(bytes=10))
    with pytest.raises(SmtError, match="atom"):
        read(f"(set-logic ALL)(assert (= 0 1{'0' * 60_000}))(check-sat)")


def test_bytes_are_read_like_text_and_utf16_is_refused() -> None:
    assert read(GOOD.encode()).text() == GOOD
    with pytest.raises(SmtError):
        read(GOOD.encode("utf-16"))


def test_a_literal_keeps_its_spaces_when_printed() -> None:
    assert print_node(("=", '"( a"" ) "', ("-", "1"))) == '(= "( a"" ) " (- 1))'


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_the_reader_s_own_error(noise: bytes) -> None:
    for data in (noise, HEAD.encode() + noise + b"\n(check-sat)"):
        try:
            script = read(data)
        except SmtError:
            continue
        assert read(script.text()).text() == script.text()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.sampled_from('()";|\\ \n\x00aZ09.!:_#é'))
def test_one_changed_character_is_read_exactly_or_refused(position: int, character: str) -> None:
    changed = GOOD[:position] + character + GOOD[position + 1 :]
    try:
        script = read(changed)
    except SmtError:
        return
    assert read(script.text()).text() == script.text()
