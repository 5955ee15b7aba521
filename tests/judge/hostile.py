"""Hostile answers, by class of attack: what a candidate may try on the machine that judges it.

Each defines ``f`` and is judged by the hidden case ``f(20) == 41``. None may pass, none may leave
anything behind, and each must end in a named way. ``{host}`` stands for the judge's process number,
``{canary}`` for a file of the judge, ``{port}`` for a port on which the judge listens.
"""

# ruff: noqa: E501 the answers are quoted as they come
# fmt: off
from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Attack:
    """One hostile answer, and the ways in which it may end: unsafe, resource, wrong, malformed."""

    kind: str
    name: str
    code: str
    ends: frozenset[str]


def _attack(kind: str, name: str, ends: str, code: str) -> Attack:
    return Attack(kind, name, dedent(code).strip() + "\n", frozenset(ends.split()))


TIME = [
    _attack("time", "loop", "resource", "def f(n):\n    while True: pass"),
    _attack("time", "loop at load", "resource", "while True: pass"),
    _attack("time", "swallowed exceptions", "resource", """
        def f(n):
            while True:
                try:
                    while True: pass
                except BaseException: pass
        """),
    _attack("time", "big power", "resource", "def f(n):\n    return len(str((9 ** 9 ** 9)))"),
    _attack("time", "catastrophic regex", "resource", """
        import re
        def f(n):
            return re.match(r'(a+)+$', 'a' * 60 + 'b')
        """),
    _attack("time", "sleep", "resource", "import time\ndef f(n):\n    time.sleep(3600)"),
    _attack("time", "self stop", "resource unsafe wrong", """
        import signal
        def f(n):
            signal.raise_signal(signal.SIGSTOP)
            return 41
        """.replace("return 41", "return 0")),
    _attack("time", "ignores the processor signal", "resource", """
        import signal
        def f(n):
            for s in range(1, 64):
                try: signal.signal(s, signal.SIG_IGN)
                except BaseException: pass
            signal.setitimer(signal.ITIMER_PROF, 0)
            while True: pass
        """),
    _attack("time", "endless generator", "resource wrong", """
        import itertools
        def f(n):
            return (x for x in itertools.count())
        """),
    _attack("time", "sorting with a slow key", "resource", """
        def f(n):
            return max(range(10 ** 12))
        """),
    _attack("time", "slow property of an exception", "resource", """
        class E(Exception):
            def __str__(self):
                while True: pass
        def f(n):
            raise E()
        """),
    _attack("time", "futex wait", "resource unsafe wrong", """
        import threading
        def f(n):
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        """),
]

MEMORY = [
    _attack("memory", "list bomb", "resource", "def f(n):\n    return [0] * 10 ** 11"),
    _attack("memory", "growing bytes", "resource", """
        def f(n):
            kept = []
            while True: kept.append(bytearray(10 ** 7))
        """),
    _attack("memory", "swallowed memory errors", "resource wrong", """
        def f(n):
            kept = []
            for _ in range(10 ** 9):
                try: kept.append(bytearray(10 ** 8))
                except MemoryError: kept = kept[:-1]
        """),
    _attack("memory", "doubling string", "resource", """
        def f(n):
            s = 'x' * 1024
            while True: s += s
        """),
    _attack("memory", "memfd", "unsafe wrong", """
        import os
        def f(n):
            d = os.memfd_create('x')
            while True: os.write(d, b'x' * 10 ** 6)
        """),
    _attack("memory", "shared anonymous map", "unsafe resource wrong malformed", """
        import mmap
        def f(n):
            kept = []
            while True: kept.append(mmap.mmap(-1, 10 ** 9))
        """),
    _attack("output", "huge print", "resource", """
        def f(n):
            while True: print('x' * 10 ** 6)
        """),
    _attack("output", "huge print, swallowed", "resource", """
        def f(n):
            while True:
                try: print('x' * 10 ** 6)
                except BaseException: pass
        """),
    _attack("output", "descriptor flood", "resource wrong unsafe", """
        import os
        def f(n):
            for _ in range(10 ** 5): os.write(1, b'x' * 65536)
            return 0
        """),
    _attack("output", "huge result", "resource", "def f(n):\n    return 'x' * 10 ** 8"),
    _attack("output", "huge nested result", "resource wrong", """
        def f(n):
            x = []
            for _ in range(150): x = [x, x]
            return x
        """),
    _attack("output", "huge exception", "wrong resource", "def f(n):\n    raise ValueError('x' * 10 ** 8)"),
    _attack("output", "flood of the result channel", "unsafe", """
        import os
        def f(n):
            for d in range(3, 64):
                try:
                    while True: os.write(d, b'\\xff' * 65536)
                except OSError: pass
            return 0
        """),
    _attack("output", "descriptors", "unsafe wrong", """
        import os
        def f(n):
            while True: os.dup(1)
        """),
    _attack("output", "pipes", "unsafe wrong", "import os\ndef f(n):\n    while True: os.pipe()"),
    _attack("output", "temporary files", "unsafe", """
        import tempfile
        def f(n):
            while True: tempfile.NamedTemporaryFile(delete=False).write(b'x' * 10 ** 6)
        """),
]

