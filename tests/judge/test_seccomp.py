"""The system-call filter, run step by step in an interpreter of its own small language."""

from __future__ import annotations

import errno
import struct

import pytest

from judge.sandbox.inside.seccomp import program

ALLOW, KILL = "allow", "kill"
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def answer(machine: str, number: int, *args: int, architecture: int | None = None) -> str:
    """What the filter says to one system call: allow, kill, or the name of an error."""
    arch = ARCHITECTURES[machine] if architecture is None else architecture
    data = struct.pack("=IIQ6Q", number, arch, 0, *args, *[0] * (6 - len(args)))
    code = program(machine)
    steps = [struct.unpack("=HBBI", code[k : k + 8]) for k in range(0, len(code), 8)]
    place = loaded = 0
    while True:
        operation, yes, no, value = steps[place]
        place += 1
        if operation == 0x20:
            (loaded,) = struct.unpack_from("=I", data, value)
        elif operation == 0x06:
            kind = value & 0xFFFF0000
            if kind == 0x00050000:
                return errno.errorcode[value & 0xFFFF]
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}[kind]
        else:
            met = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}
            place += yes if met[operation] else no


@pytest.mark.parametrize(
    ("machine", "number", "args", "said"),
    [
        ("x86_64", 0, (), ALLOW),  # read
        ("x86_64", 231, (), ALLOW),  # exit_group
        ("x86_64", 334, (), ALLOW),  # rseq, the last of the list
        ("x86_64", 257, (), "EACCES"),  # openat
        ("x86_64", 435, (), "ENOSYS"),  # clone3
        ("x86_64", 41, (), KILL),  # socket
        ("x86_64", 59, (), KILL),  # execve
        ("x86_64", 438, (), KILL),  # pidfd_getfd, the last of the list
        ("x86_64", 9, (0, 0, 3), ALLOW),  # mmap, read and write
        ("x86_64", 9, (0, 0, 7), "EPERM"),  # mmap, executable
        ("x86_64", 10, (0, 0, 4), "EPERM"),  # mprotect, executable
        ("x86_64", 56, (0x10000,), "EPERM"),  # clone, a thread
        ("x86_64", 56, (17,), KILL),  # clone, a process
        ("x86_64", 302, (0, 7, 0), ALLOW),  # prlimit64, reading
        ("x86_64", 302, (0, 7, 1), "EPERM"),  # prlimit64, writing
        ("x86_64", 302, (0, 7, 1 << 40), "EPERM"),  # the pointer's upper half counts too
        ("x86_64", 72, (), "EPERM"),  # fcntl, in no list
        ("x86_64", 9999, (), "EPERM"),
        ("x86_64", 0x40000000, (), KILL),  # read, as an x32 call
        ("aarch64", 63, (), ALLOW),  # read
        ("aarch64", 56, (), "EACCES"),  # openat
        ("aarch64", 198, (), KILL),  # socket
        ("aarch64", 221, (), KILL),  # execve
        ("aarch64", 222, (0, 0, 7), "EPERM"),  # mmap, executable
        ("aarch64", 220, (17,), KILL),  # clone, a process
    ],
)
def test_each_call_gets_its_answer(
    machine: str, number: int, args: tuple[int, ...], said: str
) -> None:
    assert answer(machine, number, *args) == said


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_calls_of_another_architecture_end_the_process(machine: str) -> None:
    assert answer(machine, 0, architecture=0x40000003) == KILL  # 32-bit x86


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_the_filter_is_short_enough_for_the_kernel(machine: str) -> None:
    assert len(program(machine)) // 8 <= 4096
