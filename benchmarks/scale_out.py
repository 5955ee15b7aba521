"""Judged candidates a second at one and two workers, here and on Ray, beside the ideal.

    python benchmarks/scale_out.py [--sample N] [--workers 1,2] [--on ray|ADDRESS]

The same references of the shipped task family are judged in processes of this machine and by as
many Ray workers. The ideal is the CPU time that the judgements themselves took, shared by the
workers: nothing can be faster. Ray's overhead is what a candidate takes longer there than here, its
start apart. Wall clock: run it on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from distill.family import generate
from judge import Submission, judge_many
from judge.verdict import Judgement
from workbench.cluster import address_of, connect, judge_on_ray, ray_module
from workbench.tasks import from_family, submission

Judge = Callable[[Iterable[Submission], int], Iterator[Judgement]]


def timed(judge: Judge, asked: Sequence[Submission], jobs: int) -> tuple[float, float]:
    """Return wall seconds from the first result to the last, and the judge's own seconds a result.

    The first message of every worker starts its process and is left out.
    """
    warm = 8 * jobs
    began, own = 0.0, 0.0
    for count, judgement in enumerate(judge([*asked[:warm], *asked], jobs), 1):
        if count == warm:
            began = time.monotonic()
        elif count > warm:
            own += judgement.seconds
    return (time.monotonic() - began) / len(asked), own / len(asked)


def main() -> None:
    """Print a line for each way and number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--on", default="ray")
    options = parser.parse_args()
    address = address_of(options.on)
    assert address is not None
    counts = [int(each) for each in options.workers.split(",")]
    tasks = from_family(generate(11, options.sample))
    asked = [submission(task, task.reference or "", task.id) for task in tasks]
    asked = [one for one in asked if one.code]
    print(f"{len(asked)} candidates, load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    ray = ray_module("This benchmark")
    ours = connect(ray, address, max(counts))
    here: dict[int, float] = {}
    for jobs in counts:
        seconds, own = timed(lambda some, n: judge_many(some, jobs=n), asked, jobs)
        here[jobs] = seconds
        print(f"  here   {jobs} workers {1 / seconds:8.1f} a second   ideal {jobs / own:8.1f}",
              flush=True)  # fmt: skip
    for jobs in counts:
        seconds, own = timed(
            lambda some, n: judge_on_ray(some, jobs=n, address=address), asked, jobs
        )
        more = (seconds - here[jobs]) * jobs * 1000
        print(f"  on Ray {jobs} workers {1 / seconds:8.1f} a second   ideal {jobs / own:8.1f}   "
              f"overhead {more:+.1f} ms a candidate", flush=True)  # fmt: skip
    if ours:
        ray.shutdown()


if __name__ == "__main__":
    main()
