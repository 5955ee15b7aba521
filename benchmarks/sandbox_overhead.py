"""What the sandbox costs a candidate, beside a plain subprocess and the bare fork server.

    python benchmarks/sandbox_overhead.py [--candidates N] [--jobs N] [--million]

Each candidate is a fresh small function with 30 inputs. Peers in the same run: one plain
``python -I -S`` subprocess per candidate (what harnesses do that contain nothing), our fork server
without any wall, and EvalPlus' own execution where it is installed. The limit is the bare fork of
the same interpreter with the same modules. Figures are wall and processor time of judge and
children together; on a busy machine trust the processor time. ``--million`` runs a million
executions instead and prints what they left behind.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from judge.sandbox import Call, Policy, open_sandbox

INPUTS = [(n, n + 3) for n in range(30)]
_PLAIN = """
import json, sys
space = {}
job = json.load(sys.stdin)
exec(job["code"], space)
print(json.dumps([space["f"](*args) for args in job["inputs"]]))
"""


def code(number: int) -> str:
    """Return a small candidate, another for each number."""
    return (
        f"def f(a: int, b: int) -> list[int]:\n    total = {number}\n"
        "    for k in range(a, b):\n        total += k * k\n    return [total, a, b]\n"
    )


Runner = Callable[[int], object]
Way = Callable[[], AbstractContextManager[Runner]]


@contextmanager
def sandboxed(without: tuple[str, ...]) -> Iterator[Runner]:
    """Our sandbox, with some layers switched off."""
    calls = [Call("f", args) for args in INPUTS]
    with open_sandbox(Policy(without=without)) as box:
        yield lambda number: box.run(code(number), calls).outcomes[-1].value


@contextmanager
def plain() -> Iterator[Runner]:
    """One interpreter per candidate; contains nothing."""

    def run(number: int) -> object:
        job = json.dumps({"code": code(number), "inputs": INPUTS})
        command = [sys.executable, "-I", "-S", "-c", _PLAIN]
        return json.loads(subprocess.run(command, input=job, text=True, capture_output=True,
                                         check=True).stdout)[-1]  # fmt: skip

    yield run


@contextmanager
def evalplus() -> Iterator[Runner]:
    """EvalPlus' untrusted_check, in the interpreter that has it."""
    from evalplus.eval import untrusted_check  # type: ignore[import-not-found, unused-ignore]

    def run(number: int) -> object:
        expected = [eval_expected(number, a, b) for a, b in INPUTS]
        return untrusted_check("humaneval", code(number), INPUTS, "f", expected, 0,
                               [0.01] * len(INPUTS))  # fmt: skip

    yield run


def eval_expected(number: int, a: int, b: int) -> list[int]:
    """What candidate ``number`` returns."""
    return [number + sum(k * k for k in range(a, b)), a, b]


def _cpu() -> float:
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


def measure(name: str, make: Way, candidates: int) -> str:
    """Run one way for all candidates; return its line."""
    started, before = time.monotonic(), _cpu()
    with make() as run:
        run(0)
        warm, spent = time.monotonic() - started, []
    begun = _cpu() - before  # starting and the first candidate, which are not each one's cost
    with make() as run:
        run(0)
        for number in range(1, candidates + 1):
            began = time.monotonic()
            answer = run(number)
            spent.append(time.monotonic() - began)
            if name != "evalplus" and answer != eval_expected(number, *INPUTS[-1]):
                raise SystemExit(f"{name}: candidate {number} returned {answer!r}")
    # children are counted when they have been waited for, so both ways were closed by now
    cpu = (_cpu() - before - 2 * begun) / candidates
    return (
        f"{name:34} start {warm * 1000:6.0f} ms   median {statistics.median(spent) * 1000:6.2f} ms"
        f"   processor {cpu * 1000:6.2f} ms   on 2 cores by processor {2 / cpu:6.0f}/s"
    )


def _share(candidates: int, first: int) -> None:
    with sandboxed(()) as run:
        for number in range(first, first + candidates):
            run(number)


def throughput(candidates: int, jobs: int) -> str:
    """Run ``jobs`` sandboxes side by side; return candidates a second by the wall clock."""
    context = multiprocessing.get_context("spawn")
    share = candidates // jobs
    began = time.monotonic()
    workers = [context.Process(target=_share, args=(share, n * share)) for n in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    rate = jobs * share / (time.monotonic() - began)
    return f"{jobs} sandboxes side by side: {rate:.0f} candidates/s, start included"


def million(total: int) -> None:
    """Run ``total`` executions and print what is left: memory, descriptors, processes."""
    calls = [Call("f", INPUTS[0])]
    with open_sandbox() as box:
        began = time.monotonic()
        for number in range(total):
            box.run(code(number), calls)
            if number % max(1, total // 20) == 0:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                open_files = len(os.listdir("/proc/self/fd"))
                print(f"{number:9} {time.monotonic() - began:7.0f} s   judge's peak {peak} KiB   "
                      f"descriptors {open_files}", flush=True)  # fmt: skip
    left = subprocess.run(["pgrep", "-f", "inside/bootstrap.py", "-P", str(os.getpid())],
                          capture_output=True, text=True, check=False)  # fmt: skip
    print(f"processes left: {left.stdout.split() or 'none'}")


def main() -> None:
    """Print one line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--million", nargs="?", type=int, const=1_000_000, default=None)
    options = parser.parse_args()
    if options.million is not None:
        million(options.million)
        return
    load = os.getloadavg()[0]
    print(f"load average {load:.1f} on {os.cpu_count()} cores, {len(INPUTS)} inputs each")
    walls = ("namespaces", "own-user", "landlock", "seccomp")
    ways: list[tuple[str, Way]] = [
        ("all layers", lambda: sandboxed(())),
        ("fork server, seccomp", lambda: sandboxed(walls[:3])),
        ("fork server without walls", lambda: sandboxed((*walls, "limits", "audit"))),
        ("plain subprocess", plain),
    ]
    for name, make in ways:
        print(measure(name, make, options.candidates), flush=True)
    if importlib.util.find_spec("evalplus") is not None:
        print(measure("evalplus", evalplus, options.candidates), flush=True)
    else:
        print("evalplus is not installed here")
    print(throughput(options.candidates * 2, options.jobs))


if __name__ == "__main__":
    main()
