"""Rounds: did this round help, and which tasks did it fix and break?"""

from __future__ import annotations

import streamlit as st

from ui import data, links
from ui.widgets import figures, page, work
from ui.widgets.charts import learning_curve, loss_curve
from ui.widgets.in_use import put_in_use
from ui.widgets.words import CHANGES, look
from workbench.store.views import rounds, students
from workbench.store.views.rounds import Round

SIZE = 50


def show() -> None:
    """Draw one round: stages, outcome, flips, loss and configuration."""
    page.heading("Rounds", "Did this round help, and which tasks did it fix and break?")
    every = data.read(rounds.all_rounds) if data.trouble() is None else ()
    if not every:
        page.empty("No round has run here yet.", "workbench", "demo")
        return
    found = _choose(every)
    _progress(found)
    outcome = data.read(rounds.outcome, found.id)
    if outcome is None:
        st.info("This round is not evaluated yet; fixed and broken tasks come with it.")
    else:
        _outcome(found, outcome)
        _flips(found)
    left, right = st.columns(2, gap="large")
    with left:
        _loss(found)
    with right:
        _curve(every)
    _config(found, every)
    _actions(found)


def _choose(every: tuple[Round, ...]) -> Round:
    names = {r.id: r for r in every}
    evaluated = [r.id for r in every if r.student_source_id] or list(names)
    labels = {name: _label(found) for name, found in names.items()}
    return names[page.choose("Round", labels, evaluated[0], name="round")]


def _label(found: Round) -> str:
    gate = {True: "promoted", False: "held back", None: found.stage}[found.promoted]
    return f"Round {found.number} · {gate} · {page.ago(found.updated_at)}"


def _progress(found: Round) -> None:
    """Draw the stages; while a round is open, look every two seconds."""

    @st.fragment(run_every=2 if found.state == "open" else None)
    def _live() -> None:
        now = data.read(rounds.find, found.id) or found
        figures.stages(rounds.STAGES, now.stage, now.state)
        if now.state != "open":
            return
        heard = [e for e in data.read(rounds.events, found.id, last=20) if e.total]
        if heard:
            last = heard[-1]
            st.progress(
                min(1.0, (last.done or 0) / max(1, last.total or 1)),
                text=f"{page.literal(last.stage)}: {last.done or 0:,} of {last.total:,}, "
                f"{page.ago(last.at)}",
            )
        else:
            st.caption(f"Last heard of {page.ago(now.updated_at)}.")

    _live()


def _outcome(found: Round, outcome: rounds.Outcome) -> None:
    figures.before_after(
        outcome.before, outcome.after, outcome.low, outcome.high, ("before", "after")
    )
    gain, fixed, broken, test = page.tiles(4)
    gain.metric(
        "Gain, in points",
        page.points(outcome.gain),
        border=True,
        help=f"95 % interval {page.points(outcome.low)} to {page.points(outcome.high)}, "
        f"{outcome.n:,} held-out tasks.",
    )
    fixed.metric("Fixed", f"▲ {outcome.fixed:,}", border=True, help=CHANGES["fixed"].sentence)
    broken.metric("Broken", f"▼ {outcome.broken:,}", border=True, help=CHANGES["broken"].sentence)
    test.metric("McNemar, exact", page.p_value(outcome.p), border=True)
    if found.decision:
        glyph = {True: "✓", False: "✗", None: "·"}[found.promoted]
        st.text(f"{glyph} {found.decision}")


