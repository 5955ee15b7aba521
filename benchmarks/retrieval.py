"""Do proved examples before the question help: the student with and without k, judged, paired.

    python benchmarks/retrieval.py --home DIR [--counts 1,2,3] [--limit N] [--embed MODEL]

``--home`` is a home with a finished round, for example that of ``workbench demo``; it is only read.
For its base model and for the student in use every held-out task of the latest round is answered
greedily without examples, with the k likest (as ``"examples": k`` of a served request chooses
them), and with k drawn at random, which tells likeness from the mere presence of examples. Judged
by proof; the interval of the gain over no examples is the paired one of ``workbench evaluate``.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from distill.evaluate import paired
from distill.student import Conversation, Student
from judge import judge_many
from teachers import extract_code
from workbench.retrieval import Embedder, Found, Retriever
from workbench.settings import Settings, load_settings
from workbench.stages.evaluate import held_out_tasks
from workbench.stages.promote import promoted_student
from workbench.stages.rounds import config_of, latest_round
from workbench.store.database import Store, open_store
from workbench.store.tables import AdapterRow
from workbench.tasks import Task, submission

Choose = Callable[[Task], Sequence[Found]]
_known: dict[tuple[str, str], bool] = {}


def proved(settings: Settings, tasks: Sequence[Task], texts: Sequence[str]) -> list[bool]:
    """Judge one answer a task; the same code of the same task is judged once."""
    codes = [
        extract_code(text, task.entry_point, task.signature).code or ""
        for task, text in zip(tasks, texts, strict=True)
    ]
    pairs = list(zip(tasks, codes, strict=True))
    new = {(t.id, c): (t, c) for t, c in pairs if c and (t.id, c) not in _known}
    names = list(new)
    asked = [submission(task, code, str(n)) for n, (task, code) in enumerate(new.values())]
    # Only whether it is proved counts here: no second solver, and a short search for refutations.
    budget = replace(settings.budget(), recheck=False, cases=200)
    for found in judge_many(asked, jobs=settings.jobs, budget=budget):
        _known[names[int(found.id)]] = found.verdict.word == "proved"
    return [_known.get((task.id, code), False) for task, code in pairs]


def answers(
    student: Student, tasks: Sequence[Task], choose: Choose, tokens: int
) -> tuple[list[str], float]:
    """Answer every task after its examples; return the texts and the mean length of a prompt."""
    conversations: list[Conversation] = []
    for task in tasks:
        shown = [turn for one in choose(task)
                 for turn in (("user", one.prompt), ("assistant", one.code))]  # fmt: skip
        conversations.append((*shown, ("user", task.prompt)))
    made = student.generate(conversations, max_tokens=tokens)
    mean = sum(one.input_tokens for one in made) / len(made)
    return [one.text for one in made], mean


def measure(
    store: Store, settings: Settings, student: Student, name: str, tasks: Sequence[Task],
    counts: Sequence[int], tokens: int, embed: Embedder | None,
) -> None:  # fmt: skip
    """Print one line a way of choosing."""
    index = Retriever.of(store, embed)
    everything = index.everything()
    print(f"{name}: {len(tasks)} held-out tasks, {len(index)} proved examples to choose from")
    texts, mean = answers(student, tasks, lambda _: (), tokens)
    before = proved(settings, tasks, texts)
    print(f"  no examples      {sum(before) / len(before):6.1%}   {mean:5.0f} tokens a prompt")
    for count in counts:
        draw = random.Random(count)
        ways: list[tuple[str, Choose]] = [
            ("likest", lambda task, k=count: index.find(task.prompt, k)),
            ("random", lambda _, k=count, draw=draw: draw.sample(everything, k)),
        ]
        for way, choose in ways:
            texts, mean = answers(student, tasks, choose, tokens)
            after = proved(settings, tasks, texts)
            found = paired(before, after)
            print(
                f"  {count} {way:13} {found.after_rate:6.1%}   {mean:5.0f} tokens a prompt   "
                f"gain {found.gain * 100:+.1f}, {found.low * 100:+.1f} to {found.high * 100:+.1f}, "
                f"fixed {found.fixed}, broken {found.broken}",
                flush=True,
            )


def main() -> None:
    """Measure the base and the student in use."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--counts", default="1,2,3")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--embed", type=Path, default=None)
    parser.add_argument("--students", default="base,in use")
    options = parser.parse_args()
    counts = [int(each) for each in options.counts.split(",")]
    settings = load_settings(options.home)
    embed = None if options.embed is None else Embedder(options.embed)
    with open_store(settings, read_only=True) as store:
        name = latest_round(store)
        config, tasks = config_of(store, name), held_out_tasks(store, name)[: options.limit]
        base = config.base
        assert base is not None
        with store.read() as session:
            row = session.get(AdapterRow, promoted_student(store).adapter_id or "")
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; round {name}")
        if "base" in options.students:
            student = Student.load(base)
            measure(store, settings, student, "the base model", tasks, counts,
                    config.student_tokens, embed)  # fmt: skip
        if row is not None and "in use" in options.students:
            student = Student.load(base, store.home / row.path)
            measure(store, settings, student, "the student in use", tasks, counts,
                    config.student_tokens, embed)  # fmt: skip


if __name__ == "__main__":
    main()
