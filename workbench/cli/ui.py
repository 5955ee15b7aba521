"""``workbench ui``: open the dashboard on this machine, or take pictures of every screen.

The dashboard is another package and another process; this command only starts it. It listens on
the loopback address and nowhere else: whoever wants it from another machine brings a tunnel or a
reverse proxy that asks who they are.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import note
from workbench.errors import BusyError, HomeError, MissingPartError

ADDRESS = "127.0.0.1"


def command(
    port: Annotated[
        int, typer.Option(min=1024, max=65535, help="Port on the loopback address.")
    ] = 8501,
    screenshots: Annotated[
        Path | None,
        typer.Option(help="Take a picture of every screen into this folder, and end."),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser.")
    ] = False,
) -> None:
    """Open the dashboard; it ends with Ctrl-C."""
    app = _app()
    if screenshots is not None:
        raise typer.Exit(_take(screenshots))
    _free(port)
    note(f"Dashboard: http://{ADDRESS}:{port} (Ctrl-C ends it)")
    server = subprocess.Popen(server_command(app, port, headless=not browser), env=_environment())
    try:
        status = server.wait()
    except KeyboardInterrupt:
        # The terminal sends Ctrl-C to both; the server says goodbye by itself.
        status = server.wait(timeout=10)
        status = 0 if status < 0 else status
    raise typer.Exit(status)


def server_command(app: Path, port: int, *, headless: bool = True) -> list[str]:
    """Return the command that serves ``app``, with every setting that safety rests on."""
    options = {
        "server.address": ADDRESS,
        "server.port": str(port),
        "server.headless": str(headless).lower(),
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "type",
        "client.showErrorLinks": "false",
        "theme.base": str(app.parent / "theme.toml"),
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(app), *flags]


def _app() -> Path:
    """Return the dashboard's entry file; its package is found, never imported here."""
    found = find_spec("ui")
    if found is None or not found.submodule_search_locations or find_spec("streamlit") is None:
        raise MissingPartError.extra("The dashboard", "ui")
    return Path(next(iter(found.submodule_search_locations))) / "app.py"


def _environment() -> dict[str, str]:
    """Pass the home on as it is here: the server must not guess another one."""
    from workbench.settings import default_home

    return {**os.environ, "WORKBENCH_HOME": str(default_home())}


def _free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise BusyError(
                f"Port {port} on {ADDRESS} is taken.",
                "Choose another one, for example --port "
                f"{port + 1 if port < 65535 else port - 1}, or end the program that uses it.",
            ) from error


def _take(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeError(
            f"{folder} cannot be written: {error.strerror}.", "Choose another."
        ) from error
    done = subprocess.run(
        [sys.executable, "-m", "ui.screenshots", str(folder)], env=_environment(), check=False
    )
    return done.returncode
