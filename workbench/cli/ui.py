"""``workbench ui``: open the dashboard on this machine, or take pictures of every screen.

The dashboard is another package and another process; this command only starts it. It listens on
the loopback address; elsewhere only behind a guard, which wants a password or believes a reverse
proxy that has asked already (``ui.guard``).
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import note
from workbench.errors import BusyError, HomeError, MissingPartError, SettingsError

ADDRESS = "127.0.0.1"
LOOPBACK = ("localhost", ADDRESS, "::1")


def command(
    port: Annotated[
        int, typer.Option(min=1024, max=65535, help="Port on the loopback address.")
    ] = 8501,
    screenshots: Annotated[
        Path | None,
        typer.Option(help="Take a picture of every screen into this folder, and end."),
    ] = None,
    address: Annotated[
        str,
        typer.Option(
            help="Where to listen. Beyond this machine it needs WORKBENCH_UI_PASSWORD, or"
            " WORKBENCH_UI_HEADER with WORKBENCH_UI_PROXY, in the environment."
        ),
    ] = ADDRESS,
    host: Annotated[
        list[str] | None,
        typer.Option(help="A name under which browsers come; repeat it for more."),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser.")
    ] = False,
) -> None:
    """Open the dashboard; it ends with Ctrl-C."""
    app = _app()
    if screenshots is not None:
        raise typer.Exit(_take(screenshots))
    _guarded(address)
    _free(port, address)
    note(f"Dashboard: http://{address}:{port} (Ctrl-C ends it)")
    command = server_command(
        app, port, headless=not browser, address=address, hosts=tuple(host or ())
    )
    server = subprocess.Popen(command, env=_environment())
    try:
        status = server.wait()
    except KeyboardInterrupt:
        # The terminal sends Ctrl-C to both; the server says goodbye by itself.
        status = server.wait(timeout=10)
        status = 0 if status < 0 else status
    raise typer.Exit(status)


def server_command(
    app: Path,
    port: int,
    *,
    headless: bool = True,
    address: str = ADDRESS,
    hosts: tuple[str, ...] = (),
) -> list[str]:
    """Return the command that serves ``app``, with every setting that safety rests on.

    On this machine only its own names are answered, so that no page elsewhere can reach it through
    a name that it has pointed here; ``hosts`` adds names. Beyond it the guard stands in front.
    """
    home = is_loopback(address)
    names = (*LOOPBACK, *hosts) if home else hosts
    options = {
        "server.address": address,
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
    flags += [f"--server.allowedHosts={name}" for name in names]
    entry = app if home else app.with_name("guarded.py")
    return [sys.executable, "-m", "streamlit", "run", str(entry), *flags]


def is_loopback(address: str) -> bool:
    """Say whether only this machine can reach ``address``."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _guarded(address: str) -> None:
    """Refuse to listen beyond this machine without anybody asking who comes."""
    if is_loopback(address):
        return
    proxied = os.environ.get("WORKBENCH_UI_HEADER") and os.environ.get("WORKBENCH_UI_PROXY")
    if not os.environ.get("WORKBENCH_UI_PASSWORD") and not proxied:
        raise SettingsError(
            f"On {address} everybody in the network could start jobs here.",
            "Set WORKBENCH_UI_PASSWORD, or WORKBENCH_UI_HEADER and WORKBENCH_UI_PROXY (the"
            " addresses of the reverse proxy that sets it), and put TLS in front.",
        )


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


def _free(port: int, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise SettingsError(
                    f"{address} is no address of this machine.", "Try --address 0.0.0.0."
                ) from error
            raise BusyError(
                f"Port {port} on {address} is taken.",
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
