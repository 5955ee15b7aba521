"""Sources: who is worth asking, for what, and at what price?"""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from ui import data
from ui.widgets import page, routing, work
from ui.widgets.charts import reliability_plot, threshold_curve
from ui.widgets.words import Look
from workbench.store.views import asking, leaderboard, thresholds
from workbench.store.views.asking import ReliabilityBar
from workbench.store.views.leaderboard import Standing

OPEN = Look("!", "open", "orange", "Too many failures: nothing is sent until the pause is over.")
CLOSED = Look("✓", "closed", "green", "Requests go through.")


def show() -> None:
    """Draw the leaderboard, what is wrong now, the table by category, speed, and who agrees."""
    page.heading("Sources", "Who is worth asking, for what, and at what price?")
    found = data.read(leaderboard.standings) if data.trouble() is None else ()
    if not found:
        page.empty("Nobody answered anything yet.", "workbench", "demo")
        return
    _alerts()
    _board(found)
    _circuits()
    _categories(found)
    _speed(found)
    _confidence(found)
    routing.panel()
    _agreement()


def _alerts() -> None:
    for alert in data.read(asking.alerts):
        st.warning(
            f"{page.literal(alert.message)} ({page.ago(alert.created_at)})", icon=":material/flag:"
        )


def _board(found: tuple[Standing, ...]) -> None:
    st.dataframe(
        [
            {
                "source": s.source.id,
                "proved": s.share * 100,
                "95 % interval": f"{s.low * 100:.0f} – {s.high * 100:.0f} %",
                "answered": s.answered,
                "✓ proved": s.proved,
                "✗ refuted": s.refuted,
                "cost per proof": page.money(s.cost_per_proof) if s.proved else "no proof",
                "may be trained on": s.policy,
            }
            for s in found
        ],
        hide_index=True,
        column_config={
            "source": st.column_config.TextColumn(pinned=True),
            "proved": st.column_config.ProgressColumn(
                "proved share", min_value=0, max_value=100, format="%.0f %%"
            ),
        },
        alt="Sources by the share of their answers that is proved",
    )
    st.caption(
        "A proved share counts every answered task, those that nobody could decide included."
        " “unknown” under training means blocked until you say otherwise."
    )


def _circuits() -> None:
    st.subheader("Circuits", anchor=False)
    left_open = data.read(asking.circuits)
    if not left_open:
        page.badges([CLOSED])
        st.caption("No provider is paused: requests to every one go through.")
        return
    for circuit in left_open:
        with st.container(border=True):
            page.badges([OPEN])
            since = page.ago(circuit.opened_at) if circuit.opened_at else "not opened yet"
            st.caption(
                f"{page.literal(circuit.provider)} · {page.literal(circuit.kind)} ·"
                f" {page.plural(circuit.failures, 'failure')} · {since} · {circuit.words}"
            )
            st.text(circuit.message)


def _categories(found: tuple[Standing, ...]) -> None:
    st.subheader("By category, proved share with its 95 % interval", anchor=False)
    order = [s.source.id for s in found]
    table: dict[str, dict[str, str]] = {}
    for source, category, answered, proved in data.read(leaderboard.by_category):
        low, high = leaderboard.wilson(proved, answered)
        table.setdefault(category, {})[source] = (
            f"{proved / answered * 100:.0f} % ({low * 100:.0f}–{high * 100:.0f})"
        )
    st.dataframe(
        [
            {"category": category, **{name: cells.get(name, "–") for name in order}}
            for category, cells in sorted(table.items())
        ],
        hide_index=True,
        column_config={"category": st.column_config.TextColumn(pinned=True)},
        alt="Proved share with its interval, by category and source",
    )


def _speed(found: tuple[Standing, ...]) -> None:
    st.subheader("How fast", anchor=False)
    listed = []
    for standing in found:
        speed = data.read(asking.speed, standing.source.id)
        if speed is None:
            continue
        listed.append(
            {
                "source": standing.source.id,
                "median": standing.median_seconds,
                "95th percentile": standing.slow_seconds,
                "first token": "–"
                if speed.first_token_seconds is None
                else f"{speed.first_token_seconds:.2f} s",
                "tokens a second": "–"
                if speed.tokens_per_second is None
                else f"{speed.tokens_per_second:,.0f}",
            }
        )
    seconds = {
        name: st.column_config.NumberColumn(f"{name}, s", format="%.2f")
        for name in ("median", "95th percentile")
    }
    st.dataframe(
        listed,
        hide_index=True,
        column_config=seconds,
        alt="Seconds an answer took, by source",
    )


