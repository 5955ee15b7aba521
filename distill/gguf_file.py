"""A model folder, or a LoRA adapter, as one GGUF file for llama.cpp and Ollama.

Covers Llama, Qwen2 and Qwen3 shapes with byte-level BPE tokenizers, without rotary scaling. What is
not covered is refused by name, with llama.cpp's own converter as the way out: a file that loads and
answers wrongly would be worse than none. Format: the GGUF specification of ggml; fields as
llama.cpp reads them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from distill.errors import DistillError

if TYPE_CHECKING:
    import numpy as np

Kind = Literal["f32", "f16", "q8_0", "q4_0"]
KINDS: tuple[Kind, ...] = ("f32", "f16", "q8_0", "q4_0")

_ARCHITECTURES = {"LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2",
                  "Qwen3ForCausalLM": "qwen3"}  # fmt: skip
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPLITS = {_LLAMA3: "llama-bpe", _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}"): "qwen2"}
"""What llama.cpp calls the ways to cut text before BPE that it knows."""
_NAMES = (
    (r"model\.embed_tokens", "token_embd"),
    (r"model\.norm", "output_norm"),
    (r"lm_head", "output"),
    (r"model\.layers\.(\d+)\.input_layernorm", r"blk.\1.attn_norm"),
    (r"model\.layers\.(\d+)\.post_attention_layernorm", r"blk.\1.ffn_norm"),
    (r"model\.layers\.(\d+)\.self_attn\.([qkv])_proj", r"blk.\1.attn_\2"),
    (r"model\.layers\.(\d+)\.self_attn\.o_proj", r"blk.\1.attn_output"),
    (r"model\.layers\.(\d+)\.self_attn\.([qk])_norm", r"blk.\1.attn_\2_norm"),
    (r"model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj", r"blk.\1.ffn_\2"),
)
_OTHERWISE = "convert the merged model with llama.cpp's convert_hf_to_gguf.py"


def write_model(folder: Path, path: Path, *, kind: Kind = "f16") -> None:
    """Write the (merged) model in ``folder`` to the GGUF file ``path``, whole or not at all.

    Matrices are stored as ``kind``, vectors in single precision. Raises ``DistillError`` for what
    is not covered.
    """
    gguf = _package()
    config = _json(folder / "config.json")
    name = _architecture(config)
    part = path.with_name(path.name + ".part")
    writer = gguf.GGUFWriter(str(part), name)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(folder.name)
    _describe(writer, gguf, config, kind)
    _tokenizer(writer, gguf, folder, config)
    wanted = gguf.GGMLQuantizationType[kind.upper()]
    for tensor, values in _tensors(folder):
        values = _permuted(tensor, values, config) if name == "llama" else values
        ours = _renamed(tensor)
        whole = values.ndim == 1 or values.shape[-1] % 32
        stored = gguf.GGMLQuantizationType.F32 if whole else wanted
        data = gguf.quants.quantize(values, stored)
        writer.add_tensor(ours, data, raw_shape=data.shape, raw_dtype=stored)
    _write(writer, part, path)


def write_lora(adapter: Path, base: Path, path: Path) -> None:
    """Write the LoRA ``adapter`` of the model folder ``base`` as a GGUF adapter, or refuse it.

    Only plain low-rank matrices on linear layers have a form there: adapted embeddings, per-layer
    ranks, rank-stabilised or weight-decomposed adapters are refused; merge those instead.
    """
    import numpy as np
    from safetensors.numpy import load_file

    gguf = _package()
    config, lora = _json(base / "config.json"), _json(adapter / "adapter_config.json")
    for field in ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save"):
        if lora.get(field):
            raise DistillError(f"the adapter uses {field}, which GGUF cannot hold; merge it")
    name = _architecture(config)
    part = path.with_name(path.name + ".part")
    writer = gguf.GGUFWriter(str(part), name)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(lora["lora_alpha"]))
    for tensor, values in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        if "lora_embedding" in tensor:
            raise DistillError(
                "the adapter changes the embeddings, which llama.cpp cannot add at run time to a "
                "model that shares them with its output; merge it"
            )
        found = re.fullmatch(r"base_model\.model\.(.+)\.lora_([AB])\.weight", tensor)
        if found is None:
            raise DistillError(f"the adapter holds {tensor}, which GGUF cannot hold; merge it")
        weight, half = f"{found[1]}.weight", found[2].lower()
        values = values.astype(np.float32)
        if name == "llama" and half == "b":
            values = _permuted(weight, values, config)
        writer.add_tensor(f"{_renamed(weight)}.lora_{half}", values)
    _write(writer, part, path)


def _package() -> Any:
    try:
        import gguf
    except ModuleNotFoundError as error:
        raise DistillError(
            "GGUF files need the gguf package; install it with "
            "pip install 'distillation-workbench[export]'"
        ) from error
    return gguf


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise DistillError(f"{path} cannot be read as JSON ({error})") from error
    assert isinstance(data, dict)
    return data


def _architecture(config: dict[str, Any]) -> str:
    named = (config.get("architectures") or ["none"])[0]
    if named not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise DistillError(f"GGUF is written for {known}, not for {named}; {_OTHERWISE}")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", rope.get("type", "default")) != "default":
        raise DistillError(f"rotary scaling {rope} is not covered; {_OTHERWISE}")
    return _ARCHITECTURES[named]


def _describe(writer: Any, gguf: Any, config: dict[str, Any], kind: Kind) -> None:
    """Write the shape of the model."""
    heads = int(config["num_attention_heads"])
    width = int(config.get("head_dim") or config["hidden_size"] // heads)
    rope = config.get("rope_parameters") or {}
    file_type = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "q8_0": "MOSTLY_Q8_0",
                 "q4_0": "MOSTLY_Q4_0"}[kind]  # fmt: skip
    writer.add_file_type(gguf.LlamaFileType[file_type])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(config.get("num_key_value_heads") or heads))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_rope_freq_base(float(rope.get("rope_theta") or config.get("rope_theta") or 1e4))
    writer.add_rope_dimension_count(width)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_vocab_size(int(config["vocab_size"]))


def _tokenizer(writer: Any, gguf: Any, folder: Path, config: dict[str, Any]) -> None:
    """Write the vocabulary; ids above the tokenizer's own are padding that is never produced."""
    from distill.loading import load_tokenizer

    data = _json(folder / "tokenizer.json")
    if data["model"]["type"] != "BPE":
        raise DistillError(f"a {data['model']['type']} tokenizer is not covered; {_OTHERWISE}")
    tokenizer = load_tokenizer(folder)
    by_id = {number: text for text, number in tokenizer.get_vocab().items()}
    special = {one["id"] for one in data["added_tokens"] if one["special"]}
    added = {one["id"] for one in data["added_tokens"]}
    size = int(config["vocab_size"])
    kinds = [
        gguf.TokenType.UNUSED if number not in by_id
        else gguf.TokenType.CONTROL if number in special
        else gguf.TokenType.USER_DEFINED if number in added
        else gguf.TokenType.NORMAL
        for number in range(size)
    ]  # fmt: skip
    merges = [one if isinstance(one, str) else " ".join(one) for one in data["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_split_name(data["pre_tokenizer"]))
    writer.add_token_list([by_id.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    if tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)


def _split_name(data: dict[str, Any]) -> str:
    """Return llama.cpp's name for the way a tokenizer cuts text before it merges."""
    steps = data.get("pretokenizers", [data])
    patterns = [step["pattern"].get("Regex") for step in steps if step["type"] == "Split"]
    if len(patterns) == 1 and patterns[0] in _SPLITS:
        return _SPLITS[patterns[0]]
    if not patterns and [s["type"] for s in steps] == ["ByteLevel"] and steps[0]["use_regex"]:
        return "gpt-2"
    raise DistillError(f"the tokenizer cuts text in a way that is not covered; {_OTHERWISE}")


def _tensors(folder: Path) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield every weight in single precision, one at a time, in a fixed order."""
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as stream:
            for name in sorted(stream.keys()):
                yield name, stream.get_tensor(name).float().numpy()


def _renamed(tensor: str) -> str:
    for theirs, ours in _NAMES:
        found = re.fullmatch(rf"{theirs}\.(weight|bias)", tensor)
        if found is not None:
            return f"{found.expand(ours)}.{found[found.re.groups]}"
    raise DistillError(f"the model has a weight {tensor} that is not covered; {_OTHERWISE}")


def _permuted(
    tensor: str, values: np.ndarray[Any, Any], config: dict[str, Any]
) -> np.ndarray[Any, Any]:
    """Reorder query and key rows from halves to pairs, as llama.cpp rotates them for Llama."""
    found = re.search(r"self_attn\.([qk])_proj\.(weight|bias)$", tensor)
    if found is None:
        return values
    heads = int(config["num_attention_heads"])
    if found[1] == "k":
        heads = int(config.get("num_key_value_heads") or heads)
    shape = values.shape
    pairs = values.reshape(heads, 2, shape[0] // heads // 2, *shape[1:])
    return pairs.swapaxes(1, 2).reshape(shape)


def _write(writer: Any, part: Path, path: Path) -> None:
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DistillError(f"{path} cannot be written: {error.strerror}") from error
    os.replace(part, path)
