"""Makes the tiny student: tokenizer, configuration and pretraining, with one command.

``python -m distill.tiny --out data/models/tiny`` builds a ``LlamaForCausalLM`` of about a million
parameters that writes valid Python and has read dialect A of the task family. The same seed gives
the same weights on the same library versions; a stopped run continues from its last checkpoint.
What it is not: a good model. It is the smallest that makes a real round worth watching.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from distill.family.pretraining import Mixture, sample

if TYPE_CHECKING:
    import torch

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
# Words, numbers of up to three digits (a number that is one token is copied in one step),
# punctuation with its line end, line ends, and runs of spaces.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


_GROUP = 8
CHECKPOINT_EVERY = 50
"""Steps between two checkpoints of the pretraining."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the tiny student's weights."""

    seed: int = 0
    hidden: int = 128
    layers: int = 5
    heads: int = 4
    intermediate: int = 384
    vocabulary: int = 1024
    steps: int = 900
    batch: int = 64
    rate: float = 0.02
    """Muon's learning rate, for the matrices of the layers."""
    rate_rest: float = 0.004
    """AdamW's learning rate, for embeddings and norms."""
    warmup: int = 40
    decay: float = 0.5
    """Share of the steps, at the end, over which the rates fall to zero."""
    mixture: Mixture = field(default_factory=Mixture)

    def factor(self, step: int) -> float:
        """Return the share of the full learning rates at ``step`` (counted from 0)."""
        tail = self.steps * self.decay
        return min(1.0, (step + 1) / self.warmup, (self.steps - step) / tail)


def _stream(recipe: Recipe, start: int) -> Iterator[list[tuple[str, str]]]:
    """Yield batches from ``start`` on; each has samples of like length, so that little is padding.

    Every eight steps share one seed, which makes resuming at any step exact.
    """
    for step in range(start, recipe.steps):
        if step == start or step % _GROUP == 0:
            random = Random(f"pretraining/{recipe.seed}/{step // _GROUP}")
            drawn = [sample(random, recipe.mixture) for _ in range(recipe.batch * _GROUP)]
            drawn.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
            order = random.sample(range(_GROUP), _GROUP)
        place = order[step % _GROUP] * recipe.batch
        yield drawn[place : place + recipe.batch]


def build_tokenizer(recipe: Recipe) -> Any:
    """Train the byte-level BPE on the family's text, in both dialects, and wrap it for chat."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from distill.family.tasks import vocabulary_text

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(vocabulary_text(recipe.seed), trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>",
        clean_up_tokenization_spaces=False, model_max_length=512,
    )  # fmt: skip
    wrapped.chat_template = TEMPLATE
    return wrapped


def build_model(recipe: Recipe, tokenizer: Any) -> Any:
    """Return the untrained model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=recipe.vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        rms_norm_eps=1e-5,
    )
    return LlamaForCausalLM(config)