PROCESSES = [
    _attack("processes", "fork bomb", "unsafe", "import os\ndef f(n):\n    while True: os.fork()"),
    _attack("processes", "fork at load", "unsafe", "import os\nos.fork()\ndef f(n):\n    return 0"),
    _attack("processes", "fork, swallowed", "unsafe", """
        import os
        def f(n):
            try: os.fork()
            except BaseException: pass
            return 2 * n + 1
        """),
    _attack("processes", "fork by posix name", "unsafe", """
        import posix
        def f(n):
            posix.fork()
            return 2 * n + 1
        """),
    _attack("processes", "thread bomb", "unsafe wrong", """
        import threading
        def f(n):
            while True: threading.Thread(target=lambda: None).start()
        """),
    _attack("processes", "thread by hand", "unsafe wrong", """
        import _thread
        def f(n):
            _thread.start_new_thread(print, ())
        """),
    _attack("processes", "shell", "unsafe", "import os\ndef f(n):\n    os.system('id')\n    return 41"),
    _attack("processes", "subprocess", "unsafe", """
        import subprocess
        def f(n):
            return subprocess.run(['id'], capture_output=True).stdout
        """),
    _attack("processes", "posix_spawn", "unsafe", """
        import os
        def f(n):
            os.posix_spawn('/bin/sh', ['sh', '-c', 'id'], {})
        """),
    _attack("processes", "exec", "unsafe", "import os\ndef f(n):\n    os.execv('/bin/true', ['true'])"),
    _attack("processes", "fork_exec by hand", "unsafe wrong", """
        import _posixsubprocess, os
        def f(n):
            r, w = 0, 1
            return _posixsubprocess.fork_exec([b'/bin/true'], [b'/bin/true'], True, (), None, None,
                -1, -1, -1, -1, -1, -1, r, w, False, False, -1, None, None, None, -1, None, False)
        """),
    _attack("processes", "multiprocessing", "unsafe wrong", """
        import multiprocessing
        def f(n):
            p = multiprocessing.Process(target=print)
            p.start()
        """),
    _attack("processes", "daemon", "unsafe", """
        import os
        def f(n):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True: pass
            return 41
        """),
    _attack("processes", "kill the parent", "unsafe", """
        import os, signal
        def f(n):
            os.kill(os.getppid(), signal.SIGKILL)
        """),
    _attack("processes", "kill the judge", "unsafe", "import os\ndef f(n):\n    os.kill({host}, 9)"),
    _attack("processes", "kill the group", "unsafe", "import os\ndef f(n):\n    os.killpg(0, 9)"),
    _attack("processes", "kill everything", "unsafe", "import os\ndef f(n):\n    os.kill(-1, 9)"),
    _attack("processes", "raise the limits", "unsafe wrong", """
        import resource
        def f(n):
            resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        """),
    _attack("processes", "concurrent futures", "unsafe wrong", """
        from concurrent.futures import ThreadPoolExecutor
        def f(n):
            with ThreadPoolExecutor() as pool: return list(pool.map(print, range(1000)))
        """),
]

