"""CPU seconds of every reading behind the dashboard, cold, over a home with many answers.

    python benchmarks/ui_queries.py [--answers 100000 | --home HOME]

Without a browser and without the dashboard's cache: what a screen costs when a row was just added.
``ui_first_paint.py`` measures what a person waits for. Wall seconds stand beside the CPU's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def measure(home: Path) -> None:
    """Print one line a reading."""
    from workbench.store import Store
    from workbench.store.views import (
        answers,
        asking,
        contracts,
        data_version,
        datasets,
        leaderboard,
        matrix,
        overview,
        rounds,
    )
    from workbench.store.views.matrix import Filter, Mode

    store = Store.open(home, read_only=True)
    readings: dict[str, Callable[..., object]] = {
        "what changed": data_version,
        "front page, figures": overview.figures,
        "front page, waiting": overview.waiting_tasks,
        "matrix, totals": lambda c: matrix.totals(c, Filter()),
        "matrix, last page": lambda c: matrix.page(c, Filter(), number=10**6),
        "matrix, search": lambda c: matrix.page(c, Filter(search="greater than 3")),
        "matrix, against a baseline": lambda c: matrix.versus(c, Filter(), "student:base"),
        "compare, neighbours": lambda c: matrix.neighbours(
            c, Filter(mode=Mode.REFUTED), "clamp/00004"
        ),
        "proof, newest": answers.latest_proofs,
        "contracts, counts": contracts.counts,
        "contracts, page": contracts.page,
        "dataset, page": lambda c: datasets.examples(c, "s1"),
        "dataset, mix": lambda c: datasets.mix(c, "s1", "source"),
        "dataset, twins": lambda c: datasets.held_out_twins(c, "s1"),
        "dataset, same code": lambda c: datasets.clusters(c, "s1"),
        "rounds, figures": lambda c: rounds.outcome(c, "r1"),
        "rounds, flips": lambda c: rounds.flips(c, "r1"),
        "sources, standings": leaderboard.standings,
        "sources, categories": leaderboard.by_category,
        "sources, agreement": leaderboard.same_answer,
        "sources, speed": lambda c: asking.speed(c, "examples"),
    }
    for mode in list(Mode)[1:]:
        readings[f"matrix, {mode.value}"] = lambda c, m=mode: (
            matrix.page(c, Filter(mode=m)),
            matrix.totals(c, Filter(mode=m)),
        )
    print(f"{'reading':<28}{'CPU s':>8}{'wall s':>8}")
    with store.engine.connect() as connection:
        for name, reading in readings.items():
            spent, begun = time.process_time(), time.perf_counter()
            reading(connection)
            print(
                f"{name:<28}{time.process_time() - spent:>8.2f}{time.perf_counter() - begun:>8.2f}",
                flush=True,
            )
    store.close()


def main() -> None:
    """Make the home where none is named, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--home", type=Path, help="a home that `ui_first_paint.py --keep` made")
    chosen = parser.parse_args()
    if chosen.home is not None:
        measure(chosen.home)
        return
    from tests.ui.store_many import build_many

    with tempfile.TemporaryDirectory() as folder:
        build_many(Path(folder) / "home", answers=chosen.answers).close()
        measure(Path(folder) / "home")


if __name__ == "__main__":
    main()