def _confidence(found: tuple[Standing, ...]) -> None:
    """Show how honest a source's confidence is, and what a threshold on it would do."""
    st.subheader("Can its confidence be relied on", anchor=False)
    bars = [bar for bar in data.read(asking.reliability) if not bar.category]
    names = sorted({bar.source for bar in bars})
    if not names:
        st.caption(
            "No source was calibrated yet. A calibration compares what a source predicts of its"
            " own answers with what the judge found."
        )
        _calibrate()
        return
    source = page.choose("Source", {n: n for n in names}, names[0], name="calibrated")
    _calibrate(again=True)
    mine = [bar for bar in bars if bar.source == source]
    left, right = st.columns(2, gap="large")
    with left:
        reliability_plot([(b.predicted, b.observed, b.count) for b in mine])
        st.caption(
            f"Expected calibration error {thresholds.error(mine) * 100:.1f} points over"
            f" {page.plural(sum(b.count for b in mine), 'answer')}. On the line: as good as it"
            " says; below: too sure of itself."
        )
    with right:
        _threshold(source, mine, found)


def _calibrate(*, again: bool = False) -> None:
    command = ("workbench", "route", "calibrate", "--json")
    work.button(
        "Calibrate the student again" if again else "Calibrate the student in use",
        command,
        icon=":material/speed:",
        help="It answers up to 100 held-out tasks five times each, and the judge decides.",
    )
    work.follow(command, quiet=True)


def _threshold(source: str, bars: list[ReliabilityBar], found: tuple[Standing, ...]) -> None:
    others = [s for s in found if s.source.id != source and s.source.kind == "teacher"]
    if not others:
        st.caption("A threshold needs another source to pass questions on to.")
        return
    names = {s.source.id: f"the rest goes to {s.source.id}" for s in others}
    other = page.choose("Pass on to", names, others[0].source.id, name="passed-on")
    teacher = next(s for s in others if s.source.id == other)
    own = next((s for s in found if s.source.id == source), None)
    tau = st.slider(
        "Answers itself from a predicted pass rate of (τ)",
        0.0,
        1.0,
        0.5,
        0.05,
        key="tau",
        bind="query-params",
    )

    def at(threshold: float) -> thresholds.Expected | None:
        return thresholds.expected(
            bars,
            threshold,
            own_cost=_each(own) if own else Decimal(0),
            other_cost=_each(teacher),
            other_quality=teacher.share,
        )

    now = at(tau)
    if now is None:
        return
    kept, quality, cost = page.tiles(3)
    kept.metric("Answered by itself", page.percent(now.kept), border=True)
    quality.metric("Expected to pass", page.percent(now.quality), border=True)
    cost.metric("Per 1,000 questions", page.money(now.cost), border=True)
    curve = [e for n in range(21) if (e := at(n / 20)) is not None]
    threshold_curve([(e.threshold, e.quality, e.kept) for e in curve], tau)


def _each(standing: Standing) -> Decimal | None:
    """Return US dollars per answer, or None where a price is not known."""
    return None if standing.unpriced else standing.cost / max(1, standing.answered)


def _agreement() -> None:
    st.subheader("Who agrees with whom", anchor=False)
    pairs = data.read(leaderboard.same_answer)
    if not pairs:
        st.caption("It takes two sources that answered the same task.")
        return
    names = sorted({name for pair in pairs for name in pair})
    st.dataframe(
        [
            {"": one, **{other: _alike(pairs, one, other) for other in names if other != names[-1]}}
            for one in names[1:]
        ],
        hide_index=True,
        column_config={"": st.column_config.TextColumn(pinned=True)},
        alt="Share of common tasks with the same answer, source against source",
    )
    every = data.read(leaderboard.compared_share)
    st.caption(
        "Of the tasks that both answered with code: the share with the same code, or with two"
        " proofs against the same contract."
        + (f" Counted on a sample, one task in {every}." if every > 1 else "")
    )


def _alike(pairs: dict[tuple[str, str], tuple[int, int]], one: str, other: str) -> str:
    """Return the share and of how many, below the diagonal; each pair is shown once."""
    if other >= one:
        return ""
    both, same = pairs.get((other, one), (0, 0))
    return f"{page.percent(same / both)} of {both:,}" if both else "no common task"


if __name__ == "__main__":
    show()
