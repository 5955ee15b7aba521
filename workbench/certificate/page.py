"""The bundle's report.html: one page for people and for printing, without scripts or requests.

Everything a stranger wrote is escaped, and the page forbids scripts and loading by itself. Like
README.md it is generated from the statement and evidence, and a verifier renders it again.
"""

from __future__ import annotations

from html import escape

from workbench.certificate.card import (
    BASES,
    GENERATED,
    SIGNATURE_COMMANDS,
    VERIFY_COMMANDS,
    Shown,
    facts,
)
from workbench.certificate.statement import Predicate

__all__ = ["losses_of", "render_page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_SIGNATURE = "\n".join(SIGNATURE_COMMANDS)

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e26; --soft: #5c6070; --line: #d9dbe3; --paper: #fff;
  --accent: #0b6e4f; --bad: #a4262c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e9ee; --soft: #a2a6b5; --line: #363a47;
  --paper: #16181f; --accent: #59c9a0; --bad: #f08a8f; } }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --accent: #064; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 2.5rem 1.5rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p.lead { color: var(--soft); margin: 0 0 1.5rem; }
dl { display: grid; grid-template-columns: 11rem 1fr; gap: .35rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: 5rem 1fr 4rem; gap: .6rem; align-items: center; }
.bar { height: .7rem; background: var(--line); border-radius: 2px; }
.bar > i { display: block; height: 100%; background: var(--accent); border-radius: 2px; }
.groups { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1.2rem; }
.groups > div { border-top: 3px solid var(--line); padding-top: .5rem; }
.groups > div.recheckable { border-color: var(--accent); }
.groups > div.asserted { border-color: var(--bad); }
ul { padding-left: 1.1rem; margin: .4rem 0; } li { margin: .2rem 0; }
pre { background: color-mix(in srgb, var(--line) 35%, transparent); padding: .6rem .8rem;
  border-radius: 4px; overflow-x: auto; font-size: .85rem; margin: .3rem 0 .8rem; }
svg { width: 100%; height: 9rem; } svg polyline { fill: none; stroke: var(--accent);
  stroke-width: 1.5; vector-effect: non-scaling-stroke; }
small { color: var(--soft); }
"""


def render_page(body: Predicate, evidence: Shown) -> str:
    """Return the page."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Distillation certificate, round {body.round.number}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>Distillation certificate, round {body.round.number}</h1>",
        f'<p class="lead">{escape(evidence.round.base_model)} and what it learned</p>',
        "<dl>",
        *(f"<dt>{escape(n)}</dt><dd>{escape(text)}</dd>" for n, text in facts(body)),
        "</dl>",
        *_pairs(body),
        *_curve(evidence),
        "<h2>What is claimed, and what it rests on</h2>",
        *_groups(body),
        "<h2>Check it</h2>",
        *(
            f"<div>{escape(w)}</div><pre>{escape(c)}</pre>"
            for w, c in (*VERIFY_COMMANDS, ("The signature, with OpenSSL alone", _SIGNATURE))
        ),
        "<h2>What this does not say</h2><ul>",
        *(f"<li>{escape(limit)}</li>" for limit in body.limits),
        f"</ul><small>{GENERATED}</small>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _pairs(body: Predicate) -> list[str]:
    total = body.evaluation.total
    if not total:
        return []
    rows = ["<h2>Held-out tasks proved</h2>"]
    for name, passed in (
        ("before", body.evaluation.base_passed),
        ("after", body.evaluation.student_passed),
    ):
        share = 100 * passed / total
        rows.append(
            f'<div class="pair"><span>{name}</span>'
            f'<span class="bar"><i style="width:{share:.1f}%"></i></span>'
            f"<span>{share:.1f} %</span></div>"
        )
    return rows


def losses_of(evidence: Shown) -> list[float]:
    """Return the recorded training losses, or nothing where they cannot be drawn."""
    losses: list[float] = []
    for text in evidence.training.losses if evidence.training is not None else ():
        try:
            losses.append(float(text))
        except ValueError:
            return []
    drawable = len(losses) > 1 and all(0 <= loss < 1e6 for loss in losses)
    return losses if drawable else []


def _curve(evidence: Shown) -> list[str]:
    """Draw the training loss by step, where the record has one that can be drawn."""
    losses = losses_of(evidence)
    if not losses:
        return []
    top = max(losses) or 1.0
    points = " ".join(
        f"{100 * i / (len(losses) - 1):.2f},{100 - 100 * loss / top:.2f}"
        for i, loss in enumerate(losses)
    )
    caption = f"{losses[0]:.3f} at the first step shown, {losses[-1]:.3f} at the last"
    return [
        "<h2>Learning curve</h2>",
        f'<svg viewBox="0 -2 100 104" preserveAspectRatio="none" role="img" '
        f'aria-label="Training loss: {caption}"><polyline points="{points}"/></svg>',
        f"<small>Training loss: {caption}.</small>",
    ]


def _groups(body: Predicate) -> list[str]:
    rows = ['<div class="groups">']
    for basis, explanation in BASES.items():
        claims = [claim for claim in body.claims if claim.basis == basis]
        rows.append(f'<div class="{basis}"><strong>{basis}</strong>')
        rows.append(f"<div><small>{escape(explanation)}</small></div><ul>")
        rows += [f"<li>{escape(claim.text)}</li>" for claim in claims]
        rows.append("</ul></div>")
    rows.append("</div>")
    return rows
