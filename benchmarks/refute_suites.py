"""How many violated contracts are refuted, how fast, and is any that holds refuted?

    python benchmarks/refute_suites.py [--suite NAME] [--cases N] [--every N] [--show N]

Reads the contract suites from the folder in ``WORKBENCH_BENCH`` (or ``../shared/bench`` beside the
project). The limit is every violated one refuted and no holding one. Solvers take no part here.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.sandbox_agreement import folder, read
from judge.contract import Budget, Contract, Submission
from judge.refute import search
from judge.sandbox import Sandbox, open_sandbox

SUITES = {
    "small": "small_contracts.jsonl",
    "verina": "contracts_verina_clover.jsonl",
    "nagini": "contracts_humaneval_nagini_even.jsonl",
    "pairs": "pairs_humaneval_contract_x_llm_even.jsonl",
    "deal": "deal_contracts.jsonl",
    "semantics": "deal_semantics.jsonl.gz",
}


def submission(item: dict[str, Any]) -> Submission:
    """Turn an item of a suite into a submission: the function, its contract, its types."""
    parameters = ", ".join(f"{name}: {kind}" for name, kind in item["params"])
    contract = Contract(
        tuple(item["requires"]),
        tuple(item["ensures"]),
        tuple(item.get("raises_ok") or ()),
        item.get("spec_helpers") or "",
    )
    returns = f" -> {item['returns']}" if item.get("returns") else ""
    signature = f"def {item['function']}({parameters}){returns}:"
    return Submission(item["id"], item["function"], item["source"], contract, signature=signature)


def measure(sandbox: Sandbox, name: str, path: Path, options: argparse.Namespace) -> None:
    """Search every item of a suite and print one line, and the surprises."""
    tally = {"violated": 0, "refuted": 0, "holds": 0, "wrongly": 0, "bad": 0}
    times: list[float] = []
    surprises: list[str] = []
    for item in read(path)[:: options.every]:
        if item["expected"] not in ("holds", "violated"):
            continue
        began = time.monotonic()
        report = search(sandbox, submission(item), Budget(cases=options.cases))
        spent = time.monotonic() - began
        found = report.counterexample is not None or report.unsafe is not None
        tally[item["expected"]] += 1
        if report.contract_error or report.malformed:
            tally["bad"] += 1
            surprises.append(f"{item['id']} bad: {report.contract_error or report.malformed}")
        if item["expected"] == "violated":
            tally["refuted"] += found
            times += [spent] if found else []
            if not found:
                surprises.append(f"{item['id']} missed: {item.get('witness')} {report}")
        elif found:
            tally["wrongly"] += 1
            surprises.append(f"{item['id']} refuted though it holds: {report}")
    middle = f"{statistics.median(times) * 1000:.0f} ms" if times else "-"
    print(
        f"{name:10} violated {tally['refuted']} of {tally['violated']} refuted (median {middle}); "
        f"holds {tally['wrongly']} of {tally['holds']} refuted; bad contracts {tally['bad']}"
    )
    for line in surprises[: options.show]:
        print(f"    {line[:400]}")


def main() -> None:
    """Print one line a suite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=sorted(SUITES), action="append")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--show", type=int, default=20)
    options = parser.parse_args()
    place = folder()
    if place is None:
        raise SystemExit("the suites are not here; set WORKBENCH_BENCH to their folder")
    with open_sandbox() as sandbox:
        for name in options.suite or SUITES:
            measure(sandbox, name, place / SUITES[name], options)


if __name__ == "__main__":
    main()
