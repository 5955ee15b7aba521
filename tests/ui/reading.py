"""What a person would read on a screen, out of an ``AppTest``."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest


def html(app: AppTest) -> str:
    return "\n".join(str(h.proto.body) for h in app.get("html"))


def codes(app: AppTest) -> str:
    return "\n".join(str(c.value) for c in app.code)


def said(app: AppTest) -> str:
    """Return every sentence that is not code, without Markdown's backslashes."""
    parts: list[str] = []
    for kind in ("title", "subheader", "markdown", "caption", "text", "info", "warning", "error"):
        parts += [str(e.value) for e in app.get(kind)]
    parts += [str(e.value) for e in app.success]
    return "\n".join(parts).replace("\\", "")


def frame(app: AppTest, number: int = 0) -> Any:
    return app.dataframe[number].value


def select_cell(app: AppTest, row: int, column: str, number: int = 0) -> AppTest:
    """Choose a cell as a click would."""
    key = app.dataframe[number].proto.id.split("-", 2)[-1]
    app.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": [[row, column]]}}
    return app.run()
