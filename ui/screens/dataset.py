"""Dataset: what will the student learn, and why is each row there?"""

from __future__ import annotations

import streamlit as st

from ui import data
from ui.widgets import dataset_rows, page, repeats, work
from ui.widgets.words import look
from workbench.store.views import datasets
from workbench.store.views.datasets import Snapshot

SIZE = 50
LARGEST_DOWNLOAD = 64 * 2**20
ORDER = ("tasks", "candidates", "verified", "trainable", "winners")


def show() -> None:
    """Draw one snapshot: checks, funnel, mix, duplicates, rows with their reasons, what to do."""
    page.heading("Dataset", "What will the student learn, and why is each row there?")
    every = data.read(datasets.snapshots) if data.trouble() is None else ()
    if not every:
        page.empty("No dataset was selected here yet.", "workbench", "demo")
        return
    found = _choose(every)
    _checks(found)
    _ready(found)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _funnel(found)
    with right:
        _mix(found)
    dataset_rows.removed(found)
    repeats.panel(found)
    dataset_rows.clusters(found)
    _rows(found)
    _without(found)
    _export(found)


def _ready(found: Snapshot) -> None:
    """Ask whether there is enough to train on, and offer to begin."""
    ask = ("workbench", "dataset", "readiness", found.id, "--json")
    begin = ("workbench", "dataset", "readiness", found.id, "--start", "--json")
    job = work.newest(ask)
    work.button("Is it ready to train on?", ask, icon=":material/checklist:")
    work.button(
        "Start training when ready",
        begin,
        icon=":material/model_training:",
        help="Trains this snapshot's round if nothing is missing; else it says what is.",
    )
    if job is not None and job.data is None:
        work.follow(ask, quiet=True)
    told = job.data if job is not None else None
    if isinstance(told, dict):
        if told.get("ready"):
            st.success("Nothing is missing.", icon=":material/check_circle:")
        else:
            st.info(" ".join(told.get("missing", ())), icon=":material/pending:")
    work.follow(begin)


FORMATS = (
    *("prompt-completion", "chat", "openai", "preference"),
    *("kto", "repair", "sharegpt", "alpaca"),
)


def _export(found: Snapshot) -> None:
    st.subheader("Take it elsewhere", anchor=False)
    form = st.selectbox(
        "Format", FORMATS, key="format", width=300, help="As trainers read it, row by row."
    )
    target = data.settings().home / "exports" / f"{found.id}-{form}.jsonl"
    command = ("workbench", "dataset", "export", found.id, "--format", form, "--out", str(target))
    work.button("Export", command, icon=":material/file_export:")
    job = work.follow(command)
    if job is not None and job.state == "done" and target.is_file():
        st.code(str(target), language=None, wrap_lines=True)
        if target.stat().st_size <= LARGEST_DOWNLOAD:
            st.download_button(
                "Download it",
                target.read_bytes,
                file_name=target.name,
                icon=":material/download:",
            )
    verify = ("workbench", "dataset", "verify", found.id, "--json")
    work.button(
        "Prove every row again",
        verify,
        icon=":material/fact_check:",
        help="Applies the recorded rule again and judges each row again.",
    )
    checked = work.follow(verify, quiet=True, well=("done", "no"))
    if checked is not None and isinstance(checked.data, dict):
        _verified(checked.data)


def _verified(told: dict[str, object]) -> None:
    """Say what proving the rows again came to."""
    again = told.get("proved_again")
    counts = again if isinstance(again, dict) else {}
    said = ", ".join(f"{n:,} {look(str(word)).text}" for word, n in counts.items())
    if told.get("ok"):
        st.success(f"The rows are what the rule gives. {said}", icon=":material/check_circle:")
        return
    problems = told.get("problems")
    st.error("The rows are not what they were.", icon=":material/error:")
    st.code("\n".join(map(str, problems[:20] if isinstance(problems, list) else [])), language=None)


def _choose(every: tuple[Snapshot, ...]) -> Snapshot:
    names = {s.id: s for s in every}
    labels = {s.id: f"{s.rows:,} rows · {s.id[:16]} · {page.ago(s.created_at)}" for s in every}
    return names[page.choose("Snapshot", labels, every[0].id, name="snapshot")]


def _checks(found: Snapshot) -> None:
    leaked = data.read(datasets.held_out_rows, found.id)
    repeated = data.read(datasets.same_code, found.id)
    twins = data.read(datasets.held_out_twins, found.id)
    rows, held, alike, same = page.tiles(4)
    rows.metric("Rows", f"{found.rows:,}", border=True)
    held.metric(
        "Held-out rows",
        f"{'✓' if leaked == 0 else '✗'} {leaked:,}",
        border=True,
        help="Anything but 0 would spoil the evaluation.",
    )
    alike.metric(
        "Twins of held-out tasks",
        f"{'✓' if twins == 0 else '✗'} {twins:,}",
        border=True,
        help="Rows that ask, letter by letter, what a held-out task asks under another id.",
    )
    same.metric(
        "Repeated code",
        f"{repeated:,}",
        border=True,
        help="Rows whose code is, letter by letter, that of another row.",
    )
    st.caption(
        f"Chosen by the rule {page.literal(found.rule)}. The rows never change; their SHA-256 is"
        f" {found.digest[:16]}…"
    )


