"""Tasks: their digests, their way into the store, and every kind of task file."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from judge.contract import Submission
from judge.sandbox import open_sandbox
from judge.tests import run_tests
from workbench.errors import InputError
from workbench.store.database import Store
from workbench.store.tables import TaskRow
from workbench.task_files import read_task_file
from workbench.tasks import Task, add_tasks, from_family, submission, task_of

TASK = Task(
    id="a/1",
    prompt="Give back x.",
    entry_point="f",
    signature="def f(x: int) -> int",
    ensures=("result == x",),
    tests=({"args": [1], "expected": 1},),
    split="train",
)
OURS: dict[str, Any] = {
    "id": "a/1",
    "prompt": "Give back x.",
    "entry_point": "f",
    "signature": "def f(x: int) -> int",
    "ensures": ["result == x"],
    "tests": [{"args": [1], "expected": 1}],
    "split": "train",
}
HUMAN_EVAL = {
    "task_id": "HumanEval/999",
    "prompt": "from typing import List\n\n\ndef g(xs: List[int]) -> int:\n    '''Sum.'''\n",
    "entry_point": "g",
    "canonical_solution": "    return sum(xs)\n",
    "test": "def check(candidate):\n    assert candidate([1]) == 1\n",
}
MBPP = {
    "task_id": 999,
    "text": "Write a function to double a number.",
    "code": "def double(n):\n    return 2 * n\n",
    "test_list": ["assert double(2) == 4", "assert double(0) == 0"],
    "test_setup_code": "",
    "challenge_test_list": [],
}
EVAL_PLUS = {
    **{key: value for key, value in HUMAN_EVAL.items() if key != "test"},
    "base_input": [[[1, 2]]],
    "plus_input": [[[]], [[5]], [["no number", 1]]],
    "atol": 0,
}


def written(path: Path, *records: Any) -> Path:
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records), "utf-8")
    return path


def test_what_a_prompt_defines_beside_the_function_joins_its_tests(tmp_path: Path) -> None:
    helper = "import math\n\n\ndef half(n: int) -> int:\n    return math.floor(n / 2)\n\n\n"
    record = {
        **HUMAN_EVAL,
        "prompt": helper + "def g(n: int) -> int:\n    '''Double.'''\n",
        "canonical_solution": "    return 2 * n\n",
        "test": "def check(candidate):\n    assert half(candidate(4)) == 4\n",
    }
    (task,) = read_task_file(written(tmp_path / "tasks.jsonl", record)).tasks
    answer = "def g(n: int) -> int:\n    return 2 * n\n"
    with open_sandbox() as sandbox:
        for code, passed in ((answer, 1), (answer.replace("2", "3"), 0)):
            submission = Submission(task.id, "g", code, test_code=task.test_code)
            assert run_tests(sandbox, submission).passed == passed


def test_a_task_is_stored_once_and_comes_back_as_it_was(store: Store) -> None:
    assert add_tasks(store, [TASK, TASK]).new == 1
    assert add_tasks(store, [TASK]).known == 1
    with store.read() as session:
        row = session.get(TaskRow, "a/1")
    assert row is not None
    assert task_of(row) == TASK
    assert row.digest == TASK.digest


def test_an_edited_task_needs_a_new_id(store: Store) -> None:
    add_tasks(store, [TASK])
    with pytest.raises(InputError, match="another content"):
        add_tasks(store, [replace(TASK, prompt="Give back y.")])


def test_the_same_task_cannot_be_trained_on_and_held_out(store: Store) -> None:
    add_tasks(store, [TASK])
    with pytest.raises(InputError, match="is the same as 'a/1'"):
        add_tasks(store, [replace(TASK, id="a/2", split="eval")])
    with store.read() as session:
        assert session.get(TaskRow, "a/2") is None


def test_the_digest_names_what_is_asked_and_checked_only() -> None:
    assert replace(TASK, id="b", split="eval", licence="MIT").digest == TASK.digest
    assert replace(TASK, ensures=()).digest != TASK.digest
    assert replace(TASK, tests=()).digest != TASK.digest


def test_a_task_becomes_a_submission_for_the_judge() -> None:
    made = submission(TASK, "def f(x): return x", "7")
    assert (made.id, made.entry_point, made.tests[0].args) == ("7", "f", (1,))
    assert made.contract.ensures == ("result == x",)


def test_our_own_lines_are_read(tmp_path: Path) -> None:
    read = read_task_file(written(tmp_path / "t.jsonl", OURS))
    assert read.tasks == (TASK,)
    assert read.bad == ()


def test_a_gzip_file_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + json.dumps(OURS).encode()))
    assert len(read_task_file(path).tasks) == 1


def test_human_eval_lines_are_read_and_held_out(tmp_path: Path) -> None:
    task = read_task_file(written(tmp_path / "t.jsonl", HUMAN_EVAL)).tasks[0]
    assert task.signature == "def g(xs: List[int]) -> int"
    assert (task.split, task.licence) == ("eval", "MIT")
    assert task.reference is not None
    assert "return sum(xs)" in task.reference


def test_evalplus_inputs_get_their_results_from_the_reference(tmp_path: Path) -> None:
    task = read_task_file(written(tmp_path / "t.jsonl", EVAL_PLUS)).tasks[0]
    # The input on which the reference itself fails is left out.
    assert task.tests == (
        {"args": [[1, 2]], "expected": 3},
        {"args": [[]], "expected": 0},
        {"args": [[5]], "expected": 5},
    )
    assert (task.split, task.source) == ("eval", "EvalPlus")
    loose = {**EVAL_PLUS, "atol": 1e-6, "canonical_solution": "    return sum(xs) / 3\n"}
    task = read_task_file(written(tmp_path / "u.jsonl", loose)).tasks[0]
    assert task.tests == ()
    assert task.test_code is not None
    assert "_close(candidate(*([1, 2],)), 1.0, 1e-06)" in task.test_code


def test_mbpp_lines_and_lists_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([MBPP]), "utf-8")
    task = read_task_file(path).tasks[0]
    assert (task.id, task.entry_point) == ("MBPP/999", "double")
    assert task.test_code is not None
    scope: dict[str, Any] = {}
    # Our own text, to see that the check we wrote around the asserts is one.
    compile(task.test_code, "check", "exec")
    assert task.test_code.startswith("def check(double):")
    assert scope == {}


def test_the_split_can_be_overridden(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", OURS)
    assert read_task_file(path, split="none").tasks[0].split == "none"
    with pytest.raises(InputError, match="'all' is no split"):
        read_task_file(path, split="all")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ('{"id": "x", ', "not JSON"),
        ("[1]", "a task is a JSON object, this is a list"),
        ("3", "a task is a JSON object, this is a int"),
        ({"a": 1}, "no known format"),
        ({**OURS, "ensure": []}, "'ensure' is no field"),
        ({**OURS, "id": ""}, "id:"),
        ({**OURS, "prompt": None}, "prompt:"),
        ({**OURS, "entry_point": "g"}, "signature is not `def g(...)`"),
        ({**OURS, "entry_point": "no name"}, "no Python name"),
        ({**OURS, "signature": "def f(x"}, "signature does not parse"),
        ({**OURS, "ensures": ["result =="]}, "ensures clause 1"),
        ({**OURS, "requires": ["x = 1"]}, "requires clause 1"),
        ({**OURS, "split": "test"}, "split 'test' is none of"),
        ({**OURS, "tests": [{"args": [1]}]}, "needs either 'expected' or 'raises'"),
        ({**OURS, "tests": [{"args": [1, 2], "expected": 1}]}, "test 1 gives 2 arguments"),
        ({**OURS, "tests": [{"args": [], "expected": 1}]}, "test 1 gives 0 arguments"),
        ({**OURS, "tests": [{"args": [1], "expect": 1}]}, "unknown field 'expect'"),
        ({**HUMAN_EVAL, "test": None, "plus_input": []}, "'test' is missing or no text"),
        ({**EVAL_PLUS, "base_input": [], "plus_input": []}, "returns no plain value"),
        ({**EVAL_PLUS, "base_input": [1]}, "not lists of arguments"),
        ({**EVAL_PLUS, "atol": "x"}, "no tolerance"),
        ({**EVAL_PLUS, "canonical_solution": "    raise ValueError\n"}, "returns no plain value"),
        ({**HUMAN_EVAL, "entry_point": "h"}, "defines no function 'h'"),
        ({**MBPP, "code": "def ("}, "does not parse"),
        ({**MBPP, "test_list": ["assert other(1)"]}, "call no function"),
        ({**MBPP, "test_list": "assert"}, "not a list of assert"),
    ],
)
def test_a_bad_line_is_a_sentence_with_its_number(tmp_path: Path, record: Any, said: str) -> None:
    path = written(tmp_path / "t.jsonl", OURS, record)
    read = read_task_file(path)
    assert len(read.tasks) == 1
    assert [bad.line for bad in read.bad] == [2]
    assert said in read.bad[0].message
    with pytest.raises(InputError, match=r"1 bad lines; nothing was imported\. Line 2"):
        read.require_clean()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[1, ", "starts like a JSON list but is none"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_task_file(path)


def test_a_missing_file_a_folder_and_a_torn_gzip_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        read_task_file(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="is a folder"):
        read_task_file(tmp_path)
    torn = tmp_path / "t.gz"
    torn.write_bytes(gzip.compress(json.dumps(OURS).encode() * 100)[:60])
    with pytest.raises(InputError, match="not a whole gzip"):
        read_task_file(torn)


def test_a_line_nested_too_deeply_is_a_sentence(tmp_path: Path) -> None:
    deep = '{"id": ' + "[" * 100_000 + "]" * 100_000 + "}"
    read = read_task_file(written(tmp_path / "t.jsonl", deep))
    assert "nested too deeply" in read.bad[0].message


def test_the_generated_family_becomes_tasks_with_stable_ids() -> None:
    from distill.family import generate

    made = generate(3, 5, held_out=2)
    tasks = from_family(made)
    assert tasks == from_family(made)
    assert [t.split for t in tasks] == ["train"] * 5 + ["eval"] * 2
    assert all(t.id.endswith(t.digest[:6]) for t in tasks)


BENCH = Path(os.environ.get("WORKBENCH_BENCH", Path(__file__).parents[3] / "shared" / "bench"))


@pytest.mark.parametrize(
    ("name", "count"), [("humaneval_plus.jsonl.gz", 164), ("mbpp_subset.jsonl", 135)]
)
def test_published_task_files_are_read_whole(name: str, count: int) -> None:
    path = BENCH / name
    if not path.is_file():
        pytest.skip(f"{name} is not here; set WORKBENCH_BENCH to its folder")
    read = read_task_file(path)
    assert (len(read.tasks), read.bad) == (count, ())
