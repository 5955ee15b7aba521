"""How good and how dear each source is: proofs, cost per proof, seconds, by category."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from workbench.store.views import matrix
from workbench.store.views.matrix import NEWEST, VERDICT, cells
from workbench.store.views.reading import count, rows


@dataclass(frozen=True, slots=True)
class Standing:
    """One source over every task that it answered; ``low`` and ``high`` bound the proved share.

    The interval is Wilson's, 95 %. ``unpriced`` answers have no known price, so that
    ``cost_per_proof`` is None when there are any: a sum with unknown parts is not a sum.
    """

    source: matrix.Source
    policy: str
    answered: int
    proved: int
    refuted: int
    low: float
    high: float
    cost: Decimal
    unpriced: int
    median_seconds: float
    slow_seconds: float
    """The 95th percentile of the seconds an answer took."""

    @property
    def share(self) -> float:
        """The share of answered tasks with a proof."""
        return self.proved / self.answered if self.answered else 0.0

    @property
    def cost_per_proof(self) -> Decimal | None:
        """US dollars per proved answer, or None where it cannot be said."""
        return None if self.unpriced or not self.proved else self.cost / self.proved


def wilson(right: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (E. B. Wilson, JASA 22, 1927)."""
    from distill.interval import share_interval

    return share_interval(right / total if total else 0.0, total)


def standings(connection: Connection) -> tuple[Standing, ...]:
    """Return every source that answered, the best first."""
    sources = list(matrix.sources(connection))
    totals = matrix.totals(connection, matrix.Filter())
    found = [_standing(connection, s, totals) for s in sources if totals.answered(s.id)]
    return tuple(sorted(found, key=lambda s: (-s.share, s.source.id)))


def _standing(connection: Connection, source: matrix.Source, totals: matrix.Totals) -> Standing:
    answered, proved = totals.answered(source.id), totals.of(source.id, "proved")
    low, high = wilson(proved, answered)
    nano = "CAST(round(CAST(cost AS NUMERIC) * 1000000000) AS BIGINT)"
    paid = rows(
        connection,
        f"SELECT sum({nano}) AS total, count(*) FILTER (WHERE cost IS NULL) AS unpriced,"
        " (SELECT training_policy FROM source WHERE id = :source) AS policy"
        " FROM answer WHERE source_id = :source",
        source=source.id,
    )[0]
    return Standing(
        source,
        paid["policy"],
        answered,
        proved,
        totals.of(source.id, "refuted"),
        low,
        high,
        Decimal(int(paid["total"] or 0)).scaleb(-9),
        int(paid["unpriced"]),
        _percentile(connection, source.id, answered, 0.5),
        _percentile(connection, source.id, answered, 0.95),
    )


def _percentile(connection: Connection, source: str, answered: int, share: float) -> float:
    found = rows(
        connection,
        "SELECT seconds FROM answer WHERE source_id = :source ORDER BY seconds"
        " LIMIT 1 OFFSET :skip",
        source=source,
        skip=min(answered - 1, int(answered * share)),
    )
    return float(found[0]["seconds"]) if found else 0.0


def by_category(connection: Connection) -> tuple[tuple[str, str, int, int], ...]:
    """Return (source, category, answered, proved) for every pair that occurs."""
    names = [s.id for s in matrix.sources(connection)]
    if not names:
        return ()
    # Left to itself SQLite looks up the whole task, prompt and all, for its category.
    narrow = "INDEXED BY ix_task_facts" if connection.dialect.name == "sqlite" else ""
    found = rows(
        connection,
        f"""SELECT c.source_id AS source_id, t.category AS category, count(*) AS answered,
            count(*) FILTER (WHERE c.word = 'proved') AS proved
        FROM ({cells(connection)}) c JOIN task t {narrow} ON t.id = c.task_id
        GROUP BY c.source_id, t.category ORDER BY c.source_id, t.category""",
        sources=names,
    )
    return tuple((r["source_id"], r["category"], r["answered"], r["proved"]) for r in found)


MOST_COMPARED = 20_000
"""Tasks on which agreement is counted; of more a sample is enough (within a point at 95 %)."""
_SAMPLE = """AND task_id IN (SELECT t.id FROM task t
    WHERE ((t.rowid * 2654435761) % 1000003) % :every = 0)"""


def compared_share(connection: Connection) -> int:
    """Return n where :func:`same_answer` looks at one task in n; 1 when it looks at all."""
    if connection.dialect.name != "sqlite":
        return 1
    return max(1, count(connection, "SELECT count(*) AS n FROM task") // MOST_COMPARED)


def same_answer(connection: Connection) -> dict[tuple[str, str], tuple[int, int]]:
    """Return for two sources (tasks both answered with code, the same code or both proved).

    Of very many tasks a fixed sample is compared; see :func:`compared_share`.
    """
    every = compared_share(connection)
    names = [s.id for s in matrix.sources(connection)]
    if len(names) < 2:
        return {}
    kept = connection.dialect.name == "sqlite"
    derived = f"""SELECT a.task_id, a.source_id, a.candidate_id, v.verdict AS word
            FROM ({NEWEST}) n JOIN answer a ON a.id = n.id {VERDICT}
            WHERE a.candidate_id IS NOT NULL"""
    whole = (
        "SELECT task_id, source_id, candidate_id, word FROM cell"
        f" WHERE candidate_id IS NOT NULL AND source_id IN :sources {_SAMPLE if every > 1 else ''}"
    )
    found = rows(
        connection,
        f"""WITH found AS ({whole if kept else derived})
        SELECT a.source_id AS one, b.source_id AS other, count(*) AS n,
            count(*) FILTER (WHERE a.candidate_id = b.candidate_id
                OR (a.word = 'proved' AND b.word = 'proved')) AS same
        FROM found a JOIN found b ON a.task_id = b.task_id AND a.source_id < b.source_id
        GROUP BY a.source_id, b.source_id""",
        sources=names,
        **({"every": every} if every > 1 else {}),
    )
    return {(r["one"], r["other"]): (r["n"], r["same"]) for r in found}
