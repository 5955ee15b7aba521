"""How much code comes out of recorded answers of real models, model by model.

    python benchmarks/extraction.py [FOLDER] [--all]

FOLDER holds third-party recordings (see ``WORKBENCH_BENCH``); without it there is nothing to
measure. For each file: answers, how many gave code that parses and defines the asked function, and
the models that gave the least (with ``--all`` every model), with the reasons. Where a recording
comes with code that its own project extracted, that share stands beside ours.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teachers import extract_code


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file of lines, packed or not."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    for line in text.splitlines():
        yield json.loads(line)


def parses(code: str | None, name: str) -> bool:
    """Return whether ``code`` parses and defines ``name`` at its top level."""
    try:
        tree = ast.parse(code or "")
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(each, ast.FunctionDef) and each.name == name for each in tree.body)


def answers(folder: Path) -> Iterator[tuple[str, str, str, str, str | None, str | None]]:
    """Yield (file, model, answer, entry point, signature, code extracted by the recorder)."""
    name = "llm_answers_canaicode_junior.jsonl.gz"
    for row in rows(folder / name):
        signature = row["signature"]
        entry = signature.split("(")[0]
        yield name, row["model"], row["answer"], entry, f"def {signature}", row["extracted_code"]
    plus = {row["task_id"]: row for row in rows(folder / "humaneval_plus.jsonl.gz")}
    name = "llm_answers_humaneval.jsonl.gz"
    for row in rows(folder / name):
        task = plus[row["task_id"]]
        entry = task["entry_point"]
        found = re.findall(rf"^def {entry}\(.*?\).*?:", task["prompt"], re.MULTILINE | re.DOTALL)
        yield name, row["model"], row["answer"], entry, found[-1] if found else None, None


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER",
        default=Path(os.environ.get("WORKBENCH_BENCH", "../shared/bench")),
        help="the recordings; without it the folder that WORKBENCH_BENCH names",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="list every model, not the worst eight")
    return parser.parse_args()


def main() -> int:
    """Measure and print; 0 when something was measured, 3 when there was nothing to measure."""
    options = parse()
    folder, most = options.folder, None if options.all else 8
    if not folder.is_dir():
        print(f"{folder} is not there; name the folder of recordings", file=sys.stderr)
        return 3
    total: dict[str, Counter[str]] = defaultdict(Counter)
    models: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    started = time.process_time()
    for file, model, answer, entry, signature, theirs in answers(folder):
        extraction = extract_code(answer, entry, signature)
        word = "code" if parses(extraction.code, entry) else "none"
        total[file][word] += 1
        models[file, model][word] += 1
        if word == "none":
            reasons[file][extraction.reason.replace(entry, "F")] += 1
        if theirs is not None:
            total[file]["theirs"] += parses(theirs, entry)
    seconds = time.process_time() - started
    for file, counts in total.items():
        count = counts["code"] + counts["none"]
        print(f"{file}: {counts['code']} of {count} ({counts['code'] / count:.1%})", end="")
        print(f"; the recorder's own {counts['theirs'] / count:.1%}" if counts["theirs"] else "")
        for reason, number in reasons[file].most_common(8):
            print(f"    {number:4d}  {reason}")
        worst = [(key[1], each) for key, each in models.items() if key[0] == file]
        worst.sort(key=lambda pair: pair[1]["code"] / pair[1].total())
        for model, each in worst[:most]:
            print(f"    {each['code']}/{each.total()}  {model}")
    print(f"{seconds:.2f} CPU seconds")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
