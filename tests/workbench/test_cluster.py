"""Judging on Ray: the order and the verdicts of one machine, also when a worker is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is an extra: pip install 'distillation-workbench[scale]'")
pytestmark = pytest.mark.slow

# Ray starts daemons and warns in ways of its own, so it lives in a process of its own here.
_RUN = """
import json, os, pathlib, signal, sys
from judge import Contract, Submission
from workbench.cluster import judge_on_ray

kill = sys.argv[1] == "kill"
read = []

def submissions():
    for n in range(40):
        read.append(n)
        wanted = n if n % 5 else n + 1
        yield Submission(str(n), "f", f"def f(x: int) -> int:\\n    return x + {n}\\n",
                         Contract(ensures=(f"result == x + {wanted}",)))

def kill_a_worker():
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            mine = os.getpgid(int(entry.name)) if words else None
        except OSError:
            continue
        if words.startswith(b"ray::_Worker") and token in (entry / "environ").read_bytes():
            os.kill(int(entry.name), signal.SIGKILL)
            return True
    return False

token = f"WORKBENCH_TEST_RUN={os.getpid()}".encode()
os.environ["WORKBENCH_TEST_RUN"] = str(os.getpid())
found, killed, ahead = [], False, 0
for judgement in judge_on_ray(submissions(), jobs=2):
    found.append((judgement.id, judgement.verdict.word))
    ahead = max(ahead, len(read) - len(found))
    if kill and len(found) == 3:
        killed = kill_a_worker()
print(json.dumps({"found": found, "killed": killed, "ahead": ahead}))
"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", ["plain", "kill"])
def test_nothing_is_lost_doubled_or_out_of_order(mode: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, mode], capture_output=True, text=True, timeout=220, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    expected = [[str(n), "proved" if n % 5 else "refuted"] for n in range(40)]
    assert said["found"] == expected
    assert said["killed"] is (mode == "kill")
    assert said["ahead"] <= 2 * 3 * 8 + 8, "submissions are read lazily"


def test_a_cluster_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    line = {"id": "a", "entry_point": "f", "code": "def f(x: int) -> int:\n    return x\n"}
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps(line) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", "from workbench.cli import main; main()", "judge", str(file),
         "--on", "127.0.0.1:1"],
        capture_output=True, text=True, timeout=220, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