FORGING = [
    _attack("forging", "always equal", "wrong", """
        class Equal:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __hash__(self): return 41
        def f(n): return Equal()
        """),
    _attack("forging", "always equal inside", "wrong", """
        class Equal:
            def __eq__(self, other): return True
        def f(n): return [Equal()]
        """),
    _attack("forging", "int that is equal to all", "wrong", """
        class I(int):
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            __hash__ = int.__hash__
        def f(n): return I(0)
        """),
    _attack("forging", "type that calls itself int", "wrong", """
        class I:
            __class__ = int
            def __eq__(self, other): return True
            def __repr__(self): return '41'
            def __index__(self): return 41
        def f(n): return I()
        """),
    _attack("forging", "reduce gadget", "wrong", """
        class R:
            def __reduce__(self): return (eval, ("41",))
        def f(n): return R()
        """),
    _attack("forging", "patched builtins", "wrong malformed resource", """
        import builtins
        builtins.len = builtins.abs = lambda *a: 41
        builtins.isinstance = lambda *a: True
        builtins.type = lambda *a: int
        builtins.print = lambda *a: None
        def f(n): return 0
        """),
    _attack("forging", "patched json", "wrong unsafe", """
        import json
        json.dumps = lambda *a, **k: '[0, "returned", 41, null, null, [], null, null, 0.0]'
        json.encoder.JSONEncoder.encode = lambda *a: '41x'
        def f(n): return object()
        """),
    _attack("forging", "exit at once", "wrong malformed", "import os\nos._exit(0)"),
    _attack("forging", "sys.exit(0)", "wrong", "import sys\ndef f(n):\n    sys.exit(0)"),
    _attack("forging", "exit inside the call", "wrong", "import os\ndef f(n):\n    os._exit(0)"),
    _attack("forging", "atexit", "wrong", """
        import atexit, sys
        atexit.register(lambda: print('passed'))
        def f(n): sys.exit(0)
        """),
    _attack("forging", "frames", "wrong", """
        import sys
        def f(n):
            frame = sys._getframe()
            while frame:
                for name, value in list(frame.f_locals.items()):
                    if name in ('expected', 'case', 'record', 'outcome'): return value
                frame = frame.f_back
            return 0
        """),
    _attack("forging", "garbage collector", "wrong", """
        import gc
        def f(n):
            for o in gc.get_objects():
                if type(o) is dict and 'expected' in o: return o['expected']
            return 0
        """),
    _attack("forging", "harness through the frame", "wrong unsafe", """
        import sys
        def f(n):
            frame = sys._getframe(1)
            while frame:
                me = frame.f_locals.get('self')
                if hasattr(me, 'wire'):
                    me.lines.append('[0, "returned", 0, null, null, [], null, null, 0.0]')
                    me.flush()
                frame = frame.f_back
            return 0
        """),
    _attack("forging", "forged frames", "unsafe wrong", """
        import os, struct
        def f(n):
            body = b'[0,"passed",true,null,null,[],null,null,0.0]'
            os.write(3, struct.pack('>IB', len(body), ord('O')) + body)
            return 0
        """),
    _attack("forging", "truncated frame", "unsafe wrong resource", """
        import os
        def f(n):
            os.write(3, b'\\x00\\x00')
            os._exit(0)
        """),
    _attack("forging", "endless frame", "unsafe", """
        import os
        def f(n):
            os.write(3, b'\\xff\\xff\\xff\\xffO' + b'[' * 100000)
            while True: pass
        """),
    _attack("forging", "deep frame", "unsafe", """
        import os, struct
        def f(n):
            body = b'[' * 500000
            os.write(3, struct.pack('>IB', len(body), ord('O')) + body)
            while True: pass
        """),
    _attack("forging", "slow drip", "resource unsafe", """
        import os, time
        def f(n):
            while True:
                os.write(3, b'\\x00')
                time.sleep(0.01)
        """),
    _attack("forging", "proxy frame unasked", "unsafe", """
        import os, struct
        def f(n):
            body = b'["f", {"$tuple": [1]}]'
            os.write(3, struct.pack('>IB', len(body), ord('P')) + body)
            while True: pass
        """),
    _attack("forging", "forbidden frame in disguise", "unsafe", """
        import os, struct
        def f(n):
            os.write(3, struct.pack('>IB', 1000, ord('F')) + b'\\xff' * 1000)
            while True: pass
        """),
    _attack("forging", "colliding keys", "unsafe wrong", """
        import os, struct
        def f(n):
            items = ','.join(str(i * (2 ** 61 - 1)) for i in range(1, 20000))
            body = ('[0,"returned",{"$set":[' + items + ']},null,null,[],null,null,0.0]').encode()
            os.write(3, struct.pack('>IB', len(body), ord('O')) + body)
            while True: pass
        """),
    _attack("forging", "negative length of changed arguments", "unsafe wrong", """
        import os, struct
        def f(n):
            body = b'[0,"returned",0,null,null,[],[1,2,3],null,0.0]'
            os.write(3, struct.pack('>IB', len(body), ord('O')) + body)
            while True: pass
        """),
    _attack("forging", "wrong number", "unsafe wrong", """
        import os, struct
        def f(n):
            body = b'[7,"returned",41,null,null,[],null,null,0.0]'
            os.write(3, struct.pack('>IB', len(body), ord('O')) + body)
            while True: pass
        """),
    _attack("forging", "not json", "unsafe", """
        import os, struct
        def f(n):
            body = b'\\xff\\xfe nonsense NaN'
            os.write(3, struct.pack('>IB', len(body), ord('O')) + body)
            while True: pass
        """),
    _attack("forging", "close the channel", "wrong resource", """
        import os
        def f(n):
            os.closerange(0, 64)
            return 0
        """),
    _attack("forging", "read ahead", "wrong resource unsafe", """
        import os
        def f(n):
            os.read(3, 65536)
            return 0
        """),
    _attack("forging", "bool for int, and more", "wrong", "def f(n):\n    return [41]"),
    _attack("forging", "string for int", "wrong", "def f(n):\n    return '41'"),
    _attack("forging", "coroutine", "wrong", "async def f(n):\n    return 41"),
    _attack("forging", "generator", "wrong", "def f(n):\n    yield 41"),
    _attack("forging", "renamed module", "wrong", """
        import sys
        class M:
            def __getattr__(self, name): return 41
        sys.modules['judge'] = sys.modules['judge.plain'] = sys.modules['json'] = M()
        def f(n): return object()
        """),
    _attack("forging", "raises with a clever name", "wrong", """
        class AssertionError(BaseException): pass
        def f(n): raise AssertionError('passed')
        """),
    _attack("forging", "metaclass name", "wrong", """
        class Meta(type):
            __name__ = property(lambda self: 41)
            __mro__ = property(lambda self: 1 / 0)
        class E(Exception, metaclass=Meta): pass
        def f(n): raise E()
        """),
    _attack("forging", "trace function", "wrong", """
        import sys
        def t(frame, event, arg):
            return t
        sys.settrace(t)
        def f(n): return 0
        """),
    _attack("forging", "changed arguments", "wrong", "def f(n):\n    n += 1\n    return n"),
]

