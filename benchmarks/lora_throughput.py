"""Training speed: our LoRA round against a bare torch loop, on the same model, rows and machine.

``python benchmarks/lora_throughput.py`` trains the tiny student for a number of steps both ways and
prints tokens per CPU second: of whole runs, loading, checkpoint and manifest included, and of a
further pass, which is what a long training costs. The bare loop is what anybody would write: the
same adapter, AdamW, right-padded batches of like lengths, the loss on completions; no callbacks,
logging, checkpoints or manifest. The two alternate, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median

from distill.config import LoraConfig, TrainConfig, TrainingPlan
from distill.example import Example
from distill.family import generate


def examples(count: int) -> list[Example]:
    """Return family tasks with their reference answers as training rows."""
    return [
        Example(task.id, task.id, (("user", task.prompt),), task.reference.rstrip(), "reference")
        for task in generate(0, count)
    ]


def ours(rows: list[Example], base: Path, plan: TrainingPlan) -> tuple[int, float, float]:
    """Return tokens, CPU seconds and wall seconds of a whole round, loading included."""
    from distill.trainer import train

    cpu, wall = time.process_time(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        record = train(rows, base, plan, Path(folder))
    return record.tokens, time.process_time() - cpu, time.perf_counter() - wall


def bare(rows: list[Example], base: Path, plan: TrainingPlan) -> tuple[int, float, float]:
    """The same in a bare loop."""
    import torch
    from peft import LoraConfig as PeftLora
    from peft import get_peft_model

    from distill.loading import load_model, load_tokenizer
    from distill.lora import linear_names
    from distill.tiny import encode

    cpu, wall = time.process_time(), time.perf_counter()
    torch.manual_seed(0)
    tokenizer, model = load_tokenizer(base), load_model(base, "cpu")
    model = get_peft_model(
        model,
        PeftLora(
            r=plan.lora.rank,
            lora_alpha=plan.lora.alpha,
            # What ours adapts on a model of this size.
            target_modules=[*linear_names(model), "embed_tokens"],
            task_type="CAUSAL_LM",
        ),
    )
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=plan.training.rate, weight_decay=0.0
    )
    pairs = sorted(
        ((row.messages[-1][1], row.completion) for row in rows), key=lambda p: len(p[0]) + len(p[1])
    )
    size, seen = plan.training.batch, 0
    batches = [pairs[i : i + size] for i in range(0, len(pairs), size)]
    model.train()
    for _ in range(round(plan.training.epochs)):
        for batch in Random(0).sample(batches, len(batches)):
            tokens, labels = encode(tokenizer, batch)
            loss = model(input_ids=tokens, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            seen += int((tokens != tokenizer.pad_token_id).sum())
    return seen, time.process_time() - cpu, time.perf_counter() - wall


def main() -> int:
    """Run the benchmark; prints a table, or one JSON object with ``--json``."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, default=Path("data/models/tiny"))
    parser.add_argument("--rows", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--further", type=int, default=4, help="passes more in the longer run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = examples(given.rows)
    training = TrainConfig(epochs=given.epochs, batch=32, rate=1e-3, checkpoint=1.0, threads=1)
    plan = TrainingPlan(lora=LoraConfig(rank=32, alpha=64), training=training)
    longer = plan.model_copy(
        update={"training": training.model_copy(update={"epochs": given.epochs + given.further})}
    )
    for run in (ours, bare):
        run(rows[:32], given.base, plan)  # libraries are imported once, before the clock
    whole: dict[str, list[float]] = {"ours": [], "bare": []}
    further: dict[str, list[float]] = {"ours": [], "bare": []}
    for way, run in [("ours", ours), ("bare", bare)] * given.repeats:
        tokens, cpu, _ = run(rows, given.base, plan)
        more_tokens, more_cpu, _ = run(rows, given.base, longer)
        whole[way].append(more_tokens / more_cpu)
        further[way].append((more_tokens - tokens) / (more_cpu - cpu))
    ratios = {
        name: round(median(found["ours"]) / median(found["bare"]), 3)
        for name, found in (("whole", whole), ("further", further))
    }
    if given.json:
        print(json.dumps({"whole": whole, "further": further, "ratios": ratios}))
        return 0
    for title, found in (("whole runs", whole), ("a further pass", further)):
        for way, speeds in found.items():
            each = [round(speed) for speed in speeds]
            print(f"{title:>14}, {way}: {median(speeds):8.0f} tokens per CPU second  {each}")
    print(f"ratio of whole runs {ratios['whole']:.2f}, of further passes {ratios['further']:.2f}")
    print("(1.00 would be the bare loop's speed; the goal is 0.90)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
