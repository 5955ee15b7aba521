"""The dashboard behind its guard: what ``workbench ui --address`` serves beyond this machine."""

from __future__ import annotations

from pathlib import Path

from starlette.middleware import Middleware
from streamlit import App

from ui.guard import Guard

app = App(Path(__file__).resolve().parent / "app.py", middleware=[Middleware(Guard)])
