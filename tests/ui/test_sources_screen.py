"""Sources: pauses, alerts, reliability and what a threshold on confidence would do."""

from __future__ import annotations

from pathlib import Path

from tests.ui.conftest import Open
from tests.ui.reading import codes, said
from workbench.store import Store
from workbench.store.tables import AlertRow, CircuitRow, ReliabilityRow, now


def test_sources_show_pauses_alerts_and_what_a_threshold_would_do(
    visit: Open, writable: Path
) -> None:
    with Store.open(writable) as store, store.write() as session:
        session.add(
            CircuitRow(
                provider="openai", kind="server", failures=5, opened_at=now(), message="503, again"
            )
        )
        session.add(
            AlertRow(
                kind="quality", subject="student", message="It proves less.", value=0.2,
                objective=0.5,
            )
        )  # fmt: skip
        for n, (predicted, observed) in enumerate(((0.2, 0.1), (0.9, 0.8))):
            session.add(
                ReliabilityRow(
                    fit_id="f", source_id="student:r1", category="", low=n / 2, high=n / 2 + 0.5,
                    count=50, predicted=predicted, observed=observed,
                )
            )  # fmt: skip
    app = visit(writable, "sources", tau="0.5")
    assert not app.exception
    assert "503, again" in said(app)
    assert "It proves less" in app.warning[0].value
    assert {m.label: m.value for m in app.metric}["Answered by itself"] == "50 %"
    assert "error 10.0 points" in said(app)


def test_sources_without_a_calibration_name_the_command(visit: Open, filled: Path) -> None:
    assert "workbench route calibrate" in codes(visit(filled, "sources"))
