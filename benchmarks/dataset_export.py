"""Export of a large dataset: rows a second, and that memory does not grow with the rows.

    python -m benchmarks.dataset_export --rows 1000000 [--ways bare,jsonl,parquet,folder,peer]

Each way runs in a process of its own, whose peak memory is what the system says. The limit in the
same run is a bare loop that reads the lines and writes each one's messages as JSON, with nothing
checked; the peer is ``datasets``' own ``load_dataset(...).to_json``.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distill.example import Example
from distill.exporting import export
from distill.formats import iter_examples, write_examples


def make(path: Path, rows: int) -> None:
    write_examples(
        path,
        (
            Example(
                id=f"{number:016x}", task_id=f"t{number}",
                messages=(("user", f"Complete def f(a: int) -> int: a plus {number}."),),
                completion=f"def f(a: int) -> int:\n    return a + {number}", source="synthesis",
                rejected=f"def f(a: int) -> int:\n    return a - {number}", category="sums",
                facts={"verdict": "proved", "score": 1.0, "licence": "Apache-2.0"},
            )
            for number in range(rows)
        ),
    )  # fmt: skip


def bare(source: Path, out: Path) -> None:
    with source.open() as stream, out.open("w") as target:
        for line in stream:
            row = json.loads(line)
            target.write(json.dumps({"messages": row["messages"]}) + "\n")


def ours(source: Path, out: Path) -> None:
    kind = {".jsonl": "jsonl", ".parquet": "parquet"}.get(out.suffix, "folder")
    export(iter_examples(source), "chat", out, container=kind)


def peer(source: Path, out: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        found = datasets.load_dataset(
            "json", data_files=str(source), split="train", cache_dir=cache
        )
        found.select_columns(["messages"]).to_json(str(out))


def timed(work: Any, source: Path, out: Path, answer: Any) -> None:
    began = time.process_time()
    work(source, out)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.put((time.process_time() - began, peak))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--ways", default="bare,jsonl,parquet,folder,peer", help="by comma")
    given = parser.parse_args()
    context = get_context("spawn")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sizes = (max(given.rows // 10, 1), given.rows)
        for rows in sizes:
            make(folder / f"{rows}.jsonl", rows)
        ways = {
            "bare": ("bare loop (limit)", bare, "jsonl"), "jsonl": ("JSON Lines", ours, "jsonl"),
            "parquet": ("Parquet", ours, "parquet"), "folder": ("folder", ours, "folder"),
            "peer": ("datasets.to_json (peer)", peer, "jsonl"),
        }  # fmt: skip
        for name in given.ways.split(","):
            label, work, kind = ways[name]
            for rows in sizes:
                out = folder / (
                    f"{work.__name__}-{rows}" + ("" if kind == "folder" else f".{kind}")
                )
                answer = context.Queue()
                process = context.Process(
                    target=timed, args=(work, folder / f"{rows}.jsonl", out, answer)
                )
                process.start()
                cpu, peak = answer.get()
                process.join()
                print(f"{label}: {rows} rows in {cpu:.1f} CPU s ({rows / cpu:,.0f} a second), "
                      f"peak {peak:.0f} MiB", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
