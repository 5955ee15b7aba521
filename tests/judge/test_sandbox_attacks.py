"""Every attack ends in a named way, forges no pass and leaves nothing behind."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from judge.contract import Case, Submission
from judge.sandbox import Call, Limits, Policy, Sandbox, open_sandbox
from judge.tests import TestReport, run_tests
from tests.judge.hostile import ATTACKS, LEAKS, NETWORK, PROCESSES, WRITES, Attack

LIMITS = Limits(cpu_seconds=0.2, wall_seconds=0.5, memory_mb=128, losses=1)


@dataclass(frozen=True)
class Target:
    """What the attacks aim at: a secret file of the judge and a port on which it listens."""

    canary: Path
    port: int
    listener: socket.socket

    def aim(self, attack: Attack) -> str:
        code = attack.code.replace("{host}", str(os.getpid())).replace("{port}", str(self.port))
        return code.replace("{canary!r}", repr(str(self.canary)))

    def touched(self) -> bool:
        """Whether anything reached the file, its folder or the port."""
        try:
            self.listener.accept()
        except BlockingIOError:
            pass
        else:
            return True
        return (
            self.canary.read_text() != "secret"
            or self.canary.stat().st_mode & 0o777 != 0o644
            or len(list(self.canary.parent.iterdir())) != 1
        )


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    canary = tmp_path_factory.mktemp("canary") / "key"
    canary.write_text("secret")
    canary.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Target(canary, listener.getsockname()[1], listener)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as box:
        yield box


def judged(sandbox: Sandbox, attack: Attack, target: Target) -> TestReport:
    tests = (Case((20,), 41), Case((3,), 7))
    submission = Submission(attack.name, "f", target.aim(attack), tests=tests)
    return run_tests(sandbox, submission, LIMITS)


def ends(report: TestReport) -> set[str]:
    found = {
        "unsafe": report.unsafe,
        "resource": report.resource,
        "wrong": report.counterexample,
        "malformed": report.malformed,
    }
    return {name for name, value in found.items() if value is not None}


def names(attacks: list[Attack]) -> list[str]:
    return [f"{attack.kind}: {attack.name}" for attack in attacks]


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_an_attack_is_contained_and_named(sandbox: Sandbox, target: Target, attack: Attack) -> None:
    report = judged(sandbox, attack, target)
    assert report.passed == 0
    assert not report.clean
    assert ends(report) & attack.ends, report
    assert not target.touched()


def test_after_all_attacks_a_good_answer_is_judged_right(sandbox: Sandbox, target: Target) -> None:
    good = Submission("good", "f", "def f(n):\n    return 2 * n + 1", tests=(Case((20,), 41),))
    assert run_tests(sandbox, good).clean


_PAST_LANDLOCK = ("udp", "listen", "names", "mkfifo", "by C name", "chmod")
"""What Landlock does not see; as root without another user, chmod too."""
_REACHING = [*LEAKS, *WRITES, *NETWORK, *PROCESSES]


@pytest.mark.parametrize(
    "without",
    [
        ("namespaces", "landlock", "own-user", "audit"),
        ("seccomp", "audit"),
        ("seccomp", "namespaces", "own-user", "audit"),
    ],
    ids=["seccomp alone", "namespaces and landlock", "landlock alone"],
)
def test_fewer_layers_still_keep_files_and_network_away(
    without: tuple[str, ...], target: Target
) -> None:
    """Without the audit hook too: it names attempts and must not be what holds them back."""
    seccomp = "seccomp" not in without
    with open_sandbox(Policy(without=without)) as box:
        if not ({"seccomp", "landlock"} & set(box.layers)):
            pytest.skip("this system offers neither seccomp nor Landlock")
        for attack in _REACHING:
            if not seccomp and (attack.kind == "processes" or "socket" in attack.name):
                continue  # what Landlock alone lets through is written in docs/sandbox.md
            if not seccomp and attack.name in _PAST_LANDLOCK:
                continue
            report = judged(box, attack, target)
            assert report.passed == 0 or "swallowed" in attack.name, (attack.name, report)
            assert not target.touched(), attack.name


def test_the_layers_are_told_and_a_missing_wall_is_warned_of() -> None:
    with open_sandbox(Policy(without=("seccomp", "namespaces", "landlock", "own-user"))) as box:
        told = {name: (holds, words) for name, holds, words in box.describe()}
        assert told["fork-server"][0]
        assert told["seccomp"] == (False, "switched off by the policy")
        warning = box.warning()
        assert warning is not None
        assert "nothing but limits" in warning
        run = box.run("def f():\n    return 1", [Call("f")])
        assert run.outcomes[0].value == 1
        assert run.layers == ("fork-server", "limits", "audit")


def test_every_layer_holds_here_or_says_why_not(sandbox: Sandbox) -> None:
    for name, holds, words in sandbox.describe():
        assert holds or words, name
