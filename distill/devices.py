"""Where a training runs: the device, its number format, and what the record says of it.

One process trains on one device; several processes (``processes``, under ``accelerate launch``)
train on one each. What it is not: a scheduler; which accelerators a process sees is CUDA's word
(``CUDA_VISIBLE_DEVICES``).
"""

from __future__ import annotations

import os
import platform
from typing import Any

from distill.errors import DistillError


def device_of(wanted: str) -> str:
    """Return the kind of device to train on; ``auto`` takes an accelerator where there is one.

    Raises ``DistillError`` when the one that is asked for is not here.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(),
             "mps": torch.backends.mps.is_available()}  # fmt: skip
    if wanted == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if not there[wanted]:
        raise DistillError(
            f"device: {wanted} is asked for and torch sees none here; install the torch build for "
            "it, or say device: auto"
        )
    return wanted


def place(device: str) -> str:
    """Return the device of this process among those that train together."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device


def half(device: str) -> bool:
    """Whether training may use bfloat16 there; older accelerators and processors train in float."""
    import torch

    return device == "cuda" and bool(torch.cuda.is_bf16_supported())


def alone(arguments: Any) -> Any:
    """Make a trainer's arguments use one accelerator of several, and return them.

    Transformers would spread a single process over all it sees (``DataParallel``), which TRL
    refuses and which would change what a batch is.
    """
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


def unused(device: str) -> int:
    """Return how many accelerators a training in this process leaves alone."""
    import torch

    if device != "cuda" or "LOCAL_RANK" in os.environ:
        return 0
    return int(torch.cuda.device_count()) - 1


def environment(device: str) -> dict[str, str]:
    """Return what a training ran on, beside the versions of its libraries; names no machine."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else device
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": str(name),
        "cuda": str(torch.version.cuda or "none"),
        "threads": str(torch.get_num_threads()),
        "processes": os.environ.get("WORLD_SIZE", "1"),
    }
