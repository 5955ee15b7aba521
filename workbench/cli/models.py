"""``workbench models``: the local engine (Ollama): what is there, what fits, get it, try it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.output import emit_json, emit_lines, emit_table, note, progress

if TYPE_CHECKING:
    from teachers.local_engine import LocalEngine, LocalModel
    from teachers.model import Answer, Prompt
    from teachers.protocol import Teacher

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_PULLS = 5
"""How often a download that broke off is taken up again before a person has to."""


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the models that the engine holds, with what they proved on your tasks."""
    with _engine() as engine:
        models = engine.models()
    scores = _scores()
    if not models:
        note("The engine runs and has no model. See what fits: workbench models recommend")
    records = [{**_record(model), "proved": scores.get(model.name)} for model in models]
    if json:
        emit_lines(records)
        return
    emit_table(
        ("model", "parameters", "quantisation", "GB", "proved"),
        (
            (
                r["name"], r["parameters"], r["quantisation"], f"{r['bytes'] / 1e9:.1f}",
                "" if r["proved"] is None else f"{r['proved']:.0%}",
            )
            for r in records
        ),
    )  # fmt: skip


@app.command()
def show(name: Annotated[str, typer.Argument(help="A model's name.")], json: Json = False) -> None:
    """Show one model: digest, quantisation, context length, and its measured speed and score."""
    from workbench.store.database import open_store
    from workbench.store.views import asking

    with _engine() as engine:
        model = engine.show(name)
    record = _record(model)
    record["proved"] = _scores().get(model.name)
    with open_store() as store, store.engine.connect() as connection:
        speed = asking.speed(connection, f"ollama:{model.name}")
    if speed is not None:
        record["median_seconds"] = speed.median_seconds
        record["first_token_seconds"] = speed.first_token_seconds
        record["tokens_per_second"] = speed.tokens_per_second
    if json:
        emit_json(record)
    else:
        emit_table(("what", "value"), record.items())


@app.command()
def pull(name: Annotated[str, typer.Argument(help="A model's name.")]) -> None:
    """Get a model. A download that breaks off goes on where it stopped, also tomorrow."""
    from workbench.errors import InputError

    if not name.strip():
        raise InputError("No model is named.", "See what fits: workbench models recommend")
    with _engine() as engine:
        for attempt in range(1, _PULLS + 1):
            trouble = _pull(engine, name)
            if trouble is None:
                note(f"{name} is here. Try it: workbench models try {name}")
                return
            if attempt < _PULLS and "stopped" in trouble:
                note(f"{trouble} (attempt {attempt} of {_PULLS})")
                time.sleep(min(2.0**attempt, 20.0))
                continue
            break
    raise InputError(f"{trouble}.", f"Go on where it stopped: workbench models pull {name}")


def _pull(engine: LocalEngine, name: str) -> str | None:
    """Download once with a bar; return what went wrong, or None."""
    from teachers.errors import TeacherError

    with progress() as bars:
        layers: dict[str, Any] = {}
        said = ""
        try:
            for step in engine.pull(name):
                if step.digest and step.total:
                    if step.digest not in layers:
                        layers[step.digest] = bars.add_task(
                            step.digest[:19], total=step.total, note=step.status
                        )
                    bars.update(layers[step.digest], completed=step.completed)
                elif step.status != said:
                    said = step.status
                    note(f"{name}: {said}")
        except TeacherError as error:
            return str(error).rstrip(".")
    return None


@app.command()
def recommend(json: Json = False) -> None:
    """Say which models fit into the memory that is free now, the best measured first.

    Models that are here come with what they proved on your own tasks; the others are code models
    that can be pulled.
    """
    from teachers.local_engine import catalogue
    from teachers.local_engine import recommend as advise
    from teachers.machine import free_memory
    from workbench.errors import InputError

    free = free_memory()
    here: list[LocalModel] = []
    trouble = ""
    try:
        with _engine() as engine:
            here = engine.models()
    except InputError as error:
        trouble = str(error)
    date, known = catalogue()
    names = {model.name for model in here}
    both = [*here, *(model for model in known if model.name not in names)]
    advice = advise(both, free.best, _scores())
    records = [
        {
            "name": each.model.name,
            "here": each.model.name in names,
            "proved": each.score,
            "why": each.why,
            "next": "workbench ask --teachers ollama:" + each.model.name
            if each.model.name in names
            else f"workbench models pull {each.model.name}",
        }
        for each in advice
    ]
    if json:
        emit_json({"ram": free.ram, "gpu": free.gpu, "listed": date, "models": records})
    else:
        note(f"{free.sentence}; models to pull as listed {date}.")
        emit_table(
            ("model", "here", "why", "next"),
            ((r["name"], "yes" if r["here"] else "", r["why"], r["next"]) for r in records),
        )
    if trouble:
        note(trouble)
    if not advice:
        note("Nothing fits into the memory that is free now; close something, or ask a remote one.")


