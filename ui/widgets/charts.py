"""The two charts: training loss, and the student from round to round with intervals.

Altair is loaded only by the screen that draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from workbench.store.views.rounds import Outcome

TONE = "#4a82c3"
"""Readable on paper and on ink."""


def loss_curve(points: Sequence[tuple[int, float]]) -> None:
    """Draw training loss over steps."""
    import altair as alt

    chart = (
        alt.Chart(alt.InlineData([{"step": s, "loss": v} for s, v in points]))
        .mark_line(interpolate="monotone", strokeWidth=2, color=TONE)
        .encode(
            x=alt.X("step:Q", title="step", axis=alt.Axis(grid=False, tickMinStep=1)),
            y=alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=True)),
            tooltip=["step:Q", alt.Tooltip("loss:Q", format=".4f")],
        )
        .properties(height=260)
    )
    last = points[-1]
    st.altair_chart(chart, alt=f"Training loss, ending at {last[1]:.3f} after {last[0]} steps")


def learning_curve(points: Sequence[tuple[int, Outcome]]) -> None:
    """Draw each round's proved rate, with the interval of its gain around it."""
    import altair as alt

    values = [
        {
            "round": number,
            "rate": o.after * 100,
            "low": max(0.0, o.before + o.low) * 100,
            "high": min(1.0, o.before + o.high) * 100,
        }
        for number, o in points
    ]
    first = points[0]
    values.insert(
        0,
        {
            "round": first[0] - 1,
            "rate": first[1].before * 100,
            "low": first[1].before * 100,
            "high": first[1].before * 100,
        },
    )
    base = alt.Chart(alt.InlineData(values)).encode(
        x=alt.X("round:O", title="round (the first point is the base)", axis=alt.Axis(labelAngle=0))
    )
    rate = alt.Y("rate:Q", title="held-out tasks proved, %", scale=alt.Scale(domain=[0, 100]))
    chart = (
        base.mark_rule(strokeWidth=7, opacity=0.35, color=TONE).encode(y="low:Q", y2="high:Q")
        + base.mark_line(strokeWidth=2, color=TONE).encode(y=rate)
        + base.mark_circle(size=90, opacity=1, color=TONE).encode(
            y=rate, tooltip=["round:O", alt.Tooltip("rate:Q", format=".1f")]
        )
    ).properties(height=260)
    told = ", ".join(f"round {n}: {page_percent(o.after)}" for n, o in points)
    st.altair_chart(chart, alt=f"Proved rate from round to round: {told}")


def page_percent(share: float) -> str:
    """Return a share in words for the chart's alternative text."""
    return f"{share * 100:.0f} percent"


def reliability_plot(bars: Sequence[tuple[float, float, int]]) -> None:
    """Draw observed against predicted pass rate (0 to 1), one point a bar, its size the count."""
    import altair as alt

    values = [{"predicted": p * 100, "observed": o * 100, "answers": n} for p, o, n in bars if n]
    ends = [{"predicted": 0, "observed": 0}, {"predicted": 100, "observed": 100}]
    scale = alt.Scale(domain=[0, 100])
    ideal = (
        alt.Chart(alt.InlineData(ends))
        .mark_line(strokeDash=[4, 4], opacity=0.6, color="gray")
        .encode(
            x=alt.X("predicted:Q", title="predicted pass rate, %", scale=scale),
            y=alt.Y("observed:Q", title="observed, %", scale=scale),
        )
    )
    points = (
        alt.Chart(alt.InlineData(values))
        .mark_circle(opacity=0.9, color=TONE)
        .encode(
            x=alt.X("predicted:Q", scale=scale),
            y=alt.Y("observed:Q", scale=scale),
            size=alt.Size("answers:Q", legend=None, scale=alt.Scale(range=[40, 500])),
            tooltip=["predicted:Q", "observed:Q", "answers:Q"],
        )
    )
    told = ", ".join(f"{p * 100:.0f} predicted {o * 100:.0f} observed" for p, o, n in bars if n)
    st.altair_chart((ideal + points).properties(height=280), alt=f"Reliability: {told} percent")


def threshold_curve(points: Sequence[tuple[float, float, float]], here: float) -> None:
    """Draw (threshold, quality, kept) over the thresholds, with a rule at ``here``."""
    import altair as alt

    values = [
        {"threshold": t, "share": share * 100, "what": what}
        for t, quality, kept in points
        for what, share in (("expected to pass", quality), ("answered by itself", kept))
    ]
    lines = (
        alt.Chart(alt.InlineData(values))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("threshold:Q", title="threshold τ"),
            y=alt.Y("share:Q", title="%", scale=alt.Scale(domain=[0, 100])),
            strokeDash=alt.StrokeDash("what:N", title=None, legend=alt.Legend(orient="top")),
            color=alt.Color(
                "what:N", title=None, scale=alt.Scale(range=[TONE, "#8d8a80"]), legend=None
            ),
        )
    )
    rule = alt.Chart(alt.InlineData([{"threshold": here}])).mark_rule(opacity=0.7, color="gray")
    told = ", ".join(f"at {t:.2f} {q * 100:.0f}" for t, q, _ in points[::5])
    st.altair_chart(
        (lines + rule.encode(x="threshold:Q")).properties(height=240),
        alt=f"Expected to pass by threshold, percent: {told}",
    )