def _flips(found: Round) -> None:
    st.subheader("Task by task", anchor=False)
    counts = data.read(rounds.changes, found.id)

    def _reset() -> None:
        st.session_state.page = 1

    options = ["", *CHANGES]
    change = st.segmented_control(
        "Show",
        options,
        default=page.linked("change", options, ""),
        required=True,
        format_func=lambda c: (
            f"{CHANGES[c].text} {counts.get(c, 0):,}" if c else f"all {sum(counts.values()):,}"
        ),
        key="chosen-change",
        on_change=_reset,
        label_visibility="collapsed",
    )
    page.link("change", change or "", "")
    total = counts.get(change, 0) if change else sum(counts.values())
    pages = max(1, -(-total // SIZE))
    number = min(pages, max(1, int(st.session_state.get("page", 1) or 1)))
    listed = data.read(rounds.flips, found.id, change or "", number=number, size=SIZE)
    if not listed:
        st.caption("No held-out task changed that way.")
        return
    event = st.dataframe(
        [
            {
                "change": CHANGES[f.change].text,
                "task": f.task_id,
                "category": f.category,
                "before": look(f.before).text,
                "after": look(f.after).text,
            }
            for f in listed
        ],
        hide_index=True,
        key=f"flips-{found.id}-{change}-{number}",
        on_select="rerun",
        selection_mode="single-cell",
        height=min(38 + 35 * len(listed), 520),
        alt="Held-out tasks before and after the round",
    )
    if pages > 1:
        st.pagination(pages, key="page", bind="query-params")
    picked = event.selection.get("cells", [])
    if picked:
        students = [s for s in (found.base_source_id, found.student_source_id) if s]
        links.to_compare(listed[picked[0][0]].task_id, students)
    with st.expander("By category"):
        st.dataframe(
            [
                {"category": c, "tasks": n, "proved before": b, "proved after": a, "gain": a - b}
                for c, n, b, a in data.read(rounds.by_category, found.id)
            ],
            hide_index=True,
            alt="Held-out tasks proved before and after, by category",
        )


def _loss(found: Round) -> None:
    st.subheader("Training loss", anchor=False)
    points = data.read(rounds.losses, found.id)
    if points:
        loss_curve(points)
    else:
        st.caption("This round has not trained yet.")


def _curve(every: tuple[Round, ...]) -> None:
    st.subheader("From round to round", anchor=False)
    points = [
        (r.number, o) for r in reversed(every) if (o := data.read(rounds.outcome, r.id)) is not None
    ]
    if points:
        learning_curve(points)
    else:
        st.caption("No round was evaluated yet.")


def _config(found: Round, every: tuple[Round, ...]) -> None:
    others = {r.id: f"against round {r.number}" for r in every if r.id != found.id}
    with st.expander("Configuration" + (" and what differs from another round" if others else "")):
        if others:
            parent = found.parent_id if found.parent_id in others else next(iter(others))
            chosen = page.choose("Compare with", others, parent, name="against")
            _differences(next(r for r in every if r.id == chosen), found)
        st.json(dict(found.config), expanded=not others)


def _differences(other: Round, found: Round) -> None:
    before, after = _flat(other.config), _flat(found.config)
    changed = [
        {
            "setting": k,
            f"round {other.number}": before.get(k, "–"),
            f"round {found.number}": after.get(k, "–"),
        }
        for k in sorted({*before, *after})
        if before.get(k) != after.get(k)
    ]
    if changed:
        st.dataframe(changed, hide_index=True, alt="Settings that differ")
    else:
        st.caption("Nothing differs.")


def _flat(config: object, prefix: str = "") -> dict[str, str]:
    if isinstance(config, dict):
        parts: dict[str, str] = {}
        for key, value in config.items():
            parts.update(_flat(value, f"{prefix}.{key}" if prefix else str(key)))
        return parts
    return {prefix: str(config)}


def _actions(found: Round) -> None:
    st.subheader("Do something about it", anchor=False)
    now = data.read(students.in_use)
    if found.state != "done":
        resume = ("workbench", "rounds", "resume", found.id, "--json")
        work.button("Go on with this round", resume, icon=":material/play_arrow:", primary=True)
        work.follow(resume, quiet=True)
    if found.adapter_id and found.promoted is None:
        promote = ("workbench", "promote", found.id, "--json")
        work.button("Ask the gate", promote, icon=":material/vertical_align_top:")
        work.follow(promote, quiet=True)
    if found.adapter_id and found.promoted is not None and found.adapter_id != now.adapter_id:
        put_in_use(found.id, held_back=not found.promoted)
    if found.adapter_id and found.adapter_id == now.adapter_id:
        back = ("workbench", "promote", "--rollback", "--json")
        work.button(
            "Roll back to the student before",
            back,
            icon=":material/undo:",
            help="Moves one pointer; nothing is deleted.",
        )
        work.follow(back, quiet=True)
    elif found.promoted:
        st.caption(
            f"This round's student was promoted; {page.literal(now.source_id or 'the base')} is in"
            " use now."
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        page.show_command("workbench", "rounds", "show", found.id, "--json", label="As JSON")
        st.page_link(
            links.TRAIN,
            label="Its training",
            icon=":material/model_training:",
            query_params={"round": found.id},
        )


if __name__ == "__main__":
    show()
