"""The command line: one console script, one file a noun, each loaded only when it is called.

``workbench --help`` reads the table below and imports no command, so that it stays instant; the
heavy libraries (z3, torch, streamlit, sqlmodel) are imported by the command that needs them.
Data goes to stdout, progress and log to stderr. Exit status: 0 yes, 1 no, 2 usage or bad input,
3 could not tell, 130 interrupted (everything already done is kept).
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer._click.core import Command, Context

__all__ = ["main"]

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it."""

COMMANDS: dict[str, str] = {
    "init": "Create a home and a signing key; safe to repeat.",
    "demo": "Run the whole loop on this machine: ask, judge, train, evaluate, certify.",
    "doctor": "Say what works here, what does not, and the line that mends it.",
    "tasks": "List, show, import and generate tasks.",
    "contracts": "Check whether contracts are worth proving against.",
    "ask": "Let teachers and the student answer tasks.",
    "compare": "Ask one task of several sources, and judge each answer as it comes.",
    "sources": "Show who answers, the bill, what stands against them, and prices.",
    "route": "Choose whom to ask: by kind, by confidence, by cost of a proved answer.",
    "models": "List, show, pull and recommend models of the local engine.",
    "judge": "Judge candidates from a JSON Lines file.",
    "proof": "Ask both solvers again about what a stored verdict rests on.",
    "check": "Judge the functions of a Python file by their own contracts.",
    "tribunal": "Let teachers judge answers that are not code, by a rubric.",
    "select": "Choose the winners of a round, with reasons.",
    "train": "Retrain the student on a round's winners (LoRA).",
    "evaluate": "Compare the student before and after on held-out tasks.",
    "promote": "Let a round's student through the gate, or roll back.",
    "student": "See, export, deploy and roll back students.",
    "duel": "Compare two sources on the same tasks, with an interval.",
    "ablate": "Train on different choices of rows and say which helped.",
    "rounds": "List, show, run and resume rounds.",
    "dataset": "List, show, verify and export snapshots.",
    "cert": "Issue, show and verify distillation certificates.",
    "registry": "Keep bundles in a folder, an object store or an OCI registry.",
    "key": "Make, list, export, trust and revoke signing keys.",
    "backup": "Save the whole home in one file, while others work.",
    "restore": "Make the home again from a back-up.",
    "ui": "Open the dashboard.",
    "serve": "Serve the student to OpenAI, Anthropic and Ollama clients.",
    "feedback": "Make tasks of what was asked in production, and watch it for drift.",
    "schedule": "Run commands by themselves: nightly rounds, by cron expression.",
    "receipt": "Check a served answer's receipt, offline.",
}


class LazyCommand(TyperCommand):
    """A name and a line of help that turn into the real command when it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Context | None = None, **extra: Any
    ) -> Context:
        """Import the command's module and hand over to what it defines."""
        real = self._load()
        return real.make_context(info_name, args, parent=parent, **extra)

    def _load(self) -> Command:
        assert self.name is not None
        module = import_module(f"workbench.cli.{self.name}")
        if hasattr(module, "app"):
            real = typer.main.get_command(module.app)
        else:
            single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            single.command(self.name)(module.command)
            real = typer.main.get_command(single)
        real.name = self.name
        return real


class LazyGroup(TyperGroup):
    """A command group whose commands live in modules that are imported on demand."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return the signpost of one command; calling it loads the module behind it."""
        if cmd_name not in COMMANDS:
            return None
        return LazyCommand(name=cmd_name, help=COMMANDS[cmd_name])


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Distil teachers into a small local code model, with a judge that proves.",
    epilog="Start with `workbench demo`. Every command has --help.",
)


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        typer.echo(version("distillation-workbench"))
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Hold the options that belong to no single command."""
    _remember_answers()


def _remember_answers() -> None:
    """Let the judge's workers keep solvers' answers in the home, where there is one."""
    import os

    from judge.answers import VARIABLE
    from workbench.settings import default_home

    home = default_home()
    if home.is_dir():
        os.environ.setdefault(VARIABLE, str(home / "cache" / "answers.db"))


def _stopped() -> NoReturn:
    """Tell a person who pressed Ctrl-C that nothing is lost."""
    typer.echo("workbench: stopped; what was done is kept, the same command goes on.", err=True)
    sys.exit(INTERRUPTED)


def main() -> None:
    """Run the command line and turn mistakes into one sentence and an exit status."""
    from judge.errors import JudgeUnavailableError
    from workbench.errors import WorkbenchError

    try:
        app()
    except WorkbenchError as error:
        typer.echo(f"workbench: {error}", err=True)
        sys.exit(error.exit_status)
    except JudgeUnavailableError as error:
        typer.echo(f"workbench: {error}. What can be done: workbench doctor", err=True)
        sys.exit(3)
    except KeyboardInterrupt:
        _stopped()
    except SystemExit as left:
        # Typer turns Ctrl-C into this status and says nothing.
        if left.code == INTERRUPTED:
            _stopped()
        raise
    except BrokenPipeError:
        # The reader of our stdout went away (``| head``); there is nobody left to tell.
        sys.stderr.close()
        sys.exit(0)
