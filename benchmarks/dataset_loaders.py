"""Are exported folders read unchanged by LLaMA-Factory's own loader: every format it knows.

    pip install --no-deps --target /tmp/lf llamafactory
    python -m benchmarks.dataset_loaders --llamafactory /tmp/lf

Its loader (``get_dataset_list`` and ``_load_single_dataset``, which aligns the columns) is run on
what ``export`` wrote, and every row is compared with what went in. LLaMA-Factory asks for audio
libraries on import; an empty module stands in for them, since no row here has any sound.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.machinery
import sys
import tempfile
import types
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distill.example import Example
from distill.exporting import export

ROWS = [
    Example(
        id=f"r{n}", task_id=f"t{n}",
        messages=(("system", "Be brief."), ("user", f"Ask {n}")) if n % 2 else (("user", "Ask"),),
        completion=f"def f():\n    return {n}", source="synthesis",
        rejected="def f():\n    return -1", facts={"verdict": "proved"},
    )
    for n in range(50)
]  # fmt: skip
FORMS = ("alpaca", "sharegpt", "chat", "openai", "sharegpt-preference", "sharegpt-kto")


def loader(folder: Path) -> Any:
    """Import LLaMA-Factory's loader and parser from ``folder``."""
    sys.path.insert(0, str(folder))
    for name in ("torchaudio", "omegaconf", "av", "librosa"):
        try:
            importlib.import_module(name)
        except ImportError:
            empty = types.ModuleType(name)
            empty.__spec__ = importlib.machinery.ModuleSpec(name, None)
            empty.OmegaConf = None  # type: ignore[attr-defined]
            sys.modules[name] = empty
    return (
        importlib.import_module("llamafactory.data.loader"),
        importlib.import_module("llamafactory.data.parser"),
    )


def loaded(modules: Any, folder: Path, cache: Path) -> list[dict[str, Any]]:
    read, parse = modules
    (attributes,) = parse.get_dataset_list(["workbench"], str(folder))
    data = SimpleNamespace(
        dataset_dir=str(folder), streaming=False, max_samples=None, media_dir=str(folder),
        preprocessing_num_workers=None, overwrite_cache=True,
    )  # fmt: skip
    model = SimpleNamespace(cache_dir=str(cache), hf_hub_token=None)
    training = SimpleNamespace(local_process_index=0, dataloader_num_workers=0)
    return list(read._load_single_dataset(attributes, model, data, training))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--llamafactory", type=Path, help="where it is installed")
    given = parser.parse_args()
    if given.llamafactory is None:
        print("nothing measured: give --llamafactory, see the head of this file")
        return
    modules = loader(given.llamafactory)
    with tempfile.TemporaryDirectory() as name:
        for form in FORMS:
            folder = Path(name) / form
            export(ROWS, form, folder, container="folder")
            rows = loaded(modules, folder, Path(name) / "cache")
            assert len(rows) == len(ROWS) * (2 if form == "sharegpt-kto" else 1), form
            first = rows[1] if form != "sharegpt-kto" else rows[2]
            assert first["_prompt"][-1]["content"] == "Ask 1", first
            assert first["_system"] == "Be brief.", first
            assert first["_response"][0]["content"] == ROWS[1].completion, first
            if form == "sharegpt-preference":
                assert first["_response"][1]["content"] == ROWS[1].rejected, first
            print(f"{form}: {len(rows)} rows read as they were written")


if __name__ == "__main__":
    main()
