"""The sandbox for somebody who is not root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_NOBODY = 65534
_SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from judge.sandbox import Call, open_sandbox
code = "def f(n):\\n    if n == 2:\\n        open('/etc/passwd')\\n    return n"
with open_sandbox() as box:
    run = box.run(code, [Call("f", (1,)), Call("f", (2,))])
    print(json.dumps([list(box.layers), [o.kind for o in run.outcomes]]))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="only root can become another user"
)
def test_a_normal_user_gets_every_layer_the_kernel_grants(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    python = next(
        (p for p in (shutil.which("python3", path="/usr/bin"), sys.executable) if p), sys.executable
    )
    answer = subprocess.run(
        [python, "-B", "-I", "-c", _SCRIPT, str(root)],
        user=_NOBODY, group=_NOBODY, extra_groups=[], cwd="/", text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    if answer.returncode != 0 and "Permission denied" in answer.stderr:
        pytest.skip("no interpreter or checkout here that another user may read")
    if answer.returncode != 0 and "No module named" in answer.stderr:
        pytest.skip("the system's interpreter is not one that the project supports")
    layers, kinds = json.loads(answer.stdout)
    assert kinds == ["returned", "forbidden"]
    assert "own-user" not in layers
    assert {"seccomp", "limits"} <= set(layers)
