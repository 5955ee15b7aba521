"""The student as a service: official OpenAI, Anthropic and Ollama clients talk to it unchanged."""

from __future__ import annotations

__all__: list[str] = []