LEAKS = [
    _attack("leaks", "environment", "wrong", "import os\ndef f(n):\n    return dict(os.environ)"),
    _attack("leaks", "read a key", "unsafe", "def f(n):\n    return open({canary!r}).read()"),
    _attack("leaks", "read a key, swallowed", "unsafe", """
        def f(n):
            try: open({canary!r}).read()
            except BaseException: pass
            return 2 * n + 1
        """),
    _attack("leaks", "os.open", "unsafe", "import os\ndef f(n):\n    return os.open({canary!r}, 0)"),
    _attack("leaks", "pathlib", "unsafe", """
        import pathlib
        def f(n): return pathlib.Path({canary!r}).read_text()
        """),
    _attack("leaks", "io.open_code", "unsafe wrong", "import io\ndef f(n):\n    return io.open_code({canary!r}).read()"),
    _attack("leaks", "listing", "unsafe", "import os\ndef f(n):\n    return os.listdir('/')"),
    _attack("leaks", "glob", "unsafe wrong", "import glob\ndef f(n):\n    return glob.glob('/**')"),
    _attack("leaks", "walk", "unsafe", "import os\ndef f(n):\n    return list(os.walk('/'))"),
    _attack("leaks", "proc", "unsafe", "def f(n):\n    return open('/proc/self/environ').read()"),
    _attack("leaks", "memory of the judge", "unsafe", "def f(n):\n    return open('/proc/{host}/mem', 'rb')"),
    _attack("leaks", "stat", "wrong", "import os\ndef f(n):\n    return os.stat({canary!r}).st_size"),
    _attack("leaks", "readlink", "wrong", "import os\ndef f(n):\n    return os.readlink('/proc/self/exe')"),
    _attack("leaks", "descriptors", "wrong unsafe", """
        import os
        def f(n):
            found = []
            for d in list(range(4, 64)):
                try: found.append(os.fstat(d).st_ino)
                except OSError: pass
            return found or 0
        """),
    _attack("leaks", "standard input", "wrong", "import sys\ndef f(n):\n    return sys.stdin.read()"),
    _attack("leaks", "linecache", "unsafe wrong", """
        import linecache
        def f(n): return linecache.getlines({canary!r})
        """),
    _attack("leaks", "sqlite or zip", "unsafe wrong malformed", """
        import zipfile
        def f(n): return zipfile.ZipFile({canary!r}).namelist()
        """),
    _attack("leaks", "import from disk", "wrong malformed unsafe", """
        import sys
        sys.path.append('/')
        import importlib.machinery
        def f(n):
            return importlib.machinery.SourceFileLoader('x', {canary!r}).get_data({canary!r})
        """),
]

