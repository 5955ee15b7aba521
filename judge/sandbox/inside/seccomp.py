"""Which system calls a candidate may make: an allow-list, as a classic BPF program.

Reading, writing what is open already, memory without execution, clocks, sleeping and ending are
allowed. What an innocent library tries in passing fails with an error (``EPERM``, ``EACCES`` for
files, ``ENOSYS`` for clone3 so that libc falls back). What only an attack does ends the process
with SIGSYS. Numbers are from the kernel's tables for x86-64 and aarch64.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_GE, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGS = 0, 4, 16
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE_THREAD, _PROT_EXEC = 0x10000, 4

_ALLOWED = {
    "x86_64": {
        "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "munmap": 11,
        "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "readv": 19,
        "writev": 20, "select": 23, "sched_yield": 24, "mremap": 25, "madvise": 28,
        "nanosleep": 35, "getitimer": 36, "alarm": 37, "setitimer": 38, "getpid": 39, "exit": 60,
        "uname": 63, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99,
        "times": 100, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108,
        "getppid": 110, "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202,
        "sched_getaffinity": 204, "restart_syscall": 219, "clock_gettime": 228,
        "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "pselect6": 270,
        "ppoll": 271, "set_robust_list": 273, "getrandom": 318, "rseq": 334,
    },
    "aarch64": {
        "close": 57, "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66,
        "pselect6": 72, "ppoll": 73, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
        "set_robust_list": 99, "nanosleep": 101, "getitimer": 102, "setitimer": 103,
        "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115, "sched_getaffinity": 123,
        "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132, "rt_sigaction": 134,
        "rt_sigprocmask": 135, "rt_sigreturn": 139, "times": 153, "uname": 160, "getrusage": 165,
        "gettimeofday": 169, "getpid": 172, "getppid": 173, "getuid": 174, "geteuid": 175,
        "getgid": 176, "getegid": 177, "gettid": 178, "sysinfo": 179, "brk": 214, "munmap": 215,
        "mremap": 216, "madvise": 233, "getrandom": 278, "rseq": 293,
    },
}  # fmt: skip
"""Allowed whatever the arguments."""

_FILES = {
    "x86_64": (2, 4, 6, 21, 79, 89, 217, 257, 262, 267, 269, 332, 437, 439),
    "aarch64": (17, 48, 56, 61, 78, 79, 291, 437, 439),
}
"""Opening and looking at files: refused with EACCES, because libraries look in passing."""

_ATTACKS = {
    "x86_64": (
        22, 29, 30, 41, 42, 43, 44, 46, 49, 50, 57, 58, 59, 62, 64, 68, 76, 82, 83, 84, 85,
        86, 87, 88, 90, 92, 94, 101, 105, 106, 117, 119, 133, 134, 136, 155, 161, 163, 165,
        166, 167, 169, 172, 173, 175, 176, 200, 240, 246, 248, 249, 250, 258, 259, 260, 263,
        264, 265, 266, 268, 272, 288, 293, 298, 304, 308, 310, 311, 312, 313, 316, 319, 320,
        321, 322, 323, 424, 425, 428, 429, 430, 434, 438,
    ),
    "aarch64": (
        33, 34, 35, 36, 37, 38, 39, 40, 41, 45, 51, 53, 54, 59, 97, 104, 105, 106, 117, 129,
        130, 142, 144, 146, 147, 149, 180, 186, 190, 194, 196, 198, 200, 201, 202, 203, 206,
        211, 217, 218, 219, 221, 224, 241, 242, 265, 268, 270, 271, 272, 273, 276, 279, 280,
        281, 282, 294, 424, 425, 428, 429, 430, 434, 438,
    ),
}  # fmt: skip
"""Only an attack calls these: pipes (no process is there to talk to), sockets, processes, signals
to others, changes of files, shared memory, tracing, mounts, namespaces, modules, bpf, io_uring,
other processes' memory."""

_SPECIAL = {
    "x86_64": {"mmap": 9, "mprotect": 10, "clone": 56, "prlimit64": 302, "clone3": 435},
    "aarch64": {"mmap": 222, "mprotect": 226, "clone": 220, "prlimit64": 261, "clone3": 435},
}


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _argument(index: int, *, high: bool = False) -> bytes:
    return _step(_LOAD, _ARGS + 8 * index + (4 if high else 0))


def _failing(number: int) -> int:
    return _ERRNO | number


def _when(number: int, body: bytes) -> bytes:
    """Run ``body`` (which must end in a return on every path) for one system call."""
    return _step(_JUMP_EQUAL, number, 0, len(body) // 8) + body


def _answers(numbers: Iterable[int], action: int) -> bytes:
    """Answer all these system calls alike: one step a call, and one return for all of them."""
    wanted = list(numbers)
    steps = [
        _step(_JUMP_EQUAL, number, len(wanted) - place - 1, 0)
        for place, number in enumerate(wanted[:-1])
    ]
    return b"".join([*steps, _step(_JUMP_EQUAL, wanted[-1], 0, 1), _step(_RETURN, action)])


def _unless_bit(index: int, bit: int, clear: int, fixed: int) -> bytes:
    """Return ``fixed`` when argument ``index`` has ``bit``, else ``clear``."""
    return b"".join(
        (
            _argument(index),
            _step(_JUMP_SET, bit, 0, 1),
            _step(_RETURN, fixed),
            _step(_RETURN, clear),
        )
    )


def program(machine: str) -> bytes:
    """Return the filter for a processor (``x86_64`` or ``aarch64``), eight bytes a step."""
    special = _SPECIAL[machine]
    denied = _failing(errno.EPERM)
    steps = [
        _step(_LOAD, _ARCH),
        _step(_JUMP_EQUAL, _ARCHITECTURES[machine], 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NR),
    ]
    if machine == "x86_64":  # the x32 calls share the architecture's number
        steps += [_step(_JUMP_GE, 0x40000000, 0, 1), _step(_RETURN, _KILL)]
    steps.append(_answers(_ALLOWED[machine].values(), _ALLOW))
    for name in ("mmap", "mprotect"):
        steps.append(_when(special[name], _unless_bit(2, _PROT_EXEC, _ALLOW, denied)))
    steps.append(_when(special["clone"], _unless_bit(0, _CLONE_THREAD, _KILL, denied)))
    steps.append(_answers([special["clone3"]], _failing(errno.ENOSYS)))
    read_only_limits = b"".join(
        (
            _argument(2),
            _step(_JUMP_EQUAL, 0, 0, 3),
            _argument(2, high=True),
            _step(_JUMP_EQUAL, 0, 0, 1),
            _step(_RETURN, _ALLOW),
            _step(_RETURN, denied),
        )
    )
    steps.append(_when(special["prlimit64"], read_only_limits))
    steps.append(_answers(_FILES[machine], _failing(errno.EACCES)))
    steps.append(_answers(_ATTACKS[machine], _KILL))
    steps.append(_step(_RETURN, denied))
    return b"".join(steps)
