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
