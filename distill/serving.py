"""What a serving engine needs beside the weights: an Ollama Modelfile, a vLLM command line.

Ollama renders chats with a Go template. It is derived here from what the model's own chat template
makes of a few conversations, and written only when it reproduces that template on others; a wrong
template is the commonest way in which an exported model goes astray.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.errors import DistillError
from distill.student import Conversation

_PROBES: tuple[Conversation, ...] = (
    (("user", "one"),),
    (("system", "rules"), ("user", "one")),
    (("user", "one"), ("assistant", "two"), ("user", "three")),
    (("system", "rules"), ("user", "one"), ("assistant", "two"), ("user", "three")),
)
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


@dataclass(frozen=True, slots=True)
class ChatPieces:
    """A chat template taken apart: what stands before and after each role's text."""

    start: str
    """At the very beginning, whoever speaks first."""
    default_system: str
    """What the template puts before a conversation that has no system text."""
    before: dict[str, str]
    after: dict[str, str]

    def render(self, conversation: Conversation) -> str:
        """Return what the pieces make of a conversation, ready for an answer."""
        first = "" if conversation[0][0] == "system" else self.default_system
        said = "".join(f"{self.before[r]}{text}{self.after[r]}" for r, text in conversation)
        return f"{self.start}{first}{said}{self.before['assistant']}"

    @property
    def go(self) -> str:
        """The pieces as a Go template over ``.Messages``."""
        roles = "".join(
            f'{{{{ {"else if" if number else "if"} eq .Role "{role}" }}}}'
            f"{self.before[role]}{{{{ .Content }}}}{self.after[role]}"
            for number, role in enumerate(("system", "user", "assistant"))
        )
        default = ""
        if self.default_system:
            default = (
                '{{ if not (and .Messages (eq (index .Messages 0).Role "system")) }}'
                f"{self.default_system}{{{{ end }}}}"
            )
        return (
            f"{self.start}{default}{{{{ range .Messages }}}}{roles}{{{{ end }}}}{{{{ end }}}}"
            f"{self.before['assistant']}"
        )


def chat_pieces(tokenizer: Any) -> ChatPieces:
    """Take the tokenizer's chat template apart; ``DistillError`` when it is of another kind."""

    def text(turns: Sequence[tuple[str, str]], ask: bool = True) -> str:
        messages = [{"role": role, "content": content} for role, content in turns]
        return str(
            tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask)
        )

    user, system, said = "\x01u\x01", "\x01s\x01", "\x01a\x01"
    lead, after_user_and_ask = text([("user", user)]).split(user)
    after_user = text([("user", user)], ask=False).split(user)[1]
    ask = after_user_and_ask.removeprefix(after_user)
    rest = text([("user", user), ("assistant", said), ("user", "x")]).split(said)[1]
    after_said_and_user = rest.split("x")[0]
    with_system = text([("system", system), ("user", user)])
    before_system, rest = with_system.split(system)
    after_system_and_user = rest.split(user)[0]
    after_said = text([("user", user), ("assistant", said)], ask=False).split(said)[1]
    before_user = after_said_and_user.removeprefix(after_said)
    start_and_default = lead.removesuffix(before_user)
    start = _common_start(start_and_default, before_system)
    if start_and_default and start_and_default != start:
        start = _start_token(tokenizer, start)
    pieces = ChatPieces(
        start=start,
        default_system=start_and_default.removeprefix(start),
        before={"system": before_system.removeprefix(start), "user": before_user,
                "assistant": ask},
        after={"system": after_system_and_user.removesuffix(before_user), "user": after_user,
               "assistant": after_said},
    )  # fmt: skip
    for probe in _PROBES:
        if pieces.render(probe) != text(probe):
            raise DistillError(
                "the chat template is more than text around each turn, so no Ollama template can "
                "be derived from it; serve the adapter with vLLM, or write the template by hand"
            )
    return pieces


def _common_start(one: str, other: str) -> str:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]


def _start_token(tokenizer: Any, start: str) -> str:
    """Return what of ``start`` is the beginning-of-text token: only that comes before any role."""
    token = tokenizer.bos_token or ""
    return token if token and start.startswith(token) else ""


def modelfile(file: str, tokenizer: Any, *, context: int, answer_tokens: int) -> str:
    """Return an Ollama Modelfile for the GGUF named ``file``: template, stops, parameters."""
    pieces = chat_pieces(tokenizer)
    stops = stop_texts(tokenizer, pieces)
    lines = [
        f"FROM ./{file}",
        f'TEMPLATE """{pieces.go}"""',
        *(f"PARAMETER stop {json.dumps(stop)}" for stop in stops),
        "PARAMETER temperature 0",
        f"PARAMETER num_ctx {context}",
        f"PARAMETER num_predict {answer_tokens}",
    ]
    return "\n".join(lines) + "\n"


def stop_texts(tokenizer: Any, pieces: ChatPieces) -> list[str]:
    """Return the texts that end an answer: the end token, and what the template puts after one."""
    after = pieces.after["assistant"].strip()
    found = [str(tokenizer.eos_token)]
    if after and after not in found:
        found.append(after)
    return found


def vllm_command(base: str, adapter: Path, *, name: str = "student") -> str:
    """Return the line that serves ``base`` with the adapter as it is."""
    return shlex.join(["vllm", "serve", base, *vllm_lora(adapter, name)])


def vllm_lora(adapter: Path, name: str) -> list[str]:
    """Return vLLM's options for one adapter, which answers as ``name``."""
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    rank = next((one for one in _RANKS if one >= int(config["r"])), None)
    if rank is None:
        raise DistillError(f"vLLM serves ranks up to {_RANKS[-1]}, not {config['r']}; merge it")
    return ["--enable-lora", "--max-lora-rank", str(rank), "--lora-modules", f"{name}={adapter}"]