@app.command("try")
def try_model(
    name: Annotated[str, typer.Argument(help="A model's name, or any teacher as PROVIDER:MODEL.")],
    prompt: Annotated[str, typer.Argument()] = "Write a Python function that clamps an integer.",
    image: Annotated[
        list[Path] | None, typer.Option(help="A picture to send along; repeat.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1)] = 256,
    json: Json = False,
) -> None:
    """Stream one answer and measure it: seconds to the first token, tokens a second. Ctrl-C stops.

    A teacher that costs money is not asked here; see ``workbench ask``.
    """
    import asyncio

    from teachers import Prompt, open_teacher
    from teachers.images import no_pictures, read_image, text_only
    from workbench.errors import InputError

    wanted = name if name.partition(":")[0] in _providers() else f"ollama:{name}"
    with _sentences():
        teacher = open_teacher(wanted)
    if not teacher.identity.local:
        raise InputError(
            f"{wanted} is not on this machine.", "Ask it with workbench ask, which keeps the bill."
        )
    with _sentences():
        images = tuple(read_image(path) for path in image or ())
    if images and text_only(teacher.identity.provider, teacher.identity.model):
        raise InputError(f"{no_pictures(wanted)}.")
    asked = Prompt.of(prompt, images=images)
    answer = asyncio.run(_stream(teacher, asked, max_tokens, quiet=json))
    if answer.failure is not None:
        raise InputError(f"{wanted} did not answer: {answer.failure.message}.")
    tokens = answer.usage.output_tokens
    waited = answer.first_token_seconds
    spent = answer.seconds - (waited or 0.0)
    record = {
        "model": wanted,
        "finish": answer.finish.value,
        "seconds": answer.seconds,
        "first_token_seconds": waited,
        "output_tokens": tokens,
        "tokens_per_second": tokens / spent if tokens and spent > 0 else None,
        "text": answer.text,
    }
    if json:
        emit_json(record)
        return
    speed = record["tokens_per_second"]
    first = "" if waited is None else f", first token after {waited:.2f} s"
    rate = "" if speed is None else f", {speed:.1f} tokens a second"
    note(f"\n{answer.seconds:.2f} s{first}{rate}, ended by {answer.finish.value}.")


async def _stream(teacher: Teacher, asked: Prompt, max_tokens: int, *, quiet: bool) -> Answer:
    """Print the pieces as they come and return the answer; closing the stream stops the server."""
    from teachers import Sampling
    from teachers.protocol import StreamingTeacher

    drawn = Sampling(max_tokens=max_tokens)
    try:
        if not isinstance(teacher, StreamingTeacher):
            answer = await teacher.answer(asked, drawn)
            if not quiet:
                typer.echo(answer.text)
            return answer
        last: Answer | None = None
        async for piece in teacher.stream(asked, drawn):
            if not isinstance(piece, str):
                last = piece
            elif not quiet:
                typer.echo(piece, nl=False)
        assert last is not None  # a stream ends with its answer
        return last
    finally:
        await teacher.close()


def _providers() -> set[str]:
    from teachers.providers import providers

    loaded, _ = providers()
    return set(loaded)


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn what a teacher says into the command line's own kind of mistake."""
    from teachers.errors import TeacherError
    from workbench.errors import InputError

    try:
        yield
    except TeacherError as error:
        raise InputError(str(error)) from error


@contextmanager
def _engine() -> Iterator[LocalEngine]:
    from teachers.keys import environment
    from teachers.local_engine import LocalEngine

    with _sentences():
        engine = LocalEngine(environment())
        try:
            yield engine
        finally:
            engine.close()


def _record(model: LocalModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "digest": model.digest,
        "bytes": model.size,
        "parameters": model.parameters,
        "quantisation": model.quantisation,
        "context": model.context,
    }


def _scores() -> dict[str, float]:
    """Return model -> share of proved answers, for Ollama's models that answered tasks here."""
    from workbench.settings import load_settings
    from workbench.store.database import open_store
    from workbench.store.views import leaderboard

    if not load_settings().home.exists():
        return {}
    with open_store() as store, store.engine.connect() as connection:
        standings = leaderboard.standings(connection)
    return {
        s.source.id.removeprefix("ollama:"): s.share
        for s in standings
        if s.source.id.startswith("ollama:")
    }