def encode(tokenizer: Any, pairs: list[tuple[str, str]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (tokens, labels) of shape (batch, longest), right-padded; prompts have label -100."""
    import torch

    heads = [f"<|user|>{prompt}<|end|><|assistant|>" for prompt, _ in pairs]
    tails = [f"{completion}<|end|>" for _, completion in pairs]
    first = tokenizer(heads, add_special_tokens=False)["input_ids"]
    second = tokenizer(tails, add_special_tokens=False)["input_ids"]
    width = max(len(a) + len(b) for a, b in zip(first, second, strict=True))
    tokens = torch.full((len(pairs), width), tokenizer.pad_token_id)
    labels = torch.full((len(pairs), width), -100)
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        tokens[row, : len(a) + len(b)] = torch.tensor(a + b)
        labels[row, len(a) : len(a) + len(b)] = torch.tensor(b)
    return tokens, labels


def loss_of(model: Any, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy over completion tokens; scores only those positions."""
    from torch.nn.functional import cross_entropy

    hidden = model.model(input_ids=tokens).last_hidden_state[:, :-1]
    targets = labels[:, 1:]
    wanted = targets != -100
    return cross_entropy(model.lm_head(hidden[wanted]).float(), targets[wanted])


def _optimizers(recipe: Recipe, model: Any) -> list[torch.optim.Optimizer]:
    import torch

    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    muon = torch.optim.Muon(matrices, lr=recipe.rate, momentum=0.95, weight_decay=0.01)
    adam = torch.optim.AdamW(rest, lr=recipe.rate_rest, betas=(0.9, 0.98), weight_decay=0.0)
    return [muon, adam]


class _Pretraining:
    """A run that can be stopped and continued: model, optimizers, and how far it got."""

    def __init__(self, recipe: Recipe, out: Path) -> None:
        self.recipe, self.out = recipe, out
        self.checkpoint = out / "pretraining.pt"
        self.tokenizer = build_tokenizer(recipe)
        self.model = build_model(recipe, self.tokenizer)
        self.optimizers = _optimizers(recipe, self.model)
        self.rates = [one.param_groups[0]["lr"] for one in self.optimizers]
        self.step, self.seen = 0, 0

    def restore(self) -> None:
        """Continue from the checkpoint of the same recipe, if there is one."""
        import torch

        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            return
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.seen = state["step"], state["seen"]

    def advance(self, pairs: list[tuple[str, str]]) -> float:
        """Take one step on ``pairs``; returns the loss."""
        import torch

        tokens, labels = encode(self.tokenizer, pairs)
        factor = self.recipe.factor(self.step)
        for optimizer, rate in zip(self.optimizers, self.rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * factor
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(self.model, tokens, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.seen += tokens.numel()
        return float(loss.item())

    def save_checkpoint(self) -> None:
        """Write where the run is; a kill while writing leaves the checkpoint before."""
        import torch

        state = {
            "recipe": asdict(self.recipe),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "seen": self.seen,
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.checkpoint)

    def finish(self) -> None:
        """Write the model folder and drop the checkpoint."""
        from distill.loading import quiet

        generation = self.model.generation_config
        generation.eos_token_id = self.tokenizer.eos_token_id
        generation.pad_token_id = self.tokenizer.pad_token_id
        with quiet():
            self.model.save_pretrained(self.out)
            self.tokenizer.save_pretrained(self.out)
        facts = {**asdict(self.recipe), "tokens": self.seen}
        (self.out / "recipe.json").write_text(json.dumps(facts, indent=2) + "\n")
        self.checkpoint.unlink(missing_ok=True)


def pretrain(recipe: Recipe, out: Path, *, report: Callable[[str], None] | None = None) -> Path:
    """Train by ``recipe`` and write the model folder ``out``; continue a stopped run."""
    out.mkdir(parents=True, exist_ok=True)
    run = _Pretraining(recipe, out)
    run.restore()
    begun, smooth = time.process_time(), math.nan
    for pairs in _stream(recipe, run.step):
        loss = run.advance(pairs)
        smooth = loss if math.isnan(smooth) else 0.95 * smooth + 0.05 * loss
        if report and run.step % 50 == 0:
            spent = time.process_time() - begun
            report(f"step {run.step}/{recipe.steps} loss {smooth:.4f} {spent:.0f} CPU s")
        if run.step % CHECKPOINT_EVERY == 0 and run.step < recipe.steps:
            run.save_checkpoint()
    run.finish()
    return out


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a model that was trained again compares with another of the same recipe."""

    tokenizer: bool
    """Whether both cut text alike."""
    furthest: float
    """Largest difference of a weight."""
    right: tuple[int, int]
    """Answers equal to the reference, of each, to the same prompts of its own dialect."""
    same: int
    """Prompts that both answer word for word alike."""
    prompts: int

    @property
    def sentence(self) -> str:
        """Say it."""
        return (
            f"{'the same' if self.tokenizer else 'ANOTHER'} tokenizer; weights differ by up to "
            f"{self.furthest:.3g}; {self.right[0]} and {self.right[1]} of {self.prompts} answers "
            f"are the reference, {self.same} of both are alike"
        )


def compare(one: Path, other: Path, *, prompts: int = 240) -> Likeness:
    """Compare two models of this recipe on prompts that neither has seen."""
    import ast

    import torch

    from distill.student import Student

    random, asked, wanted = Random("compare"), [], []
    for _ in range(prompts):
        ask, answer = sample(random, Recipe().mixture)
        asked.append((("user", ask),))
        wanted.append(answer)
    students = [Student.load(folder) for folder in (one, other)]
    weights = [dict(student.model.named_parameters()) for student in students]
    texts = [[a.text for a in s.generate(asked, max_tokens=96, batch_size=60)] for s in students]

    def form(code: str) -> str:
        try:
            return ast.dump(ast.parse(code))
        except SyntaxError:
            return code

    with torch.inference_mode():
        furthest = max(
            float((weight - weights[1][name]).abs().max()) for name, weight in weights[0].items()
        )
    right = [sum(form(a) == form(b) for a, b in zip(said, wanted, strict=True)) for said in texts]
    return Likeness(
        students[0].tokenizer.get_vocab() == students[1].tokenizer.get_vocab(),
        furthest, (right[0], right[1]), sum(a == b for a, b in zip(*texts, strict=True)), prompts,
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m distill.tiny", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--compare", type=Path, help="then say how it compares with this one")
    plain = {name: value for name, value in asdict(Recipe()).items() if name != "mixture"}
    for name, value in plain.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args(arguments))
    out, other = given.pop("out"), given.pop("compare")
    import torch

    torch.set_num_threads(1)
    if other is None or not _made(out, Recipe(**given)):
        pretrain(Recipe(**given), out, report=lambda line: print(line, file=sys.stderr))
    print(out)
    if other is not None:
        print(compare(out, other).sentence)
    return 0


def _made(out: Path, recipe: Recipe) -> bool:
    """Whether ``out`` holds what ``recipe`` makes."""
    try:
        facts = json.loads((out / "recipe.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return False
    facts.pop("tokens", None)
    return bool(facts == json.loads(json.dumps(asdict(recipe))))


if __name__ == "__main__":
    raise SystemExit(main())
