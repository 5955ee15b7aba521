"""Asking and evaluating on Ray: the answers of one machine, each once, also with workers killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import InputError

pytest.importorskip("ray", reason="Ray is an extra: pip install 'distillation-workbench[scale]'")

# Ray starts daemons and warns in ways of its own, so it lives in a process of its own here.
_RUN = """
import json, os, pathlib, signal, sys
from sqlmodel import select
from distill.family import generate
from workbench.settings import PartialSettings, load_settings
from workbench.stages.ask import ask, open_teachers
from workbench.stages.events import Reporter
from workbench.stages.student import answer_tasks, load_student
from workbench.stages.train import shipped_base
from workbench.store.database import open_store
from workbench.store.tables import AnswerRow
from workbench.tasks import add_tasks, from_family

home, cluster, kill = sys.argv[1], sys.argv[2] or None, sys.argv[3] == "kill"
token = f"WORKBENCH_TEST_RUN={os.getpid()}".encode()
os.environ["WORKBENCH_TEST_RUN"] = str(os.getpid())
killed = []

def kill_a_worker(name):
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            ours = bool(words) and token in (entry / "environ").read_bytes()
        except OSError:
            continue
        if ours and words.startswith(b"ray::" + name):
            os.kill(int(entry.name), signal.SIGKILL)
            killed.append(name.decode())
            return

def watch(event):
    worker = {"ask": b"_Answerer", "student": b"_Pupil"}.get(event.stage)
    if kill and worker and event.kind == "progress" and worker.decode() not in killed:
        kill_a_worker(worker)

settings = load_settings(home, env={}, overrides=PartialSettings(jobs=2, cluster=cluster))
with open_store(settings) as store:
    tasks = from_family(generate(3, 70))
    add_tasks(store, tasks)
    reporter = Reporter(store, watch)
    teachers = open_teachers(["synthesis", "examples"], settings)
    report = ask(store, settings, tasks[:8], teachers, reporter=reporter)
    again = ask(store, settings, tasks[:8], open_teachers(["synthesis"], settings))
    pupil = load_student(store, shipped_base())
    answered = answer_tasks(store, settings, pupil, tasks, role="student", max_tokens=8,
                            reporter=reporter)
    with store.read() as session:
        rows = [[r.source_id, r.task_id, r.text, r.finish] for r in session.exec(select(AnswerRow))]
print(json.dumps({"rows": sorted(rows), "asked": report.asked, "failed": report.failed,
                  "again": again.asked, "answered": len(answered), "killed": killed}))
"""


def run(home: Path, cluster: str, mode: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(home), cluster, mode],
        capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cluster_that_loses_workers_gives_the_answers_of_one_machine(tmp_path: Path) -> None:
    here = run(tmp_path / "here", "", "calm")
    there = run(tmp_path / "there", "local", "kill")
    assert there["killed"] == ["_Answerer", "_Pupil"]
    assert (there["asked"], there["failed"], there["again"]) == (16, 0, 0)
    assert there["answered"] == 70
    assert there["rows"] == here["rows"]
    rows = there["rows"]
    assert isinstance(rows, list)
    assert len(rows) == 16 + 70
    assert len({(source, task) for source, task, _, _ in rows}) == len(rows)


def test_only_teachers_that_compute_here_move_to_the_cluster(tmp_path: Path) -> None:
    from teachers.model import Identity
    from tests.workbench.stages.scripted import Scripted, fenced
    from workbench.cluster_answers import ClusterTeacher, spread
    from workbench.settings import PartialSettings, load_settings
    from workbench.stages.ask import open_teachers

    class Elsewhere(Scripted):
        @property
        def identity(self) -> Identity:
            return Identity("compatible", "m", "http://there/v1")

    there = load_settings(tmp_path, env={}, overrides=PartialSettings(cluster="local"))
    far = Elsewhere("far", lambda _, __: fenced("x = 1\n"))
    near = open_teachers(["synthesis"])
    assert spread([far, *near], load_settings(tmp_path, env={})) == [far, *near]
    moved = spread([far, *near], there)
    assert moved[0] is far
    assert isinstance(moved[1], ClusterTeacher)
    assert (moved[1].name, moved[1].identity) == (near[0].name, near[0].identity)
    nobody = load_settings(tmp_path, env={}, overrides=PartialSettings(cluster="127.0.0.1:1"))
    with pytest.raises(InputError, match=r"127\.0\.0\.1:1"):
        spread(near, nobody)


@pytest.mark.slow
def test_a_worker_that_cannot_load_the_student_is_a_sentence(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from dataclasses import replace\n"
        "from workbench.cluster_answers import ClusterStudent\n"
        "from workbench.errors import StageError\n"
        "from workbench.settings import PartialSettings, load_settings\n"
        "from workbench.stages.train import shipped_base\n"
        "there = PartialSettings(jobs=1, cluster='local')\n"
        "settings = load_settings(sys.argv[1], env={}, overrides=there)\n"
        "student = replace(ClusterStudent.of(shipped_base(), None, settings), digest='other')\n"
        "try:\n"
        "    student.generate([(('user', 'x'),)], max_tokens=2)\n"
        "except StageError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert "another model than the one asked for" in done.stdout, done.stderr[-2000:]
