"""The read models: what they count, how they page, and that PostgreSQL says the same as SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.ui.store_builder import build
from tests.workbench.store.test_postgres import pytestmark as needs_postgres
from tests.workbench.store.test_postgres import server  # noqa: F401 - a fixture
from workbench.settings import PartialSettings, load_settings
from workbench.stages.rounds import STAGES
from workbench.store import Store
from workbench.store.overrides import record_override
from workbench.store.tables import EventRow, LedgerRow
from workbench.store.views import (
    MOST_ROWS,
    answers,
    asking,
    certificates,
    contracts,
    data_version,
    datasets,
    leaderboard,
    live,
    matrix,
    overview,
    rounds,
    routes,
    serving,
    settled,
    students,
    traffic,
)
from workbench.store.views.matrix import Filter, Mode
from workbench.store.views.next_step import next_step


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with build(tmp_path / "home") as made:
        yield made


@pytest.fixture
def connection(store: Store) -> Iterator[Connection]:
    with store.engine.connect() as opened:
        yield opened


def everything(connection: Connection) -> dict[str, object]:
    """Call every view once; times are left out, since two stores are never made at once."""
    names = [s.id for s in matrix.sources(connection)]
    pages = {m.value: matrix.page(connection, Filter(mode=m), size=7) for m in Mode}
    return {
        "sources": names,
        "pages": pages,
        "search": matrix.page(connection, Filter(search="LARGEST", category="branches")),
        "totals": matrix.totals(connection, Filter()),
        "totals by mode": [matrix.totals(connection, Filter(mode=m)) for m in Mode],
        "some columns": matrix.totals(
            connection, Filter(mode=Mode.DIFFERENT, sources=("examples", "student:base"))
        ),
        "matching": [matrix.matching(connection, Filter(mode=m, split="eval")) for m in Mode],
        "one task": matrix.cells_of(connection, "clamp/00000"),
        "narrow versus": matrix.versus(
            connection, Filter(mode=Mode.REFUTED, category="lists"), "student:base"
        ),
        "versus": matrix.versus(connection, Filter(), "student:base"),
        "neighbours": matrix.neighbours(connection, Filter(mode=Mode.REFUTED), "clamp/00012"),
        "task": answers.task(connection, "clamp/00000"),
        "answers": [
            (g.source_id, g.word, g.code) for g in answers.answers(connection, "clamp/00000", names)
        ],
        "rounds": [(r.id, r.stage, r.promoted) for r in rounds.all_rounds(connection)],
        "outcome": rounds.outcome(connection, "r1"),
        "changes": rounds.changes(connection, "r1"),
        "flips": rounds.flips(connection, "r1", "fixed"),
        "all flips": rounds.flips(connection, "r1"),
        "categories": rounds.by_category(connection, "r1"),
        "losses": rounds.losses(connection, "r1"),
        "figures": overview.figures(connection),
        "troubles": [(t.message, t.times) for t in overview.troubles(connection)],
        "certificates": [c.state for c in certificates.certificates(connection)],
        "examples": datasets.examples(connection, "s1", source="synthesis", search="clamp"),
        "mix": datasets.mix(connection, "s1", "category"),
        "held out": datasets.held_out_rows(connection, "s1"),
        "same": datasets.same_code(connection, "s1"),
        "without": datasets.without_winner(connection, "r1"),
        "standings": leaderboard.standings(connection),
        "by category": leaderboard.by_category(connection),
        "agree": leaderboard.same_answer(connection),
        "sampled": leaderboard.compared_share(connection),
        "clusters": datasets.clusters(connection, "s1"),
        "twins": datasets.held_out_twins(connection, "s1"),
        "waiting": overview.waiting_tasks(connection),
        "contracts": contracts.counts(connection),
        "contract lines": [line.task_id for line in contracts.page(connection, "", "")[0]],
        "in use": students.in_use(connection).source_id,
        "adapters": [(a.id, a.before, a.after) for a in students.adapters(connection)],
        "served": serving.served(connection),
        "served counts": serving.served_counts(connection),
        "schedules": serving.schedules(connection),
        "attempts": serving.scheduled_runs(connection),
        "routed": routes.routed(connection),
        "choices": routes.choices(connection),
        "settled": settled.value(connection, "nothing"),
        "alerts": asking.alerts(connection),
        "circuits": asking.circuits(connection),
        "reliability": asking.reliability(connection),
        "speed": asking.speed(connection, "examples"),
        "traffic": [t.requests for t in traffic.traffic(connection)],
        "pieces": live.pieces(connection, "clamp/00000"),
        "next": next_step(connection, Path("home")),
    }


@needs_postgres
def test_postgresql_says_the_same(
    server: str,  # noqa: F811 - the fixture
    store: Store,
    tmp_path: Path,
) -> None:
    chosen = load_settings(tmp_path / "other", overrides=PartialSettings(database=server))
    with (
        build(chosen) as other,
        other.engine.connect() as there,
        store.engine.connect() as here,
    ):
        assert everything(there) == everything(here)
        assert len(data_version(there)) == len(data_version(here))


def test_stages_are_those_of_the_state_machine() -> None:
    assert rounds.STAGES == STAGES


def test_pages_follow_each_other_without_gap_or_overlap(connection: Connection) -> None:
    whole = [r.task_id for r in matrix.page(connection, Filter(), size=MOST_ROWS).rows]
    parts = [
        r.task_id
        for number in range(1, 8)
        for r in matrix.page(connection, Filter(), number=number, size=7).rows
    ]
    assert parts == whole


def test_a_page_past_the_end_still_knows_the_total(connection: Connection) -> None:
    assert matrix.page(connection, Filter(), number=99) == matrix.Page((), 48)


def test_no_view_hands_out_more_than_its_limit(tmp_path: Path) -> None:
    with build(tmp_path / "many", tasks=MOST_ROWS + 50) as store, store.engine.connect() as opened:
        page = matrix.page(opened, Filter(), size=10 * MOST_ROWS)
        assert len(page.rows) == MOST_ROWS
        assert page.total == MOST_ROWS + 50


def test_wildcards_of_sql_are_only_letters_in_a_search(connection: Connection) -> None:
    assert matrix.page(connection, Filter(search="cl%mp")).total == 0
    assert matrix.page(connection, Filter(search="clam_")).total == 0
    assert matrix.page(connection, Filter(search="'; DROP TABLE task; --")).total == 0
    assert matrix.page(connection, Filter(search="CLAMP/0000")).total == 3


def test_student_fails_means_the_newest_student(connection: Connection) -> None:
    found = matrix.page(connection, Filter(mode=Mode.STUDENT_FAILS))
    assert found.rows
    assert all(row.cells["student:r1"].word != "proved" for row in found.rows)
    assert found.total == 48 - matrix.totals(connection, Filter()).of("student:r1", "proved")


def test_neighbours_are_those_of_the_filtered_list(connection: Connection) -> None:
    wanted = Filter(mode=Mode.REFUTED)
    listed = [r.task_id for r in matrix.page(connection, wanted, size=100).rows]
    for before, here, after in zip(listed, listed[1:], listed[2:], strict=False):
        assert matrix.neighbours(connection, wanted, here) == (before, after)
    assert matrix.neighbours(connection, wanted, listed[0])[0] is None


def test_money_adds_up_exactly_and_unknown_prices_are_counted(store: Store) -> None:
    with store.write() as session:
        for cost in ("0.1", "0.2", "0.000000001", None):
            session.add(
                LedgerRow(run_id="x", provider="p", model="m", key="k", cost=cost, status="ok")
            )
    with store.engine.connect() as connection:
        found = overview.figures(connection)
    assert found.cost == Decimal("0.300000001")
    assert found.unpriced == 1


def test_the_version_moves_with_every_kind_of_news(store: Store) -> None:
    def version() -> tuple[int, ...]:
        with store.engine.connect() as connection:
            return data_version(connection)

    first = version()
    record_override(store, 1, "accept", reason="I looked.", author="me")
    second = version()
    with store.write() as session:
        session.add(EventRow(round_id="r2", stage="judge", kind="progress", done=62, total=160))
    assert len({first, second, version()}) == 3


def test_a_counterexample_reads_as_a_call(connection: Connection) -> None:
    found = answers.answers(connection, "clamp/00004", ["examples"])[0].finding
    assert found is not None
    assert found.counterexample is not None
    assert found.counterexample.call == "clamp(0, 1, 1)"
    assert found.counterexample.got == "returned 0"
    assert found.counterexample.asks == "the contract asks lo <= result <= hi"


def test_wilson_stays_within_a_share(connection: Connection) -> None:
    assert leaderboard.wilson(0, 0) == (0.0, 1.0)
    low, high = leaderboard.wilson(8, 10)
    assert low == pytest.approx(0.4902, abs=1e-4)
    assert high == pytest.approx(0.9433, abs=1e-4)
    for standing in leaderboard.standings(connection):
        assert 0 <= standing.low <= standing.share <= standing.high <= 1


def test_one_unknown_price_makes_a_cost_per_proof_unknown(store: Store) -> None:
    from sqlalchemy import text

    with store.write() as session:
        session.connection().execute(text("UPDATE answer SET cost = NULL WHERE id = 3"))
    with store.engine.connect() as connection:
        found = {s.source.id: s for s in leaderboard.standings(connection)}
    assert found["openai:gpt-5-mini"].cost_per_proof is None
    assert found["synthesis"].cost_per_proof == 0


def test_a_baseline_is_compared_within_the_filter(connection: Connection) -> None:
    every = matrix.versus(connection, Filter(), "student:base")
    assert set(every) == {"synthesis", "examples", "openai:gpt-5-mini", "student:r1"}
    parts = [
        matrix.versus(connection, Filter(category=name), "student:base")
        for name in matrix.categories(connection)
    ]
    for source, found in every.items():
        told = [part.get(source, (0, 0)) for part in parts]
        assert (sum(more for more, _ in told), sum(less for _, less in told)) == found
    narrow = Filter(mode=Mode.ERROR, sources=("synthesis",), category="lists")
    assert matrix.versus(connection, narrow, "student:base").get("synthesis", (0, 0)) == (0, 0)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_mode_counts_what_its_pages_show(connection: Connection, mode: Mode) -> None:
    for wanted in (Filter(mode=mode), Filter(mode=mode, category="lists", split="train")):
        found = matrix.page(connection, wanted, size=1_000)
        assert found.total == len(found.rows) == matrix.matching(connection, wanted)
        counted = matrix.totals(connection, wanted)
        assert matrix.summary(connection, wanted) == (found.total, counted)
        for source in matrix.sources(connection):
            shown = [r.cells[source.id].word for r in found.rows if source.id in r.cells]
            assert counted.words.get(source.id, {}) == {w: shown.count(w) for w in set(shown)}
