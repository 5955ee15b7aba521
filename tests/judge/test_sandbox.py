"""The sandbox as callers use it: outcomes, limits, sessions, survival."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from judge.sandbox import Call, Limits, Outcome, Policy, Sandbox, SandboxError, open_sandbox

SHORT = Limits(cpu_seconds=0.2, wall_seconds=0.6, memory_mb=128, losses=3)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as box:
        yield box


def kinds(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [outcome.kind for outcome in outcomes]


def one(sandbox: Sandbox, code: str, *args: Any, limits: Limits = SHORT) -> Outcome:
    return sandbox.run(code, [Call("f", args)], limits).outcomes[0]


def test_a_result_comes_back_as_plain_data(sandbox: Sandbox) -> None:
    assert one(sandbox, "def f(a, b):\n    return {(a, b): [a // b, {a}]}", 7, 2).value == {
        (7, 2): [3, {7}]
    }


def test_an_exception_comes_back_with_its_line_and_bases(sandbox: Sandbox) -> None:
    got = one(sandbox, "def f(a):\n    x = 1\n    return x // a", 0)
    assert (got.kind, got.exception, got.line) == ("raised", "ZeroDivisionError", 3)
    assert got.bases[:2] == ("ZeroDivisionError", "ArithmeticError")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("def f():\n    while True: pass", "cpu timeout"),
        ("import time\ndef f():\n    time.sleep(60)", "timeout"),
        ("def f():\n    return [0] * 10**10", "memory"),
        ("def f():\n    while True: print('x' * 1000)", "output"),
        ("def f():\n    return f()", "depth"),
        ("import os\ndef f():\n    os._exit(3)", "crashed"),
        ("def f():\n    open('/etc/passwd')", "forbidden"),
        ("def f():\n    return object()", "unplain"),
        ("def g():\n    return 1", "missing"),
        ("f = 3", "missing"),
    ],
)
def test_each_end_has_its_kind(sandbox: Sandbox, code: str, kind: str) -> None:
    assert one(sandbox, code).kind in kind.split()


@pytest.mark.parametrize(
    "hang",
    ["while True: pass", "import time; time.sleep(60)", "9 ** 9 ** 9", "import os; os._exit(0)"],
)
def test_one_lost_call_costs_no_other_its_outcome(sandbox: Sandbox, hang: str) -> None:
    code = f"def f(n):\n    if n == 5:\n        {hang}\n    return n * n"
    outcomes = sandbox.run(code, [Call("f", (n,)) for n in range(12)], SHORT).outcomes
    assert [o.value for n, o in enumerate(outcomes) if n != 5] == [
        n * n for n in range(12) if n != 5
    ]
    assert outcomes[5].kind in ("cpu", "timeout", "crashed")


def test_after_too_many_lost_calls_the_rest_is_not_run(sandbox: Sandbox) -> None:
    code = "import os\ndef f(n):\n    os._exit(0)"
    outcomes = sandbox.run(code, [Call("f", (n,)) for n in range(6)], SHORT).outcomes
    assert kinds(outcomes) == ["crashed"] * 3 + ["not_run"] * 3


def test_the_whole_run_has_a_limit_too(sandbox: Sandbox) -> None:
    limits = Limits(cpu_seconds=5, wall_seconds=5, total_seconds=0.5)
    began = time.monotonic()
    code = "import time\ndef f(n):\n    time.sleep(0.2)"
    outcomes = sandbox.run(code, [Call("f", (n,)) for n in range(20)], limits).outcomes
    assert time.monotonic() - began < 4
    assert outcomes[-1].kind == "not_run"


def test_a_forbidden_act_ends_the_run(sandbox: Sandbox) -> None:
    code = "def f(n):\n    if n == 2:\n        open('/x')\n    return n"
    run = sandbox.run(code, [Call("f", (n,)) for n in range(5)], SHORT)
    assert kinds(run.outcomes) == ["returned", "returned", "forbidden", "not_run", "not_run"]
    assert run.unsafe is not None
    assert "/x" in run.unsafe


def test_inputs_are_fresh_for_each_call_and_changes_are_reported(sandbox: Sandbox) -> None:
    shared = [1, 2]
    code = "def f(xs):\n    xs.append(len(xs))\n    return xs"
    first, second = sandbox.run(code, [Call("f", (shared,)), Call("f", (shared,))]).outcomes
    assert first.value == second.value == [1, 2, 2]
    assert first.args_after == ([1, 2, 2],)
    assert shared == [1, 2]
    assert one(sandbox, "def f(xs):\n    return len(xs)", [1]).args_after is None


def test_a_change_of_type_only_is_a_change(sandbox: Sandbox) -> None:
    code = "def f(xs):\n    xs[0] = True"
    assert one(sandbox, code, [1]).args_after == ([True],)


def test_nothing_of_one_candidate_is_seen_by_the_next(sandbox: Sandbox) -> None:
    poison = (
        "import builtins, json, math, os\n"
        "builtins.sorted = lambda xs: 0\nmath.sqrt = json.dumps = None\nos.environ['X'] = '1'\n"
        "def f():\n    return 1"
    )
    assert one(sandbox, poison).value == 1
    clean = "import math, os\ndef f():\n    return [sorted([2, 1]), math.sqrt(4), dict(os.environ)]"
    assert one(sandbox, clean).value == [[1, 2], 2.0, {}]


def test_chance_and_hashes_repeat(sandbox: Sandbox) -> None:
    code = "import random\ndef f():\n    return [random.random(), list({'a', 'b', 'c'}), hash('x')]"
    with open_sandbox() as other:
        assert one(sandbox, code).value == one(other, code).value


def test_a_main_block_does_not_run(sandbox: Sandbox) -> None:
    code = "def f():\n    return 1\nif __name__ == '__main__':\n    open('/etc/passwd')"
    assert one(sandbox, code).value == 1


@pytest.mark.parametrize(
    "code",
    [
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
        "def f():\n    return P(1).x",
        "from typing import *\nimport collections, heapq, itertools, functools, bisect, string\n"
        "def f() -> List[int]:\n    return 1",
        "import datetime\ndef f():\n    return datetime.datetime.strptime('1', '%d').day",
        "import warnings, logging, traceback\ndef f():\n    warnings.warn('x')\n"
        "    logging.error(1)\n    try: 1 / 0\n    except ArithmeticError: traceback.print_exc()\n"
        "    return 1",
        "from decimal import Decimal\nfrom fractions import Fraction\nimport statistics\n"
        "def f():\n    return int(Decimal('1') * Fraction(1).numerator)",
        "import sys, re, textwrap, hashlib, base64, unicodedata, copy, enum\n"
        "sys.setrecursionlimit(5000)\ndef f():\n    return len(hashlib.md5(b'').hexdigest()) // 32",
        "import time, random, uuid\ndef f():\n    time.sleep(0.001); uuid.uuid4(); return 1",
    ],
    ids=lambda code: code.splitlines()[0][:40],
)
def test_what_innocent_answers_import_works(sandbox: Sandbox, code: str) -> None:
    assert one(sandbox, code).value == 1


def test_code_that_does_not_load_says_why(sandbox: Sandbox) -> None:
    loaded = sandbox.run("def f(:\n    pass", [Call("f")]).loaded
    assert (loaded.kind, loaded.exception, loaded.line) == ("raised", "SyntaxError", 1)
    inner = "def f():\n    try: exec('x = = 1')\n    except SyntaxError: return 1"
    assert one(sandbox, inner).value == 1
    run = sandbox.run("import numpy", [Call("f")])
    assert run.loaded.exception == "ModuleNotFoundError"
    assert kinds(run.outcomes) == ["not_run"]


def test_large_code_and_many_inputs_pass_through(sandbox: Sandbox) -> None:
    code = "x = '" + "y" * 10_000_000 + "'\ndef f(s):\n    return len(x) + len(s)"
    calls = [Call("f", ("z" * 20_000,))] * 100
    assert {o.value for o in sandbox.run(code, calls).outcomes} == {10_020_000}


def test_names_are_compared_as_python_does(sandbox: Sandbox) -> None:
    run = sandbox.run("def ﬁnd():\n    return 1", [Call("find"), Call("ﬁnd")])
    assert [o.value for o in run.outcomes] == [1, 1]


def test_what_a_terminal_would_obey_is_made_harmless(sandbox: Sandbox) -> None:
    got = one(sandbox, "def f():\n    raise ValueError('\\x1b[2J\\x07<b>')")
    assert got.message == "\\x1b[2J\\x07<b>"


def test_an_iterator_is_not_plain_but_its_items_come_along(sandbox: Sandbox) -> None:
    got = one(sandbox, "def f():\n    yield from (1, 2)")
    assert (got.kind, got.value) == ("unplain", [1, 2])


def test_arguments_that_are_not_plain_are_the_callers_mistake(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="not plain"):
        sandbox.run("def f(x):\n    return x", [Call("f", (object(),))])


def test_a_session_keeps_the_code_loaded(sandbox: Sandbox) -> None:
    code = "n = 0\ndef f():\n    global n\n    n += 1\n    return n"
    with sandbox.session(code) as session:
        assert [o.value for o in session.call([Call("f")] * 3)] == [1, 2, 3]
        assert session.call([Call("f")])[0].value == 4


def test_sessions_run_side_by_side(sandbox: Sandbox) -> None:
    def work(number: int) -> None:
        run = sandbox.run(
            f"def f(n):\n    return n * {number}", [Call("f", (n,)) for n in range(50)]
        )
        results[number] = [o.value for o in run.outcomes]

    results: dict[int, list[object]] = {}
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: [n * k for n in range(50)] for k in range(8)}


def test_the_sandbox_comes_back_when_its_server_is_killed() -> None:
    with open_sandbox() as box:
        assert one(box, "def f():\n    return 1").value == 1
        server = box._server
        assert server is not None
        server._process.kill()
        time.sleep(0.1)
        assert one(box, "def f():\n    return 2").value == 2


def test_a_worn_server_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("judge.sandbox.box._RECYCLE", 3)
    with open_sandbox() as box:
        first = box._server
        for n in range(5):
            assert one(box, "def f(n):\n    return n", n).value == n
        assert box._server is not first


def _in_child(box: Sandbox, answer: Any) -> None:
    answer.send(one(box, "def f():\n    return 7").value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_gets_a_server_of_its_own(sandbox: Sandbox) -> None:
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()
    process = context.Process(target=_in_child, args=(sandbox, theirs))
    process.start()
    assert mine.poll(30)
    assert mine.recv() == 7
    process.join()
    assert one(sandbox, "def f():\n    return 8").value == 8


def test_a_policy_is_refused_where_it_cannot_hold() -> None:
    with pytest.raises(SandboxError, match="seccomp: switched off"):
        open_sandbox(Policy(minimum=("seccomp",), without=("seccomp",)))


def test_the_operator_s_demand_reaches_every_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_SANDBOX_MINIMUM", "limits, landlok")
    with pytest.raises(SandboxError, match=r"WORKBENCH_SANDBOX_MINIMUM .* no such layer"):
        open_sandbox()
    monkeypatch.setenv("WORKBENCH_SANDBOX_MINIMUM", "limits, ")
    with open_sandbox() as box:
        assert "limits" in box.layers


def test_a_closed_sandbox_says_so() -> None:
    box = open_sandbox()
    box.close()
    with pytest.raises(SandboxError, match="closed"):
        box.run("", [])


def _open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_runs_leave_no_descriptor_and_no_process_behind() -> None:
    before = _open_descriptors()
    with open_sandbox() as box:
        one(box, "def f():\n    return 1")
        settled = _open_descriptors()
        for n in range(60):
            one(
                box,
                "def f(n):\n    return n" if n % 3 else "import os\ndef f(n):\n    os._exit(1)",
                n,
            )
        assert _open_descriptors() == settled
        server = box._server
        assert server is not None
        pid = server._process.pid
    assert _open_descriptors() == before
    assert not os.path.exists(f"/proc/{pid}")


def _processes_below(pid: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == pid:
                found += [int(entry), *_processes_below(int(entry))]
    return found


@pytest.mark.sweep
@pytest.mark.timeout(3_000)
def test_tens_of_thousands_of_executions_leave_memory_flat() -> None:
    with open_sandbox() as box:
        calls = [Call("f", (1,))]
        for _ in range(500):
            box.run("def f(n):\n    return n", calls)
        first = _resident(box)
        for _ in range(19_000):
            box.run("def f(n):\n    return n", calls)
        assert _resident(box) - first < 4 << 10
        server = box._server
        assert server is not None
        assert len(_processes_below(server._process.pid)) <= 3  # its init, a child, a spare


def _resident(box: Sandbox) -> int:
    """KiB that the fork server holds."""
    server = box._server
    assert server is not None
    total = 0
    for pid in (server._process.pid, *_processes_below(server._process.pid)[:1]):
        with open(f"/proc/{pid}/status") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    return total
