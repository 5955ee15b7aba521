"""May the answers of a teacher be used to train another model? What its terms say, with a date.

This is a reading of published terms, not legal advice. What nobody has read is "unknown", and the
workbench treats unknown as forbidden until the user decides otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Use = Literal["allowed", "forbidden", "unknown"]


@dataclass(frozen=True, slots=True)
class TrainingPolicy:
    """The word and the sentence that it rests on."""

    use: Use
    basis: str


_READ_ON = "as published in 2025"

_LOCAL_FORMAL = TrainingPolicy(
    "allowed", "computed on this machine by a solver or a search; nobody else's terms apply"
)

_PROVIDERS = {
    "openai": TrainingPolicy(
        "forbidden",
        f"OpenAI's terms forbid using output to develop competing models; {_READ_ON}",
    ),
    "anthropic": TrainingPolicy(
        "forbidden",
        "Anthropic's commercial terms forbid using the services to train competing models; "
        f"{_READ_ON}",
    ),
    "gemini": TrainingPolicy(
        "forbidden",
        "the Gemini API's additional terms forbid using it to develop models that compete with "
        f"it; {_READ_ON}",
    ),
    "deepseek": TrainingPolicy(
        "allowed",
        "DeepSeek's terms let users apply outputs to training other models, distillation named; "
        f"{_READ_ON}",
    ),
}

_OPEN_WEIGHTS = (
    ("deepseek", "allowed", "DeepSeek's own weights are under the MIT licence"),
    ("mistral", "unknown", "Mistral's licences differ by model"),
    ("qwen", "unknown", "most Qwen weights are Apache-2.0, some sizes have a licence of their own"),
    ("llama", "unknown", "the Llama licences ask that models trained on outputs carry its name"),
    ("gemma", "unknown", "the Gemma terms count models trained on its outputs as derivatives"),
)


def training_policy(provider: str, model: str = "") -> TrainingPolicy:
    """Return whether answers of ``provider`` and ``model`` may be trained on, and why we think so.

    Local formal teachers are allowed. A hosted provider goes by its terms, open weights by their
    licence; everything else is unknown.
    """
    if provider in ("synthesis", "examples"):
        return _LOCAL_FORMAL
    known = _PROVIDERS.get(provider)
    if known is not None:
        return known
    name = model.lower()
    for part, use, basis in _OPEN_WEIGHTS:
        if part in name:
            word: Use = "allowed" if use == "allowed" else "unknown"
            return TrainingPolicy(word, f"{basis}; {_READ_ON}")
    return TrainingPolicy(
        "unknown", f"no terms on record for {provider}:{model or 'any model'}; decide it yourself"
    )
