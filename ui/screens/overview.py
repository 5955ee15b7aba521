"""Overview: is the student better, can it be trusted, what comes next?"""

from __future__ import annotations

import streamlit as st

from ui import data, links
from ui.widgets import figures, first, page
from ui.widgets.words import CERTIFICATE, look
from workbench.store.views import certificates, datasets, matrix, overview, rounds
from workbench.store.views.next_step import next_step


def show() -> None:
    """Draw the front page."""
    trouble = data.trouble()
    if trouble is not None:
        page.heading("Workbench", "Is the student better, can it be trusted, what comes next?")
        sentence, mend = trouble
        if mend:
            st.error(f"{sentence} {mend}", icon=":material/error:")
        else:
            first.panel(sentence)
        return
    every = data.read(rounds.all_rounds)
    evaluated = next(
        ((r, o) for r in every if (o := data.read(rounds.outcome, r.id)) is not None), None
    )
    if evaluated is None:
        page.heading("Workbench", "Is the student better, can it be trusted, what comes next?")
        _nothing_evaluated(bool(every))
        if not data.read(matrix.sources):
            return
    else:
        _verdict_on_the_student(*evaluated)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _sources()
        _trust()
    with right:
        _next()
        _troubles()
    _round_line(every)


def _nothing_evaluated(any_round: bool) -> None:
    if any_round:
        st.info("A round is under way; the student's figures come when it is evaluated.")
        first.follow()
    else:
        first.panel("No student was evaluated here yet.")


def _verdict_on_the_student(newest: rounds.Round, found: rounds.Outcome) -> None:
    if found.low > 0:
        said, tone = "made the student better", "wb-green"
    elif found.high < 0:
        said, tone = "made the student worse", "wb-red"
    else:
        said, tone = "changed nothing that the numbers can show", "wb-gray"
    st.html(
        f'<div class="wb-kicker">Is the student better · {page.ago(newest.updated_at)}</div>'
        f'<p class="wb-lead">Round {newest.number} <strong class="{tone}">{said}</strong>: '
        f"{page.percent(found.before)} → <strong>{page.percent(found.after)}</strong> of "
        f"{found.n:,} held-out tasks {' or '.join(found.counts)}, {page.points(found.gain)} points "
        f"(95 % interval {page.points(found.low)} to {page.points(found.high)}).</p>"
    )
    figures.before_after(found.before, found.after, found.low, found.high, ("before", "after"))
    certificate = data.read(certificates.of_round, newest.id)
    state = CERTIFICATE[certificate.state] if certificate else None
    fixed, broken, gate, signed = page.tiles(4)
    fixed.metric("Fixed", f"▲ {found.fixed:,}", border=True, help="Proved now, not before.")
    broken.metric("Broken", f"▼ {found.broken:,}", border=True, help="Proved before, not now.")
    gate.metric(
        "Gate",
        "not reached"
        if newest.promoted is None
        else "promoted"
        if newest.promoted
        else "held back",
        border=True,
        help=newest.decision or "The gate has not decided yet.",
    )
    signed.metric(
        "Certificate",
        state.text if state else "none yet",
        border=True,
        help=state.sentence if state else "This round has no certificate.",
    )
    st.caption(
        f"{page.plural(found.fixed, 'task')} fixed against {found.broken:,} broken: McNemar's exact"
        f" test, {page.p_value(found.p)}."
    )


def _sources() -> None:
    st.subheader("Who can prove what", anchor=False)
    totals = data.read(matrix.totals, matrix.Filter())
    names = [source.id for source in data.read(matrix.sources) if totals.answered(source.id)]
    if not names:
        page.empty("Nobody answered anything yet.", "workbench", "ask", "--help")
        return
    figures.share_bars([(name, totals.words[name]) for name in names])
    st.page_link(links.MATRIX, label="Open the matrix", icon=":material/arrow_forward:")


def _next() -> None:
    st.subheader("Next step", anchor=False)
    step = data.read(next_step, data.settings().home)
    st.write(page.literal(step.sentence))
    page.shell(*step.command)
    waiting = data.read(overview.waiting_tasks)
    newest = next(iter(data.read(datasets.snapshots)), None)
    st.caption(
        f"Next training: {page.plural(waiting, 'training task')} with a proof in no dataset yet"
        + (f"; the newest dataset has {page.plural(newest.rows, 'row')}." if newest else ".")
    )


def _trust() -> None:
    found = data.read(overview.figures)
    st.subheader("Can it be trusted", anchor=False)
    confirmed = found.rechecks.get("confirmed", 0)
    disputed = found.rechecks.get("disputed", 0)
    lines = [
        f"✓✓ **{confirmed:,} of {found.proved:,}** proofs confirmed by a second solver",
        f"{'!' if disputed else '✓'} **{disputed:,}** disputed between solvers",
        f"{'!' if found.judge_errors else '✓'} **{found.judge_errors:,}** failures of the judge"
        " itself",
    ]
    st.markdown("  \n".join(lines))
    cost = page.money(found.cost_today).replace("$", "\\$")
    total = page.money(found.cost).replace("$", "\\$")
    unknown = f", {found.unpriced:,} requests without a known price" if found.unpriced else ""
    st.caption(
        f"Last 24 hours: {found.proved_today:,} answers proved, {cost} spent."
        f" In all: {page.plural(found.answers, 'answer')} to {page.plural(found.tasks, 'task')}"
        f" ({found.held_out:,} held out), {page.plural(found.obligations, 'obligation')},"
        f" {total}{unknown}."
    )


def _round_line(every: tuple[rounds.Round, ...]) -> None:
    if not every:
        return
    st.subheader("Rounds", anchor=False)
    for found in every[:5]:
        with st.container(gap=None):
            st.page_link(
                links.ROUNDS, label=f"Round {found.number}", query_params={"round": found.id}
            )
            figures.stages(rounds.STAGES, found.stage, found.state)


def _troubles() -> None:
    found = data.read(overview.troubles)
    if not found:
        return
    st.subheader("Errors that runs reported", anchor=False)
    for trouble in found:
        times = f" · {trouble.times} times" if trouble.times > 1 else ""
        with st.container(border=True, gap="xxsmall"):
            st.caption(f"{look('error').glyph} {trouble.stage}{times} · {page.ago(trouble.last)}")
            st.text(trouble.message)


if __name__ == "__main__":
    show()