WRITES = [
    _attack("writes", "drop a file", "unsafe", "def f(n):\n    open({canary!r} + '.new', 'w').write('x')"),
    _attack("writes", "overwrite", "unsafe", "def f(n):\n    open({canary!r}, 'w')"),
    _attack("writes", "delete", "unsafe", "import os\ndef f(n):\n    os.remove({canary!r})"),
    _attack("writes", "delete a tree", "unsafe", "import shutil\ndef f(n):\n    shutil.rmtree('/')"),
    _attack("writes", "chmod", "unsafe", "import os\ndef f(n):\n    os.chmod({canary!r}, 0o777)"),
    _attack("writes", "rename", "unsafe", "import os\ndef f(n):\n    os.rename({canary!r}, {canary!r} + 'x')"),
    _attack("writes", "mkdir", "unsafe", "import os\ndef f(n):\n    os.mkdir({canary!r} + '.d')"),
    _attack("writes", "symlink", "unsafe", "import os\ndef f(n):\n    os.symlink('/', {canary!r} + '.l')"),
    _attack("writes", "truncate", "unsafe", "import os\ndef f(n):\n    os.truncate({canary!r}, 0)"),
    _attack("writes", "mkfifo", "unsafe wrong", "import os\ndef f(n):\n    os.mkfifo({canary!r} + '.f')"),
    _attack("writes", "log file", "unsafe", """
        import logging
        def f(n): logging.basicConfig(filename={canary!r} + '.log'); logging.error('x')
        """),
]

NETWORK = [
    _attack("network", "tcp", "unsafe", """
        import socket
        def f(n): socket.create_connection(('127.0.0.1', {port}), 2)
        """),
    _attack("network", "udp", "unsafe", """
        import socket
        def f(n): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))
        """),
    _attack("network", "unix socket", "unsafe", """
        import socket
        def f(n): socket.socket(socket.AF_UNIX).connect('/run/docker.sock')
        """),
    _attack("network", "listen", "unsafe", """
        import socket
        def f(n):
            s = socket.socket()
            s.bind(('0.0.0.0', 0))
            s.listen()
        """),
    _attack("network", "by C name", "unsafe", """
        import _socket
        def f(n): return _socket.socket()
        """),
    _attack("network", "urllib", "unsafe wrong malformed", """
        import urllib.request
        def f(n): return urllib.request.urlopen('http://127.0.0.1:{port}').read()
        """),
    _attack("network", "names", "unsafe wrong", "import socket\ndef f(n):\n    return socket.getaddrinfo('localhost', 80)"),
    _attack("network", "socket pair", "unsafe wrong", "import socket\ndef f(n):\n    return socket.socketpair()"),
    _attack("network", "descriptor of the channel as socket", "unsafe wrong", """
        import socket
        def f(n):
            s = socket.socket(fileno=3)
            s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, b'\\0\\0\\0\\0')])
        """),
]

