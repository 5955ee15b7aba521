"""The façade for notebooks: values that show themselves, inside and outside a running loop."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import workbench as wb
from judge.contract import Contract
from tests.ui.store_builder import build
from workbench.errors import InputError, NotFoundError
from workbench.rendering import Listing, badge, block

CLAMP = "def clamp(x: int, lo: int, hi: int) -> int:\n    return max(lo, min(x, hi))\n"
BROKEN = "def clamp(x: int, lo: int, hi: int) -> int:\n    return min(x, max(lo, hi))\n"
LIMITS = {"requires": ["lo <= hi"], "ensures": ["lo <= result <= hi"]}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def tags(html: str) -> _Tags:
    parser = _Tags()
    parser.feed(html)
    return parser


@pytest.fixture
def bench(tmp_path: Path) -> wb.Workbench:
    build(tmp_path / "home").close()
    return wb.open(tmp_path / "home")


def test_a_proved_function_says_so(bench: wb.Workbench) -> None:
    found = bench.judge(CLAMP, **LIMITS)
    assert found.proved
    assert "✓ proved" in found._repr_html_()
    assert found.to_frame()["smt2"].str.contains("check-sat").all()
    assert found.to_record()["verdict"] == "proved"
    assert "\n" not in repr(found)


def test_a_broken_function_shows_the_call(bench: wb.Workbench) -> None:
    found = bench.judge(BROKEN, Contract(("lo <= hi",), ("lo <= result <= hi",)))
    assert found.verdict == "refuted"
    assert "clamp(" in repr(found)
    assert "✗ refuted" in found._repr_html_()


def test_a_contract_that_stands_in_the_code_is_used(bench: wb.Workbench) -> None:
    code = '''def double(x: int) -> int:
    """Twice x.

    post: __return__ == 3 * x
    """
    return 2 * x
'''
    assert bench.judge(code).verdict == "refuted"


def test_code_that_does_not_parse_is_a_verdict(bench: wb.Workbench) -> None:
    found = bench.judge("def f(x:\n", ensures=["result == x"])
    assert found.verdict == "malformed"
    assert found._repr_html_()


def test_sync_and_async_methods_work_inside_a_running_loop(bench: wb.Workbench) -> None:
    async def cell() -> tuple[str, str]:
        return bench.judge(CLAMP, **LIMITS).verdict, (await bench.ajudge(CLAMP, **LIMITS)).verdict

    assert asyncio.run(cell()) == ("proved", "proved")


def test_asking_twice_about_the_contract_is_an_error(bench: wb.Workbench) -> None:
    with pytest.raises(InputError, match="twice"):
        bench.judge(CLAMP, Contract(), ensures=["True"])
    with pytest.raises(InputError, match="not a list"):
        bench.judge(CLAMP, ensures="lo <= result")


def test_rounds_and_their_figures(bench: wb.Workbench) -> None:
    assert [r["round"] for r in bench.rounds()] == ["r2", "r1"]
    first = bench.round("1")
    assert "held-out tasks proved" in first.sentence
    assert first.to_frame()["fixed"][0] == 13
    assert "not evaluated yet" in repr(bench.round())
    assert bench.round().to_frame().empty


def test_an_unknown_round_offers_what_is_near(bench: wb.Workbench) -> None:
    with pytest.raises(NotFoundError, match="r1"):
        bench.round("r1x")
    with pytest.raises(NotFoundError, match="mode"):
        bench.matrix("everything")


def test_tables_turn_into_frames(bench: wb.Workbench) -> None:
    frame = bench.matrix("refuted").to_frame()
    assert frame.columns[0] == "task"
    assert (frame == "refuted").any(axis=1).all()
    assert len(bench.tasks(category="lists")) == 12
    assert bench.certificates()[0]["state"] == "intact"


def test_html_is_escaped_and_carries_no_script() -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>'\""
    listing = Listing(hostile, (hostile, "verdict"), [(hostile, hostile)], words=("verdict",))
    for html in (listing._repr_html_(), badge(hostile), block(hostile, word=hostile)):
        found = tags(html)
        assert not found.tags & {"script", "img", "iframe", "a", "link"}
        assert found.attributes <= {"style"}


def test_a_long_table_says_how_to_see_the_rest() -> None:
    listing = Listing("Rows", ("n",), [(n,) for n in range(60)])
    assert "10 more" in listing._repr_html_()
    assert len(listing.to_frame()) == 60


def test_importing_the_workbench_loads_nothing_heavy() -> None:
    code = (
        "import sys, workbench; workbench.open; workbench.Workbench;"
        "print([m for m in ('pandas', 'torch', 'z3', 'IPython', 'sqlmodel') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_ask_answers_and_judges(tmp_path: Path) -> None:
    with wb.open(tmp_path / "home") as bench:
        task = wb.Task(
            id="nb/1",
            prompt="Return the larger of a and b.",
            entry_point="larger",
            signature="def larger(a: int, b: int) -> int",
            ensures=("result >= a", "result >= b", "result == a or result == b"),
            split="train",
        )
        wb.add_tasks(bench.store, [task])
        found = bench.ask(["nb/1"], ["synthesis"])
        assert [r["verdict"] for r in found] == ["proved"]
        with pytest.raises(NotFoundError, match="no/such"):
            bench.ask(["no/such"], ["synthesis"])


def test_a_weak_contract_shows_what_it_lets_through(bench: wb.Workbench) -> None:
    reference = "def f(a: int) -> int:\n    return a + 1 if a < 5 else a\n"
    weak = bench.assess("def f(a: int) -> int", reference, ensures=["result >= a"])
    assert weak.verdict == "weak"
    assert list(weak.to_frame()["change"]) == [s.change for s in weak.found.survivors]
    assert "a &lt; 5" in weak._repr_html_()
    assert tags(weak._repr_html_()).tags <= {"div", "b", "pre"}
    again = asyncio.run(bench.aassess("def f(a: int) -> int", ensures=["result >= a"]))
    assert again.verdict == "unknown"
    with pytest.raises(InputError, match="no signature"):
        bench.assess("f(a)", ensures=["result >= a"])


def test_what_the_store_holds_comes_as_tables(bench: wb.Workbench) -> None:
    shares = [s["share"] for s in bench.sources()]
    assert shares == sorted(shares, reverse=True)
    assert set(bench.dataset("r1").to_frame()["verdict"]) == {"proved"}
    assert list(bench.learning_curve().to_frame()["round"]) == ["r1"]
    assert bench.losses("r1")[-1]["step"] == 60
    assert all(0 <= row["share"] <= 1 for row in bench.agreement())
    with pytest.raises(NotFoundError, match="no dataset yet"):
        bench.dataset("r2")
    with pytest.raises(NotFoundError, match="no certificate"):
        bench.verify("r2")


@pytest.mark.parametrize(
    "name",
    ["judge", "assess", "ask", "select", "train", "evaluate", "certify", "ablate", "verify"],
)
def test_every_long_step_has_an_async_twin(bench: wb.Workbench, name: str) -> None:
    assert inspect.iscoroutinefunction(getattr(bench, f"a{name}"))
    assert callable(getattr(bench, name))
