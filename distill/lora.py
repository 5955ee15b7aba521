"""The model that is trained: the base, perhaps quantised, with a new adapter or an earlier one.

Imported only where training happens. What it is not: inference; see ``distill.student``.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from distill.adapter import read
from distill.config import LoraConfig, TrainConfig
from distill.devices import half, place
from distill.errors import DistillError
from distill.loading import load_model

_SMALL = 20_000_000


def trainable(
    base: str | Path, known: str, lora: LoraConfig, settings: TrainConfig, device: str
) -> tuple[Any, Any]:
    """Return (model, peft configuration for a new adapter, or None where the model has one).

    ``known`` is the base's digest; an adapter to go on from must have been made for it.
    """
    model = _quantised(base, settings, device) or load_model(
        base, place(device), dtype="auto" if device != "cuda" or half(device) else "float32"
    )
    if settings.adapter is None:
        return model, _config(model, lora)
    from peft import PeftModel

    folder = Path(settings.adapter)
    card = read(folder, base_digest=known)
    if card.base_digest is None:
        raise DistillError(f"the adapter in {folder} does not say its base; train it here first")
    return PeftModel.from_pretrained(model, str(folder), is_trainable=True), None


def _quantised(base: str | Path, settings: TrainConfig, device: str) -> Any | None:
    """Load ``base`` in 8 or 4 bits for QLoRA; None when it is to be loaded whole."""
    bits = settings.quantize
    if bits == "none":
        return None
    import torch

    if find_spec("bitsandbytes") is None:
        raise DistillError(
            f"quantize: {bits} needs bitsandbytes; install it with "
            "pip install 'distillation-workbench[qlora]', or say quantize: none"
        )
    from peft import prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    how = BitsAndBytesConfig(
        load_in_4bit=bits == "4bit",
        load_in_8bit=bits == "8bit",
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if half(device) else torch.float32,
    )
    # The whole model on this process's device: spread over several, processes would share them.
    model = AutoModelForCausalLM.from_pretrained(
        str(base), quantization_config=how, use_safetensors=True, device_map={"": place(device)}
    )
    return prepare_model_for_kbit_training(
        model, use_gradient_checkpointing=settings.gradient_checkpointing
    )


def _config(model: Any, lora: LoraConfig) -> Any:
    from peft import LoraConfig as PeftConfig

    embeddings = lora.embeddings
    if embeddings == "auto":
        embeddings = model.num_parameters() < _SMALL
    targets: str | list[str] = "all-linear"
    if lora.target_modules != "all-linear":
        targets = list(lora.target_modules)
    elif embeddings:
        targets = linear_names(model)
    if embeddings:
        targets = [*targets, "embed_tokens"]
    return PeftConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets,
        task_type="CAUSAL_LM",
    )  # fmt: skip


def linear_names(model: Any) -> list[str]:
    """Return the names of the model's linear layers, without the output layer."""
    import torch

    names = {
        name.rsplit(".", 1)[-1]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    return sorted(names - {"lm_head"})
