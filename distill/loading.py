"""Loading models and tokenizers from a folder or the hub, with a sentence for each way to fail."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distill.errors import DistillError


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the training libraries' notices and progress bars off the terminal."""
    import datasets
    from transformers.utils import logging as noise

    pieces = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    level, bars = noise.get_verbosity(), noise.is_progress_bar_enabled()
    noise.set_verbosity_error()
    noise.disable_progress_bar()
    others = [logging.getLogger(name) for name in ("trl", "peft", "accelerate", "datasets")]
    levels = [one.level for one in others]
    for one in others:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        noise.set_verbosity(level)
        if not pieces:
            datasets.enable_progress_bars()
        if bars:
            noise.enable_progress_bar()
        for one, old in zip(others, levels, strict=True):
            one.setLevel(old)


def hub_folder(name: str) -> Path:
    """Return the local folder of the hub model ``name``, downloading it if need be."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise DistillError(f"there is no model folder {name}; give an existing folder or a hub id")
    patterns = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise DistillError(
            f"the model {name!r} is neither a folder nor a model the hub could give "
            f"({type(error).__name__}); give the path of a model folder or a reachable hub id"
        ) from error


def _checked(base: str | Path) -> Path:
    path = Path(base)
    if not path.exists():
        path = hub_folder(str(base))
    if not (path / "config.json").is_file():
        raise DistillError(f"{base} has no config.json; give the folder of a transformers model")
    if not any(path.glob("*.safetensors")):
        raise DistillError(
            f"{base} has no .safetensors weights (pickled weights are refused, they can run code); "
            "save the model again with safetensors"
        )
    return path


def load_tokenizer(base: str | Path) -> Any:
    """Return the tokenizer of ``base``; it must have a chat template and an end token."""
    from transformers import AutoTokenizer

    path = _checked(base)
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(path)
    if not tokenizer.chat_template:
        raise DistillError(
            f"the tokenizer of {base} has no chat template; use an instruct model, or add "
            "chat_template.jinja to its folder"
        )
    if tokenizer.eos_token_id is None:
        raise DistillError(f"the tokenizer of {base} has no end-of-text token; set eos_token")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return tokenizer


def load_model(base: str | Path, device: str, *, dtype: str = "auto") -> Any:
    """Return the causal model of ``base`` on ``device``; single precision on a CPU."""
    from transformers import AutoModelForCausalLM

    path = _checked(base)
    with quiet():
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype="float32" if device == "cpu" and dtype == "auto" else dtype,
            use_safetensors=True,
        )  # fmt: skip
    return model.to(device)


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens at which generation stops: the model's configured ones, the tokenizer's."""
    configured = getattr(model.generation_config, "eos_token_id", None)
    many = configured if isinstance(configured, list) else [configured]
    return frozenset(i for i in (*many, tokenizer.eos_token_id) if i is not None)
