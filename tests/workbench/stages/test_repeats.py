"""What a frozen dataset repeats: found by running and proving, kept, and read back."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from typer.testing import CliRunner

from distill.example import Example
from tests.workbench.stages.test_filtering import LOOP, OFF, SUM
from workbench.cli import app
from workbench.settings import Settings
from workbench.stages.repeats import find_repeats, kept_repeats
from workbench.store.canonical import canonical
from workbench.store.database import Store
from workbench.store.tables import SnapshotRow
from workbench.tasks import Task, add_tasks

RENAMED = "def other(numbers: list[int]) -> int:\n    return sum(n for n in numbers if n > 3)"


def task(name: str, code: str, split: str) -> Task:
    signature = code.split(":\n")[0]
    entry = signature.removeprefix("def ").split("(")[0]
    return Task(
        id=name,
        prompt=f"Write {name}.",
        entry_point=entry,
        signature=signature,
        reference=code,
        split=split,
    )


def frozen(store: Store, codes: dict[str, str]) -> SnapshotRow:
    """Store a snapshot of these rows, as a selection would have."""
    rows = [Example(n, n, (("user", f"Write {n}."),), code, "s") for n, code in codes.items()]
    text = "".join(canonical(asdict(row)) + "\n" for row in rows)
    made = SnapshotRow(
        id="s1", digest=store.blobs.put_text(text), rows=len(rows), rule="test/1", funnel_json="{}"
    )
    with store.write() as session:
        session.add(made)
    return made


@pytest.fixture
def snapshot(store: Store) -> SnapshotRow:
    codes = {"plain": SUM, "loop": LOOP, "off": OFF, "renamed": RENAMED}
    add_tasks(store, [task(name, code, "train") for name, code in codes.items()])
    return frozen(store, codes)


def test_rows_of_one_function_are_a_group_with_how_it_is_known(
    store: Store, settings: Settings, snapshot: SnapshotRow
) -> None:
    found = find_repeats(store, settings, snapshot)
    (group,) = found.groups
    assert [(m.row, m.task, m.basis) for m in group.members] == [
        (1, "plain", "first"),
        (2, "loop", "proved"),
        (4, "renamed", "form"),
    ]
    assert (found.rows, found.functions, found.met) == (4, 2, ())
    assert "2 functions" in found.sentence
    assert kept_repeats(store, "s1") == found


def test_a_row_that_does_what_a_held_out_task_asks_is_named(
    store: Store, settings: Settings, snapshot: SnapshotRow
) -> None:
    add_tasks(store, [task("held", OFF.replace("total", "held"), "eval")])
    found = find_repeats(store, settings, snapshot)
    assert [(m.row, m.task) for m in found.met] == [(3, "off")]
    assert "held" in found.met[0].sentence


def test_nobody_has_looked_yet(store: Store, snapshot: SnapshotRow) -> None:
    assert kept_repeats(store, snapshot.id) is None


def test_the_command_ends_with_no_when_a_row_meets_a_held_out_task(
    store: Store, settings: Settings, snapshot: SnapshotRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(settings.home))
    run = CliRunner().invoke(app, ["dataset", "duplicates", "s1", "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["functions"] == 2
    add_tasks(store, [task("held", OFF.replace("total", "held"), "eval")])
    run = CliRunner().invoke(app, ["dataset", "duplicates", "s1"])
    assert run.exit_code == 1
    assert "✗ row 3 (off)" in run.stdout
