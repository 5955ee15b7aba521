"""Train: on what, with which recipe, and is the loss falling?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui import data, jobs, links, recipe
from ui.widgets import page, work
from ui.widgets.charts import loss_curve
from workbench.errors import WorkbenchError
from workbench.store.views import datasets, rounds
from workbench.store.views.rounds import Round


def show() -> None:
    """Draw one round's training: its rows and recipe, the run, and the form for another recipe."""
    page.heading("Train", "On what, with which recipe, and is the loss falling?")
    every = data.read(rounds.all_rounds) if data.trouble() is None else ()
    every = tuple(r for r in every if r.snapshot_id)
    if not every:
        page.empty(
            "There is no dataset to train on yet.",
            *("workbench", "demo"),
            also="A round selects its dataset from the answers that were proved.",
        )
        return
    found = _choose(every)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _what(found)
        _recipe(found)
    with right:
        _run(found)
    _another(found)


def _choose(every: tuple[Round, ...]) -> Round:
    names = {r.id: r for r in every}
    sizes = {s.id: s.rows for s in data.read(datasets.snapshots)}
    labels = {
        r.id: f"Round {r.number} · {page.plural(sizes.get(r.snapshot_id or '', 0), 'row')}"
        f" · {'trained' if r.adapter_id else 'not trained yet'} · {page.ago(r.updated_at)}"
        for r in every
    }
    return names[page.choose("Dataset", labels, every[0].id, name="round")]


def _what(found: Round) -> None:
    st.subheader("On what", anchor=False)
    snapshot = next((s for s in data.read(datasets.snapshots) if s.id == found.snapshot_id), None)
    if snapshot is None:
        st.caption("This round's dataset is not in the store.")
        return
    st.markdown(f"**{page.plural(snapshot.rows, 'row')}**, each with the verdict that chose it.")
    st.caption(f"Snapshot {page.literal(snapshot.id)} · rule {page.literal(snapshot.rule)}")
    st.page_link(
        links.DATASET,
        label="Look at the rows",
        icon=":material/table_rows:",
        query_params={"snapshot": snapshot.id},
    )


def _recipe(found: Round) -> None:
    st.subheader("Recipe", anchor=False)
    training = found.config.get("training") or {}
    try:
        plan = recipe.settled(training)
    except WorkbenchError as error:
        st.error(str(error))
        return
    st.dataframe(
        [
            {"setting": name, "value": str(plan[half][name]), "": _set(training, half, name)}
            for half, name, _ in recipe.FIELDS
        ],
        hide_index=True,
        alt="The recipe of this training",
    )
    st.caption(f"Base model: {page.literal(str(found.config.get('base') or 'the shipped one'))}")


def _name(base: object) -> str:
    """Return a base model's name: the last part of a folder, a hub id as it is."""
    written = str(base or "")
    return written.rstrip("/").split("/")[-1] if written.startswith("/") else written or "shipped"


def _set(training: Mapping[str, Any], half: str, name: str) -> str:
    return "set" if name in (training.get(half) or {}) else "default"


def _run(found: Round) -> None:
    st.subheader("The run", anchor=False)
    command = ("workbench", "train", found.id, "--json")
    estimate = ("workbench", "train", found.id, "--dry-run", "--json")
    begun = bool(data.read(rounds.losses, found.id))
    label = "Resume" if begun and not found.adapter_id else "Start training"
    work.button(
        "Trained already" if found.adapter_id else label,
        command,
        icon=":material/play_arrow:",
        primary=not found.adapter_id,
        disabled=bool(found.adapter_id),
        help="It keeps checkpoints: stopped or killed, it goes on where it was.",
    )
    work.follow(command, quiet=bool(found.adapter_id))
    _live(found, work.newest(command))
    work.button("Estimate", estimate, icon=":material/calculate:")
    told = work.follow(estimate, quiet=True)
    if told is not None and isinstance(told.data, dict):
        _facts(told.data)