CRASHES = [
    _attack("crash", "ctypes", "unsafe", "import ctypes\ndef f(n):\n    ctypes.string_at(0)"),
    _attack("crash", "ctypes library", "unsafe", "import ctypes\ndef f(n):\n    ctypes.CDLL(None).getpid()"),
    _attack("crash", "python api", "unsafe wrong", """
        import ctypes
        def f(n): ctypes.pythonapi.PyErr_SetString(None, b'x')
        """),
    _attack("crash", "code object", "wrong resource", """
        def f(n):
            def g(): pass
            g.__code__ = g.__code__.replace(co_code=b'\\x00\\x64' * 8, co_stacksize=1)
            return g()
        """),
    _attack("crash", "abort", "wrong unsafe", "import os\ndef f(n):\n    os.abort()"),
    _attack("crash", "deep recursion", "resource", "def f(n):\n    return f(n)"),
    _attack("crash", "deep recursion in C", "wrong resource", """
        import sys
        sys.setrecursionlimit(10 ** 9)
        def f(n):
            x = []
            for _ in range(10 ** 6): x = [x]
            return repr(x)
        """),
    _attack("crash", "endless recursion, no limit", "wrong resource", """
        import sys
        sys.setrecursionlimit(10 ** 9)
        class A:
            def __getattr__(self, name): return getattr(self, name)
        def f(n): return A().x
        """),
    _attack("crash", "deep result", "wrong resource", """
        def f(n):
            x = []
            for _ in range(10 ** 5): x = [x]
            return x
        """),
    _attack("crash", "cyclic result", "wrong", "def f(n):\n    x = []\n    x.append(x)\n    return x"),
    _attack("crash", "deep literal", "malformed", "def f(n):\n    return " + "[" * 3000 + "]" * 3000),
    _attack("crash", "deep operators", "malformed wrong", "def f(n):\n    return " + "-" * 100_000 + "n"),
    _attack("crash", "null byte", "malformed", "def f(n):\n    return 41\x00"),
    _attack("crash", "lone surrogate", "wrong malformed", "def f(n):\n    return '\ud800'"),
    _attack("crash", "exit while loading", "malformed", "raise SystemExit(0)"),
    _attack("crash", "faulthandler", "wrong resource unsafe malformed", "import faulthandler\ndef f(n):\n    faulthandler._sigsegv()"),
    _attack("crash", "closing all", "wrong resource", """
        import gc, os
        def f(n):
            for d in range(64):
                try: os.close(d)
                except OSError: pass
            gc.collect()
            return 41
        """.replace("return 41", "return 0")),
]


def _raw(name: str, number: int, *args: str) -> Attack:
    """A system call without Python's own wrappers, found through objects that are lying about."""
    passed = ", ".join([str(number), *args])
    return _attack("system calls", name, "unsafe wrong", f"""
        import sys
        def find():
            seen = object.__subclasses__()
            for c in seen:
                if c.__name__ == 'CDLL': return c
            return sys.modules['ctypes'].CDLL
        def f(n):
            try: lib = find()(None)
            except BaseException: return 0
            return lib.syscall({passed})
        """)


SYSTEM_CALLS = [
    _raw("ptrace", 101, "0", "0", "0", "0"),
    _raw("socket", 41, "2", "1", "0"),
    _raw("execve", 59, "0", "0", "0"),
    _raw("io_uring", 425, "1", "0"),
    _raw("bpf", 321, "0", "0", "0"),
    _raw("unshare", 272, "268435456"),
    _raw("keyctl", 250, "0", "0"),
    _raw("process_vm_readv", 310, "{host}", "0", "0", "0", "0", "0"),
    _raw("shmget", 29, "0", "4096", "950"),
    _raw("perf_event_open", 298, "0", "0", "-1", "-1", "0"),
]

ATTACKS = [
    *TIME, *MEMORY, *PROCESSES, *FORGING, *LEAKS, *WRITES, *NETWORK, *CRASHES, *SYSTEM_CALLS,
]
