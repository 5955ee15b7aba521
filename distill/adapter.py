"""Adapters on disk: LoRA weights in safetensors, with a card that says what they belong to.

A folder with its ``manifest.json`` is whole (the manifest is written last). Pickled weights,
weights that changed since, and adapters of another base model are refused with a sentence.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill.digests import folder_digest, folder_files
from distill.errors import DistillError
from distill.example import canonical

FORMAT = 1
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_NEEDED = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, slots=True)
class Card:
    """What an adapter folder says of itself. ``base_digest`` is None for a stranger's adapter."""

    digest: str
    base_digest: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)


def digest(folder: Path) -> str:
    """Return the adapter's content address."""
    return folder_digest(folder)


def read(folder: Path, *, base_digest: str | None = None) -> Card:
    """Check the adapter in ``folder`` and return its card.

    Raises ``DistillError`` when it is missing, incomplete, pickled, altered, from a newer version,
    or made for a base model other than ``base_digest``.
    """
    if not folder.is_dir():
        raise DistillError(f"there is no adapter folder {folder}; train one or give its path")
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickles:
        raise DistillError(
            f"the adapter in {folder} holds pickled weights ({', '.join(pickles)}), which can run "
            "code when loaded; save it again with safetensors"
        )
    for name in _NEEDED:
        if not (folder / name).is_file():
            raise DistillError(f"the adapter in {folder} has no {name}; it is not complete")
    found = digest(folder)
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return Card(found, None)
    try:
        facts = json.loads(manifest.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DistillError(
            f"{manifest} is not JSON: {error.msg}; train the adapter again"
        ) from error
    if facts.get("format", 0) > FORMAT:
        raise DistillError(f"the adapter in {folder} is from a newer version; update this program")
    if facts.get("digest") != found:
        raise DistillError(
            f"the adapter in {folder} is not what its manifest says; its files changed since"
        )
    made_for = facts.get("base_digest")
    if base_digest is not None and made_for != base_digest:
        raise DistillError(
            f"the adapter in {folder} was made for another base model "
            f"({str(made_for)[:12]}, not {base_digest[:12]}); load it with its own base"
        )
    return Card(found, made_for, facts)


def attach(model: Any, folder: Path) -> tuple[Any, str]:
    """Put the adapter in ``folder`` on ``model`` for inference; returns it and the digest."""
    from peft import PeftModel

    from distill.loading import quiet

    try:
        with quiet():
            adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except (RuntimeError, ValueError, KeyError) as error:
        raise DistillError(
            f"the adapter in {folder} does not fit this base model: {str(error).splitlines()[0]}"
        ) from error
    return adapted, digest(folder)


def save(model: Any, folder: Path, facts: Mapping[str, Any]) -> Card:
    """Write the adapter of the peft ``model`` to ``folder``: whole or not at all.

    ``facts`` (JSON values) go into the manifest beside format, digest and files.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    model.save_pretrained(
        str(part),
        safe_serialization=True,
        save_embedding_layers=False,
        selected_adapters=["default"],
    )
    for extra in part.iterdir():
        if extra.name not in _NEEDED:
            extra.unlink()
    _settle(part / "adapter_config.json")
    found = digest(part)
    manifest = {**facts, "format": FORMAT, "digest": found, "files": folder_files(part)}
    with (part / "manifest.json").open("w", encoding="utf-8") as stream:
        stream.write(canonical(manifest) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(part, folder)
    return Card(found, manifest.get("base_digest"), manifest)


def _settle(path: Path) -> None:
    """Write the configuration so that it is the same for the same training on any machine.

    A base model's folder goes (the manifest names the base by its digest; a hub id stays), and
    sets, which come in any order, are sorted.
    """
    config = json.loads(path.read_text(encoding="utf-8"))
    if Path(config.get("base_model_name_or_path") or "").is_dir():
        config["base_model_name_or_path"] = None
    if isinstance(config.get("target_modules"), list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
