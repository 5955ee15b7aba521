"""Put a trained student in use by a person's word, with a reason that is kept beside the gate's."""

from __future__ import annotations

import streamlit as st

from ui.widgets import page, work


def put_in_use(round_id: str, *, held_back: bool) -> None:
    """Offer to put the student of a gated round in use; ``held_back`` if the gate said no."""
    label = "Promote it despite the gate" if held_back else "Put it in use again"
    with st.popover(label, icon=":material/gavel:", type="tertiary"):
        reason = st.text_input("Reason", key=f"despite-{round_id}")
        if not reason.strip():
            st.caption("A reason is needed; it is kept beside the gate's decision.")
            page.shell("workbench", "promote", round_id, "--override", "…")
            return
        command = ("workbench", "promote", round_id, "--override", reason.strip(), "--json")
        work.button(
            "Promote it" if held_back else "Put it in use",
            command,
            icon=":material/vertical_align_top:",
        )
        work.follow(command)
