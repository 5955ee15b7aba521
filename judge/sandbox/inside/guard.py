"""The audit hook of a candidate's process: names what was tried, before the kernel refuses it.

A detector, not a wall. The walls are seccomp, Landlock and the namespaces; the hook turns an
attempt into a sentence, and keeps an attempt whose error the candidate swallows from going unseen.
Where a system offers no walls it is all there is, which ``describe()`` says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

_FORBIDDEN = {
    "opens a file": "open os.listdir os.scandir os.walk os.fwalk glob.glob pathlib.Path.glob"
    " pathlib.Path.rglob sqlite3.connect dbm.open zipfile.ZipFile tarfile.open mmap.__new__",
    "changes files": "os.chflags os.chmod os.chown os.link os.lockf os.mkdir os.remove os.rename"
    " os.rmdir os.setxattr os.removexattr os.symlink os.truncate os.utime os.chdir os.fchdir"
    " os.getxattr os.listxattr shutil.copyfile shutil.move shutil.rmtree shutil.chown"
    " shutil.make_archive tempfile.mkstemp tempfile.mkdtemp",
    "starts a process": "os.exec os.fork os.forkpty os.posix_spawn os.spawn os.system os.startfile"
    " subprocess.Popen pty.spawn webbrowser.open",
    "starts a thread": "_thread.start_new_thread",
    "sends a signal": "os.kill os.killpg signal.pthread_kill",
    "uses the network": "socket.__new__ socket.connect socket.bind socket.sendto socket.sendmsg"
    " socket.getaddrinfo socket.gethostbyname socket.gethostbyaddr socket.gethostname"
    " socket.getnameinfo socket.sethostname urllib.Request http.client.connect ftplib.connect"
    " smtplib.connect poplib.connect imaplib.open telnetlib.Telnet.open nntplib.connect",
    "reaches past Python": "ctypes.dlopen ctypes.dlsym ctypes.dlsym/handle ctypes.call_function"
    " ctypes.cdata ctypes.cdata/buffer ctypes.string_at ctypes.wstring_at ctypes.set_errno"
    " ctypes.seh_exception ctypes.PyObj_FromPtr",
    "changes its own limits": "resource.setrlimit resource.prlimit syslog.openlog",
}
_BY_EVENT = {event: words for words, events in _FORBIDDEN.items() for event in events.split()}
_HARMLESS_DESCRIPTOR = frozenset({"open", "os.chdir", "os.listdir", "os.scandir", "os.truncate"})


def install(report: Callable[[str], None]) -> None:
    """Watch this process for good; ``report`` gets one sentence and must not return."""
    table, harmless = _BY_EVENT, _HARMLESS_DESCRIPTOR

    def hook(event: str, args: tuple[object, ...]) -> None:
        words = table.get(event)
        if words is None:
            return
        first = args[0] if args else None
        if event in harmless and type(first) is int:
            return  # descriptors: what is open already leads nowhere
        if type(first) is str and first[:1] == "<" and first[-1:] == ">":
            return  # the interpreter looks for the source of code that came as text
        if event == "mmap.__new__" and first == -1:
            return
        what = f" {first[:200]!r}" if type(first) in (str, bytes) else ""  # type: ignore[index]
        report(f"it {words} ({event}{what})")

    sys.addaudithook(hook)