def _live(found: Round, job: jobs.Job | None) -> None:
    """Draw loss and pace; again every two seconds while the round is open."""
    running = (job is not None and job.state == "running") or found.state == "open"

    @st.fragment(run_every=2 if running and not found.adapter_id else None)
    def _draw() -> None:
        points = data.read(rounds.losses, found.id)
        if not points:
            st.caption("No step was trained yet.")
            return
        heard = data.read(rounds.events, found.id, kinds=("loss",), last=1)
        if heard and not found.adapter_id:
            _pace(heard[-1])
        loss_curve(points)
        st.caption(f"Loss {points[-1][1]:.4f} at step {points[-1][0]:,}.")

    _draw()


def _pace(last: rounds.Event) -> None:
    done, total = last.done or 0, last.total or 1
    seconds, tokens = last.data.get("seconds"), last.data.get("tokens")
    told = f"Step {done:,} of {total:,}"
    if seconds and tokens and done:
        rest = seconds / done * (total - done)
        told += f", {tokens / seconds:,.0f} tokens a second, about {_duration(rest)} left"
    st.progress(min(1.0, done / total), text=f"{told} ({page.ago(last.at)})")


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def _facts(told: Mapping[str, Any], prefix: str = "") -> None:
    """Show what an estimate says, one line a fact."""
    lines = [
        {"estimate": f"{prefix}{name}".replace("_", " "), "value": _value(value)}
        for name, value in told.items()
        if not isinstance(value, dict) and value is not None
    ]
    if lines:
        st.dataframe(lines, hide_index=True, alt="What the training is expected to take")


def _value(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def _another(found: Round) -> None:
    with st.expander("Train the same tasks with another recipe"):
        st.caption(
            "A new round over the same tasks, answers and verdicts; nothing is asked or paid for"
            " again. The form is checked before anything starts."
        )
        try:
            plan = recipe.settled(found.config.get("training") or {})
        except WorkbenchError as error:
            st.error(str(error))
            return
        size = st.segmented_control(
            "Preset by memory",
            ["as it was", *recipe.presets()],
            default="as it was",
            required=True,
            help="Fills in batch, length and checkpointing for this much memory.",
        )
        plan["training"].update(recipe.preset(size or ""))
        with st.form(f"recipe-{found.id}-{size}", border=False):
            values = _inputs(plan)
            base = st.text_input(
                "Base model",
                value=str(found.config.get("base") or ""),
                placeholder="a folder or a hub id; empty for the shipped one",
            )
            sent = st.form_submit_button("Check this recipe", icon=":material/rule:")
        if sent:
            _check(found, values, base.strip())
        _start_another()


def _inputs(plan: dict[str, dict[str, Any]]) -> dict[tuple[str, str], Any]:
    columns = st.columns(3)
    return {
        (half, name): _input(columns[n % 3], half, name, plan[half][name], told)
        for n, (half, name, told) in enumerate(recipe.FIELDS)
    }


def _input(place: DeltaGenerator, half: str, name: str, now: Any, told: str) -> Any:
    label = name.replace("_", " ")
    if words := recipe.choices(half, name):
        return place.selectbox(label, words, index=words.index(now), help=told)
    if isinstance(now, bool):
        return place.toggle(label, value=now, help=told)
    whole = isinstance(now, int) and name != "epochs"
    return place.number_input(
        label,
        value=now if whole else float(now),
        step=1 if whole else None,
        format=None if whole else "%g",
        help=told,
    )


def _check(found: Round, values: dict[tuple[str, str], Any], base: str) -> None:
    try:
        config = recipe.changed(found.config, values, base)
    except WorkbenchError as error:
        st.session_state.pop("recipe-file", None)
        st.error(str(error), icon=":material/error:")
        return
    target = work.draft("configs", recipe.file_name(config), recipe.toml(config))
    st.session_state["recipe-file"] = str(target)


def _start_another() -> None:
    target = st.session_state.get("recipe-file")
    if not target:
        return
    st.success("This recipe is usable.", icon=":material/check_circle:")
    command = ("workbench", "rounds", "run", "--config", target, "--until", "trained", "--again")
    work.button("Start this round", (*command, "--json"), icon=":material/play_arrow:")
    work.follow((*command, "--json"))


if __name__ == "__main__":
    show()
