"""Linux calls that Python does not offer: prctl, namespaces, Landlock, seccomp installation.

Thin: each function does one thing and raises ``OSError`` when the system refuses. Which calls a
seccomp filter lets through is decided in ``seccomp``. Sources: the manual pages prctl(2),
unshare(2), pivot_root(2), landlock(7), seccomp(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 38, 36

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 1, 2, 4, 8, 32
_MS_BIND, _MS_REC, _MS_PRIVATE, _MNT_DETACH = 4096, 16384, 1 << 18, 2
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_NUMBERS = {
    "x86_64": {"pivot_root": 155, "seccomp": 317, "capset": 126},
    "aarch64": {"pivot_root": 41, "seccomp": 277, "capset": 91},
}
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FLAG_SPEC_ALLOW = 1, 4


def supported() -> bool:
    """Whether this is a Linux whose call numbers are known here (x86-64 or aarch64, 64 bits)."""
    return sys.platform == "linux" and machine() in _NUMBERS and sys.maxsize > 2**32


def machine() -> str:
    """The processor's name as Linux writes it."""
    return platform.machine()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int) -> None:
    """Call prctl with one argument (all five as unsigned longs: the function is variadic)."""
    call = _libc().prctl
    call.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    _check(call(option, value, 0, 0, 0), f"prctl {option}")


def _syscall(number: int, *args: object) -> int:
    call = _libc().syscall
    call.restype = ctypes.c_long
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    return int(_check(call(ctypes.c_long(number), *wide), f"system call {number}"))


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``flags``."""
    call = _libc().unshare
    call.argtypes = [ctypes.c_int]
    _check(call(flags), "unshare")


def enter_namespaces() -> None:
    """Take own mount, process, network, IPC and host-name namespaces.

    As root directly; else inside an own user namespace in which the user keeps its number. The
    process namespace holds for processes forked from now on.
    """
    spaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    uid, gid = os.getuid(), os.getgid()
    try:
        unshare(spaces)
    except PermissionError:
        unshare(CLONE_NEWUSER | spaces)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def _mount(
    source: bytes | None, target: bytes, kind: bytes | None, flags: int, data: bytes
) -> None:
    call = _libc().mount
    call.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
    _check(call(source, target, kind, flags, data or None), f"mount {target.decode()}")


def empty_root() -> None:
    """Replace the file system, in an own mount namespace, by an empty read-only one."""
    _mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, b"")
    place = next(p for p in ("/tmp", "/mnt", "/proc", "/dev", "/usr") if os.path.isdir(p))
    quiet = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _mount(b"tmpfs", place.encode(), b"tmpfs", quiet, b"size=4k,nr_inodes=1,mode=555")
    os.chdir(place)
    _syscall(_NUMBERS[machine()]["pivot_root"], b".", b".")
    call = _libc().umount2
    call.argtypes = [ctypes.c_char_p, ctypes.c_int]
    _check(call(b".", _MNT_DETACH), "umount2")
    _mount(b"none", b"/", None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | quiet, b"")
    os.chdir("/")


def become_nobody() -> int:
    """As root, become a user that nobody else is; returns its number. Raises ``OSError``."""
    os.setgroups([])
    for uid in (200_000_000 + os.getpid(), 65534):
        try:
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        except OSError:
            continue
        return uid
    raise OSError("no other user number is mapped here")


def drop_capabilities() -> None:
    """Give up every capability, those held inside an own user namespace too."""
    for capability in range(64):
        with contextlib.suppress(OSError):
            prctl(PR_CAPBSET_DROP, capability)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _syscall(
        _NUMBERS[machine()]["capset"], ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())
    )


def landlock() -> int:
    """Deny all file access, TCP, abstract sockets and signals to outside; returns the ABI."""
    abi = _syscall(_LANDLOCK_CREATE, None, 0, 1)
    files = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)) - 1
    attributes = (ctypes.c_uint64 * 3)(files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _syscall(_LANDLOCK_CREATE, ctypes.byref(attributes), size, 0)
    try:
        _syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


class Filter:
    """A seccomp program, laid out once so that installing it in a child is one call."""

    def __init__(self, program: bytes) -> None:
        self._body = ctypes.create_string_buffer(program, len(program))

        class Header(ctypes.Structure):
            _fields_ = (("length", ctypes.c_ushort), ("body", ctypes.c_void_p))

        self._header = Header(len(program) // 8, ctypes.addressof(self._body))
        self._call = _libc().syscall
        self._number = ctypes.c_long(_NUMBERS[machine()]["seccomp"])

    def install(self) -> None:
        """Put the filter on this process, for good; needs ``PR_SET_NO_NEW_PRIVS``."""
        mode, flags = (
            ctypes.c_long(_SECCOMP_SET_MODE_FILTER),
            ctypes.c_long(_SECCOMP_FLAG_SPEC_ALLOW),
        )
        _check(self._call(self._number, mode, flags, ctypes.byref(self._header)), "seccomp")