def _funnel(found: Snapshot) -> None:
    st.subheader("How it came to these rows", anchor=False)
    steps = _steps(found.funnel)
    filters = dataset_rows.filters(found)
    steps += [(f"filter {one['rule']}", int(one["after"])) for one in filters]
    if steps:
        st.dataframe(
            [{"step": name, "left": number} for name, number in steps],
            hide_index=True,
            column_config={
                "left": st.column_config.ProgressColumn(
                    min_value=0, max_value=max(n for _, n in steps) or 1, format="%d"
                )
            },
            alt="How many answers were left after each step",
        )
    else:
        st.caption("The rule wrote down no steps.")


def _steps(funnel: object) -> list[tuple[str, int]]:
    """Return (step, left) of a funnel, written as a mapping or as a list of pairs."""
    pairs = funnel.items() if isinstance(funnel, dict) else funnel
    if not pairs:
        return []
    if isinstance(pairs, list) and pairs and isinstance(pairs[0], dict):
        pairs = [tuple(entry.values())[:2] for entry in pairs]
    steps = [
        (str(name).replace("_", " "), number)
        for name, number in pairs  # type: ignore[attr-defined]  # a list or items by now
        # What went is a number too, but nothing that is left.
        if isinstance(number, int) and name != "removed"
    ]
    # The store keeps a mapping sorted by name; the rule works in this order.
    return sorted(steps, key=lambda s: ORDER.index(s[0]) if s[0] in ORDER else len(ORDER))


def _mix(found: Snapshot) -> None:
    st.subheader("Where they come from", anchor=False)
    for column, by in zip(st.columns(2), ("source", "category"), strict=True):
        counts = data.read(datasets.mix, found.id, by)
        column.dataframe(
            [{by: name, "rows": n} for name, n in counts.items()],
            hide_index=True,
            column_config={
                "rows": st.column_config.ProgressColumn(
                    min_value=0, max_value=max(counts.values(), default=1), format="%d"
                )
            },
            alt=f"Rows by {by}",
        )


def _rows(found: Snapshot) -> None:
    st.subheader("Row by row", anchor=False)

    def _reset() -> None:
        st.session_state.page = 1

    left, right = st.columns([3, 2])
    search = left.text_input(
        "Search",
        key="search",
        type="search",
        bind="query-params",
        on_change=_reset,
        placeholder="id or words of the prompt",
    )
    source = right.selectbox(
        "Source",
        ["", *data.read(datasets.mix, found.id, "source")],
        format_func=lambda name: name or "every source",
        key="source",
        bind="query-params",
        on_change=_reset,
    )
    number = max(1, int(st.session_state.get("page", 1) or 1))
    listed, total = data.read(
        datasets.examples,
        found.id,
        source=source or "",
        search=(search or "").strip(),
        number=number,
        size=SIZE,
    )
    if not listed:
        st.info("No row fits these filters.")
        return
    event = st.dataframe(
        [
            {
                "row": e.position + 1,
                "task": e.task_id,
                "category": e.category,
                "source": e.source_id,
                "verdict": look(e.word).text,
                "score": e.score,
                "because": e.reason,
            }
            for e in listed
        ],
        hide_index=True,
        key=f"rows-{found.id}-{source}-{search}-{number}",
        on_select="rerun",
        selection_mode="single-cell",
        height=min(38 + 35 * len(listed), 460),
        column_config={
            "score": st.column_config.NumberColumn(format="%.3f"),
            "because": st.column_config.TextColumn(width="large"),
        },
        alt="The rows of this dataset with their reasons",
    )
    pages = -(-total // SIZE)
    if pages > 1:
        st.pagination(pages, key="page", bind="query-params")
    picked = event.selection.get("cells", [])
    if picked:
        dataset_rows.one(listed[picked[0][0]], found)


def _without(found: Snapshot) -> None:
    if found.round_id is None:
        return
    reasons = data.read(datasets.without_winner, found.round_id)
    if reasons:
        with st.expander(f"{page.plural(sum(n for _, n in reasons), 'task')} without a winner"):
            st.dataframe(
                [{"tasks": n, "because": reason} for reason, n in reasons],
                hide_index=True,
                alt="Why tasks have no winner",
            )


if __name__ == "__main__":
    show()
