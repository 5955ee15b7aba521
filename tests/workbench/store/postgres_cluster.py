"""A PostgreSQL server of one test's own: on a socket in a folder, started, restarted, removed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path


class Cluster:
    """A fresh server; root lends it to nobody, since PostgreSQL refuses to run as root."""

    def __init__(self) -> None:
        root = os.getuid() == 0
        self._user = "nobody" if root else None
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        if root:
            os.chown(self.folder, pwd.getpwnam("nobody").pw_uid, -1)
        self._data = self.folder / "data"
        self._run("initdb", "-D", str(self._data), "-U", "tester", "--auth=trust", "-E", "UTF8",
                  "--no-sync")  # fmt: skip
        self.start()

    @property
    def url(self) -> str:
        """What ``WORKBENCH_DATABASE`` would be."""
        return f"postgresql://tester@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self.folder / "log"), "-o",
                  options, "start")  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: "fast" ends connections in order, "immediate" is a crash."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder)

    def _run(self, *command: str) -> None:
        subprocess.run(
            command, user=self._user, cwd=self.folder, check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(self.folder)},
        )  # fmt: skip
