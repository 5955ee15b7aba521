"""What the sandbox costs a candidate, beside a plain subprocess and the bare fork server.

    python benchmarks/sandbox_overhead.py [--candidates N] [--jobs N] [--million [N]]
                                          [--evalplus-python PYTHON]

Each candidate is a fresh small function with 30 inputs. Peers in the same run: one plain
``python -I -S`` subprocess per candidate (what harnesses do that contain nothing), our fork server
without any wall, and EvalPlus' own execution: its package asks for much that the workbench does not
need, so it lives in an environment of its own (``python -m venv E; E/bin/pip install evalplus``)
whose interpreter ``--evalplus-python`` names. The limit is the bare fork of a process that has
imported the same modules and looks at no result. Figures are wall and processor time of judge and
children together; on a busy machine trust the processor time. ``--million`` runs a million
executions instead and prints what they left behind.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

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
        status, _ = untrusted_check("humaneval", code(number), INPUTS, "f", expected, 0,
                                    [0.01] * len(INPUTS))  # fmt: skip
        return eval_expected(number, *INPUTS[-1]) if status == "pass" else status

    yield run


@contextmanager
def bare_fork() -> Iterator[Runner]:
    """The limit: fork a process with the same modules, run the code, look at no result."""
    from judge.sandbox.inside.preload import preload

    preload()
    gc.collect()
    gc.freeze()

    def run(number: int) -> object:
        pid = os.fork()
        if pid == 0:
            space: dict[str, Callable[[int, int], object]] = {}
            exec(compile(code(number), "candidate", "exec"), space)
            for args in INPUTS:
                space["f"](*args)
            os._exit(0)
        if os.waitpid(pid, 0)[1] != 0:
            raise SystemExit("the bare fork failed")
        return eval_expected(number, *INPUTS[-1])

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
            if answer != eval_expected(number, *INPUTS[-1]):
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


def million(total: int) -> bool:
    """Run ``total`` executions, print what they leave while they run and after; True if nothing."""
    calls = [Call("f", INPUTS[0])]
    before, files = processes(), loose_files()
    began, memory = time.monotonic(), []
    with open_sandbox() as box:
        for number in range(total):
            box.run(code(number), calls)
            if number % max(1, total // 20) == 0:
                memory.append(resident("self"))
                servers = processes() - before
                spent = time.monotonic() - began
                print(f"{number:9} after {spent:6.0f} s: judge {memory[-1]} KiB, "
                      f"fork server {sum(resident(pid) for pid in servers)} KiB, "
                      f"{len(os.listdir('/proc/self/fd'))} descriptors, {len(servers)} processes",
                      flush=True)  # fmt: skip
    left, new = processes() - before, loose_files() - files
    print(f"processes left: {sorted(left) or 'none'}; files left: {sorted(new) or 'none'}")
    print(f"the judge's memory went from {memory[1]} KiB (after a twentieth) to {memory[-1]} KiB")
    return not left and not new


def processes() -> set[str]:
    """Return the process ids that descend from this one, zombies included."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            stat = Path("/proc", pid, "stat").read_text()
            parents[pid] = stat.rpartition(")")[2].split()[1]
    found, level = set[str](), {str(os.getpid())}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level} - found
        found |= level
    return found


def loose_files() -> set[str]:
    """Return what lies in the folders where programs leave files."""
    places = (Path(tempfile.gettempdir()), Path("/dev/shm"), Path.cwd())
    return {str(file) for place in places if place.is_dir() for file in place.iterdir()}


def resident(pid: str) -> int:
    """Return the resident memory of a process in KiB; 0 when it has ended."""
    with suppress(OSError):
        pages = int(Path("/proc", pid, "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024
    return 0


WALLS = ("namespaces", "own-user", "landlock", "seccomp")
WAYS: dict[str, Way] = {
    "all layers": lambda: sandboxed(()),
    "fork server, seccomp": lambda: sandboxed(WALLS[:3]),
    "fork server without walls": lambda: sandboxed((*WALLS, "limits", "audit")),
    "bare fork, same modules": bare_fork,
    "plain subprocess": plain,
    "EvalPlus": evalplus,
}


def elsewhere(name: str, candidates: int, python: str) -> None:
    """Measure a way in a process of its own, so that its imports and children are its own too."""
    command = [python, __file__, "--way", name, "--candidates", str(candidates)]
    root = str(Path(__file__).resolve().parent.parent)
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": root})


def main() -> None:
    """Print one line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--million", nargs="?", type=int, const=1_000_000, default=None)
    parser.add_argument("--evalplus-python", default=None, metavar="PYTHON")
    parser.add_argument("--way", choices=WAYS, help="this one alone")
    options = parser.parse_args()
    if options.million is not None:
        sys.exit(0 if million(options.million) else 1)
    if options.way is not None:
        print(measure(options.way, WAYS[options.way], options.candidates), flush=True)
        return
    load = os.getloadavg()[0]
    print(
        f"load average {load:.1f} on {os.cpu_count()} cores, {len(INPUTS)} inputs each", flush=True
    )
    for name in WAYS:
        if name != "EvalPlus":
            elsewhere(name, options.candidates, sys.executable)
        elif options.evalplus_python is not None:
            elsewhere(name, options.candidates, options.evalplus_python)
        else:
            print("EvalPlus: name an interpreter that has it with --evalplus-python")
    print(throughput(options.candidates * 2, options.jobs))


if __name__ == "__main__":
    main()
