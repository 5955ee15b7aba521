"""A verified certificate on one page of paper: figures, learning curve, claims, how to check.

It is drawn from what a verification found, after it passed, and is no part of the bundle: paper
proves nothing, it says where the proof lies. Drawn by fpdf2 (the extra ``certificate``) in the
fonts that every reader of PDF has; characters outside Latin-1 are written as their code points.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.certificate.card import BASES, VERIFY_COMMANDS, Shown, facts
from workbench.certificate.errors import CertificateError
from workbench.certificate.page import losses_of
from workbench.certificate.report import Report

if TYPE_CHECKING:
    from fpdf import FPDF

__all__ = ["render_pdf"]

_MARGIN = 14.0
_WIDTH = 210.0 - 2 * _MARGIN
_INK, _SOFT, _LINE = (28, 30, 38), (92, 96, 112), (217, 219, 227)
_ACCENT = (11, 110, 79)
_COLOURS = {"recheckable": _ACCENT, "reproducible": (120, 120, 130), "asserted": (164, 38, 44)}
_MOST_LIMITS = 6


def render_pdf(report: Report, evidence: Shown) -> bytes:
    """Return the page of a bundle that passed; the same bytes for the same certificate."""
    if report.failed or report.statement is None or report.certificate_id is None:
        raise CertificateError("not-verified", "only a bundle that verifies is put on paper")
    try:
        from fpdf import FPDF
    except ModuleNotFoundError:
        raise CertificateError(
            "unsupported", "PDF needs fpdf2: pip install 'distillation-workbench[certificate]'"
        ) from None
    sheet = _Sheet(FPDF(format="A4"))
    body = report.statement.predicate
    sheet.begin(f"Distillation certificate, round {body.round.number}", body.round.issued_at)
    sheet.title(f"Distillation certificate, round {body.round.number}")
    sheet.text(f"{evidence.round.base_model} and what it learned", colour=_SOFT)
    sheet.facts(facts(body))
    evaluation = body.evaluation
    if evaluation.total:
        sheet.heading("Held-out tasks proved")
        sheet.bar("before", evaluation.base_passed, evaluation.total)
        sheet.bar("after", evaluation.student_passed, evaluation.total)
    losses = losses_of(evidence)
    if losses:
        sheet.heading("Learning curve")
        sheet.curve(losses)
    sheet.heading("What is claimed, and what it rests on")
    sheet.groups(
        [(b, why, [c.text for c in body.claims if c.basis == b]) for b, why in BASES.items()]
    )
    sheet.heading("Check it")
    for what, command in VERIFY_COMMANDS:
        sheet.command(what, command)
    sheet.heading("What this does not say")
    sheet.points(list(body.limits[:_MOST_LIMITS]))
    if len(body.limits) > _MOST_LIMITS:
        sheet.text(f"and {len(body.limits) - _MOST_LIMITS} more sentences in certificate.json")
    sheet.foot(report)
    return bytes(sheet.pdf.output())


class _Sheet:
    """One A4 page that is filled from the top; millimetres throughout."""

    def __init__(self, pdf: FPDF) -> None:
        self.pdf: Any = pdf

    def begin(self, title: str, issued: str) -> None:
        pdf = self.pdf
        pdf.set_title(_latin(title))
        pdf.set_creation_date(datetime.fromisoformat(issued))
        pdf.set_margins(_MARGIN, 12)
        pdf.c_margin = 0
        pdf.set_auto_page_break(True, 10)
        pdf.add_page()

    def title(self, text: str) -> None:
        self._font(15, "B")
        self._lines(text, 7)

    def heading(self, text: str) -> None:
        self.pdf.ln(1.6)
        self._font(9.5, "B")
        self._lines(text, 5)

    def text(self, text: str, colour: tuple[int, int, int] = _INK) -> None:
        self._font(8, colour=colour)
        self._lines(text, 4)

    def facts(self, rows: list[tuple[str, str]]) -> None:
        self.pdf.ln(1)
        for name, text in rows:
            self._font(7.6, colour=_SOFT)
            self.pdf.cell(34, 3.8, _latin(name))
            self._font(7.6)
            self._lines(text, 3.8, _WIDTH - 34)

    def bar(self, name: str, passed: int, total: int) -> None:
        pdf, share = self.pdf, passed / total
        self._font(7.6)
        pdf.cell(16, 4, _latin(name))
        x, y, long = pdf.get_x(), pdf.get_y() + 0.9, _WIDTH - 32
        pdf.set_fill_color(*_LINE)
        pdf.rect(x, y, long, 2.2, "F")
        pdf.set_fill_color(*_ACCENT)
        pdf.rect(x, y, long * share, 2.2, "F")
        pdf.set_x(x + long)
        pdf.cell(16, 4, f"{100 * share:.1f} %", align="R", new_x="LMARGIN", new_y="NEXT")

    def curve(self, losses: list[float]) -> None:
        pdf, high = self.pdf, 20.0
        x, y, top = pdf.get_x(), pdf.get_y() + 0.5, max(losses) or 1.0
        pdf.set_draw_color(*_LINE)
        pdf.line(x, y + high, x + _WIDTH, y + high)
        pdf.set_draw_color(*_ACCENT)
        pdf.set_line_width(0.35)
        step = _WIDTH / (len(losses) - 1)
        pdf.polyline([(x + i * step, y + high * (1 - v / top)) for i, v in enumerate(losses)])
        pdf.set_line_width(0.2)
        pdf.set_y(y + high + 0.5)
        self.text(
            f"Training loss: {losses[0]:.3f} at the first step shown, {losses[-1]:.3f} at the "
            "last; the base line is zero.",
            _SOFT,
        )

    def groups(self, groups: list[tuple[str, str, list[str]]]) -> None:
        pdf = self.pdf
        gap, top, page = 4.0, pdf.get_y() + 1, pdf.page
        wide = (_WIDTH - gap * (len(groups) - 1)) / len(groups)
        bottom = top
        for number, (name, why, claims) in enumerate(groups):
            x = _MARGIN + number * (wide + gap)
            pdf.set_draw_color(*_COLOURS[name])
            pdf.set_line_width(0.7)
            pdf.line(x, top, x + wide, top)
            pdf.set_line_width(0.2)
            pdf.set_xy(x, top + 0.8)
            self._font(8, "B")
            self._lines(name, 4, wide, x)
            self._font(6.8, colour=_SOFT)
            self._lines(why, 3.1, wide, x)
            self._font(6.8)
            for claim in claims:
                self._lines("- " + claim, 3.1, wide, x)
            bottom = max(bottom, pdf.get_y()) if pdf.page == page else pdf.get_y()
        pdf.set_xy(_MARGIN, bottom)

    def command(self, what: str, command: str) -> None:
        self._font(7.2, colour=_SOFT)
        self._lines(what + ":", 3.5)
        self.pdf.set_font("Courier", "", 7.4)
        self.pdf.set_text_color(*_INK)
        self._lines("  " + command, 3.6)

    def points(self, sentences: list[str]) -> None:
        self._font(7.2)
        for sentence in sentences:
            self._lines("- " + sentence, 3.4)

    def foot(self, report: Report) -> None:
        self.pdf.ln(1.5)
        self.pdf.set_draw_color(*_LINE)
        self.pdf.line(_MARGIN, self.pdf.get_y(), _MARGIN + _WIDTH, self.pdf.get_y())
        self.pdf.ln(1)
        self._font(6.6, colour=_SOFT)
        self._lines(f"Certificate {report.certificate_id}", 3.1)
        for keyid in report.keyids:
            self._lines(f"Signed by key {keyid}", 3.1)
        self._lines(f"{report.sentence} Paper proves nothing: check the folder.", 3.1)

    def _font(self, size: float, style: str = "", colour: tuple[int, int, int] = _INK) -> None:
        self.pdf.set_font("Helvetica", style, size)
        self.pdf.set_text_color(*colour)

    def _lines(self, text: str, high: float, wide: float = _WIDTH, x: float | None = None) -> None:
        if x is not None:
            self.pdf.set_x(x)
        self.pdf.multi_cell(wide, high, _latin(text), new_x="LMARGIN", new_y="NEXT", align="L")


def _latin(text: str) -> str:
    """Return one line that the built-in fonts can write."""
    flat = " ".join(text.split())
    shown = "".join(c if c.isprintable() else " " for c in flat)
    lead = len(text) - len(text.lstrip(" "))
    return " " * lead + shown.encode("latin-1", "backslashreplace").decode("latin-1")
