"""The dashboard's entry: the menu and the frame around every screen.

Run it with ``workbench ui``. It shows what is in the store and starts jobs as processes of their
own; it computes nothing and holds nothing that a reload could lose.
"""

from __future__ import annotations

import streamlit as st

from ui import links
from ui.widgets.page import STYLE

# A picture in the page itself: a named icon would be fetched from a server on the internet.
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='7' fill='%2327548a'/%3E"
    "%3Cpath d='M8 17l6 6L25 10' fill='none' stroke='%23fcfbf8' stroke-width='4'/%3E%3C/svg%3E"
)

MENU = {
    "Results": (
        (links.OVERVIEW, "Overview", ":material/home:"),
        (links.MATRIX, "Matrix", ":material/grid_on:"),
        (links.COMPARE, "Compare", ":material/compare_arrows:"),
        (links.PROOF, "Proof", ":material/verified:"),
        (links.CONTRACTS, "Contracts", ":material/gavel:"),
    ),
    "Learning": (
        (links.DATASET, "Dataset", ":material/table_rows:"),
        (links.TRAIN, "Train", ":material/model_training:"),
        (links.ROUNDS, "Rounds", ":material/trending_up:"),
        (links.STUDENT, "Student", ":material/school:"),
        (links.SOURCES, "Sources", ":material/groups:"),
    ),
    "Trust and operation": (
        (links.CERTIFICATES, "Certificates", ":material/workspace_premium:"),
        (links.RUNS, "Runs", ":material/play_circle:"),
        (links.DOCTOR, "Doctor", ":material/stethoscope:"),
    ),
}


def main() -> None:
    """Draw the frame and run the screen that the address names."""
    st.set_page_config(
        page_title="Workbench",
        page_icon=ICON,
        layout="wide",
        initial_sidebar_state=230,
    )
    st.html(STYLE)
    pages = {
        section: [
            st.Page(
                path,
                title=title,
                icon=icon,
                url_path="" if path == links.OVERVIEW else title.lower(),
                default=path == links.OVERVIEW,
            )
            for path, title, icon in entries
        ]
        for section, entries in MENU.items()
    }
    st.navigation(pages).run()


if __name__ == "__main__":
    main()
