"""How much memory is free on this machine now: RAM, and the GPUs' own where there is one.

Looked up from the system itself (``/proc/meminfo``, ``sysctl``, ``nvidia-smi``); nothing is
installed for it, and what cannot be found out is None, not 0.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """Free bytes. ``gpu`` is the sum over all GPUs, None where there is none to be seen."""

    ram: int | None
    gpu: int | None

    @property
    def best(self) -> int:
        """Where a model would run: on the GPU when there is one, else in RAM."""
        return self.gpu or self.ram or 0

    @property
    def sentence(self) -> str:
        """Say it."""
        ram = "unknown" if self.ram is None else f"{self.ram / 1e9:.1f} GB"
        gpu = "no GPU seen" if self.gpu is None else f"{self.gpu / 1e9:.1f} GB on the GPU"
        return f"free memory: {ram} RAM, {gpu}"


def free_memory(meminfo: Path = Path("/proc/meminfo")) -> Memory:
    """Return what is free now."""
    return Memory(_ram(meminfo), _gpu())


def _ram(meminfo: Path) -> int | None:
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", meminfo.read_text("ascii"))
    except (OSError, UnicodeDecodeError):
        found = None
    if found is not None:
        return int(found[1]) * 1024
    # macOS: all of the machine's memory; what is free of it is not told in one number.
    said = _run("sysctl", "-n", "hw.memsize")
    return int(said) if said and said.strip().isdigit() else None


def _gpu() -> int | None:
    said = _run("nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits")
    numbers = [int(line) for line in (said or "").split() if line.isdigit()]
    return sum(numbers) * 2**20 if numbers else None


def _run(*command: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
