"""Training settings by memory: what fits a laptop, a 16, 24 or 80 GB accelerator, by arithmetic.

The sizes are for models of about 0.5 to 8 billion parameters with LoRA on all linear layers; see
``distill.estimate`` for the arithmetic. They are starting points: a step that runs out of memory
halves its batch by itself.
"""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "laptop": {"batch": 2, "accumulation": 8, "max_length": 1024, "gradient_checkpointing": True},
    "16gb": {
        "batch": 2, "accumulation": 8, "max_length": 2048, "gradient_checkpointing": True,
        "quantize": "4bit",
    },
    "24gb": {"batch": 4, "accumulation": 4, "max_length": 2048, "gradient_checkpointing": True},
    "80gb": {"batch": 16, "accumulation": 1, "max_length": 4096, "gradient_checkpointing": False},
}  # fmt: skip


def preset_for(gigabytes: float, *, accelerator: bool) -> str:
    """Name the preset for a device with ``gigabytes`` of memory (decimal)."""
    if not accelerator:
        return "laptop"
    if gigabytes >= 70:
        return "80gb"
    return "24gb" if gigabytes >= 22 else "16gb"
