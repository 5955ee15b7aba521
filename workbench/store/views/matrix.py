"""Who solved what: tasks down, sources across, and one word for each answer.

A cell is the newest answer of a source to a task and the newest verdict on its code. Filtering and
paging happen in SQL, so a page costs the same to ship whether the store holds a hundred answers or
a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy import Connection

from workbench.store.views.reading import count, like, one, rows


class Mode(StrEnum):
    """Which tasks the matrix shows."""

    ALL = "all"
    DIFFERENT = "different"
    """The sources' words are not all the same."""
    STUDENT_FAILS = "student fails"
    """The newest student answered and has no proof."""
    REFUTED = "refuted"
    UNKNOWN = "unknown"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Source:
    """A column: a teacher, or a student at some round."""

    id: str
    kind: str
    provider: str
    model: str
    local: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """The newest answer of one source to one task.

    ``word`` is a verdict's word, ``pending`` for code not judged yet, ``no_code``, or the reason
    why the answer ended early (``length``, ``refusal``, ``filtered``, ``cannot``, ``failed``).
    """

    answer_id: int
    word: str
    attempt: int
    verdict_id: int | None
    override: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One task with its cells, by source id; a source that was not asked has no cell."""

    task_id: str
    prompt: str
    category: str
    split: str
    cells: dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Filter:
    """What narrows the matrix down; ``sources`` are the columns, empty for all of them."""

    mode: Mode = Mode.ALL
    search: str = ""
    category: str = ""
    split: str = ""
    sources: tuple[str, ...] = ()
    student: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the matrix and how many tasks the filter lets through."""

    rows: tuple[Row, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The pinned row: per source, how many answers have which word."""

    words: dict[str, dict[str, int]] = field(default_factory=dict)

    def of(self, source: str, word: str) -> int:
        """Return how many answers of ``source`` have ``word``."""
        return self.words.get(source, {}).get(word, 0)

    def answered(self, source: str) -> int:
        """Return how many tasks ``source`` answered."""
        return sum(self.words.get(source, {}).values())

    def less(self, others: Totals) -> Totals:
        """Return these without ``others``, which are part of them."""
        return Totals(
            {
                source: {w: n - k for w, n in words.items() if n > (k := others.of(source, w))}
                for source, words in self.words.items()
            }
        )


WORD = """CASE WHEN v.verdict IS NOT NULL THEN v.verdict
     WHEN a.candidate_id IS NOT NULL THEN 'pending'
     WHEN a.finish = 'stop' THEN 'no_code' ELSE a.finish END"""

# The unique index of answer (source, task, ...) covers the grouping; that of verdict
# (candidate, task, identity) serves the lookup of the newest verdict.
NEWEST = """SELECT task_id, source_id, max(id) AS id FROM answer
    WHERE source_id IN :sources GROUP BY source_id, task_id"""
VERDICT = """LEFT JOIN verdict v ON v.id = (SELECT max(w.id) FROM verdict w
    WHERE w.candidate_id = a.candidate_id AND w.task_id = a.task_id)"""
CELLS = f"""SELECT a.task_id AS task_id, a.source_id AS source_id, {WORD} AS word
    FROM ({NEWEST}) n JOIN answer a ON a.id = n.id {VERDICT}"""

KEPT = "SELECT task_id, source_id, word FROM cell WHERE source_id IN :sources"


def _kept(connection: Connection) -> bool:
    """Whether triggers keep the table ``cell`` here; elsewhere its rows are derived."""
    return connection.dialect.name == "sqlite"


def cells(connection: Connection) -> str:
    """Return SQL for (task_id, source_id, word) of the sources asked: kept ones where they are."""
    return KEPT if _kept(connection) else CELLS


_ONE_WORD = {
    Mode.STUDENT_FAILS: "c.source_id = :student AND c.word <> 'proved'",
    Mode.REFUTED: "c.word = 'refuted'",
    Mode.UNKNOWN: "c.word = 'unknown'",
    Mode.ERROR: "c.word IN ('error', 'failed')",
}
_DIFFERENT = "GROUP BY c.task_id HAVING min(c.word) <> max(c.word)"
_SAME = _DIFFERENT.replace("<>", "=")


def sources(connection: Connection) -> tuple[Source, ...]:
    """Return every source: teachers first, then students from the base to the newest."""
    found = rows(
        connection,
        "SELECT id, kind, provider, model, local FROM source"
        " ORDER BY CASE kind WHEN 'teacher' THEN 0 ELSE 1 END, created_at, id",
    )
    return tuple(
        Source(r["id"], r["kind"], r["provider"], r["model"], bool(r["local"])) for r in found
    )


def newest_student(connection: Connection) -> str | None:
    """Return the student that the newest evaluated round made, else the newest student."""
    found = one(
        connection,
        "SELECT student_source_id AS id FROM round WHERE student_source_id IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM answer WHERE source_id = student_source_id)"
        " ORDER BY number DESC LIMIT 1",
    ) or one(
        connection,
        "SELECT id FROM source WHERE kind = 'student' ORDER BY created_at DESC, id DESC LIMIT 1",
    )
    return found["id"] if found else None


def categories(connection: Connection) -> tuple[str, ...]:
    """Return the tasks' categories, sorted."""
    found = rows(connection, "SELECT DISTINCT category FROM task ORDER BY category")
    return tuple(r["category"] for r in found)


def _columns(connection: Connection, wanted: Filter) -> list[str]:
    return list(wanted.sources) or [s.id for s in sources(connection)]


def _matching(connection: Connection, wanted: Filter) -> tuple[str, dict[str, object]]:
    """Return SQL that selects the ids of the tasks that ``wanted`` lets through, and its values."""
    clauses, values = ["1 = 1"], dict[str, object]()
    if wanted.category:
        clauses.append("t.category = :category")
        values["category"] = wanted.category
    if wanted.split:
        clauses.append("t.split = :split")
        values["split"] = wanted.split
    if wanted.search:
        clauses.append(
            "(lower(t.id) LIKE :search ESCAPE '\\' OR lower(t.prompt) LIKE :search ESCAPE '\\')"
        )
        values["search"] = like(wanted.search)
    if wanted.mode is Mode.ALL:
        return f"SELECT t.id AS id FROM task t WHERE {' AND '.join(clauses)}", values
    found, more = _of_mode(connection, wanted)
    values.update(more)
    if len(clauses) == 1:
        return found, values
    clauses.append(f"t.id IN ({found})")
    return f"SELECT t.id AS id FROM task t WHERE {' AND '.join(clauses)}", values


def _of_mode(connection: Connection, wanted: Filter) -> tuple[str, dict[str, object]]:
    """Return SQL for the tasks (``id``) of a mode other than ``ALL``, whatever else is wanted."""
    values: dict[str, object] = {}
    found = "cell" if _kept(connection) else f"({CELLS})"
    clauses = []
    if wanted.sources or not _kept(connection):
        values["sources"] = _columns(connection, wanted)
        clauses += ["c.source_id IN :sources"]
    if wanted.mode is Mode.DIFFERENT:
        where = f"WHERE {clauses[0]}" if clauses else ""
        return f"SELECT c.task_id AS id FROM {found} c {where} {_DIFFERENT}", values
    if wanted.mode is Mode.STUDENT_FAILS:
        values["student"] = wanted.student or newest_student(connection) or ""
    clauses.append(_ONE_WORD[wanted.mode])
    return f"SELECT DISTINCT c.task_id AS id FROM {found} c WHERE {' AND '.join(clauses)}", values


def matching(connection: Connection, wanted: Filter) -> int:
    """Return how many tasks ``wanted`` lets through."""
    found, values = _matching(connection, wanted)
    return count(connection, f"SELECT count(*) AS n FROM ({found}) m", **values)


def page(
    connection: Connection,
    wanted: Filter,
    *,
    number: int = 1,
    size: int = 50,
    total: int | None = None,
) -> Page:
    """Return page ``number`` (from 1) of ``size`` tasks; a number past the end gives no rows.

    Whoever knows the ``total`` gives it along, so that turning a page counts nothing again.
    """
    found, values = _matching(connection, wanted)
    tasks = rows(
        connection,
        "SELECT p.id AS id, substr(t.prompt, 1, 300) AS prompt, t.category AS category,"
        f" t.split AS split FROM ({found} ORDER BY id LIMIT :size OFFSET :skip) p"
        " JOIN task t ON t.id = p.id ORDER BY p.id",
        size=size,
        skip=(number - 1) * size,
        **values,
    )
    cells = _cells(connection, [t["id"] for t in tasks], _columns(connection, wanted))
    return Page(
        tuple(
            Row(t["id"], t["prompt"], t["category"], t["split"], cells.get(t["id"], {}))
            for t in tasks
        ),
        matching(connection, wanted) if total is None else total,
    )


def cells_of(connection: Connection, task_id: str) -> dict[str, Cell]:
    """Return who answered a task, by source id, with the word of the newest answer."""
    return _cells(connection, [task_id], [s.id for s in sources(connection)]).get(task_id, {})


def _cells(
    connection: Connection, tasks: Sequence[str], columns: Sequence[str]
) -> dict[str, dict[str, Cell]]:
    """Return the cells of some tasks, by task and source. ``tasks`` is one page at most."""
    cells: dict[str, dict[str, Cell]] = {}
    if not tasks or not columns:
        return cells
    for source in columns:
        found = rows(
            connection,
            f"""SELECT a.id AS answer_id, a.task_id AS task_id, a.attempt AS attempt,
                v.id AS verdict_id, {WORD} AS word,
                (SELECT o.decision FROM "override" o WHERE o.verdict_id = v.id
                 ORDER BY o.id DESC LIMIT 1) AS decision
            FROM (SELECT task_id, max(id) AS id FROM answer
                  WHERE source_id = :source AND task_id IN :tasks GROUP BY task_id) n
            JOIN answer a ON a.id = n.id {VERDICT}""",
            source=source,
            tasks=list(tasks),
        )
        for r in found:
            decision = None if r["decision"] == "clear" else r["decision"]
            cells.setdefault(r["task_id"], {})[source] = Cell(
                r["answer_id"], r["word"], r["attempt"], r["verdict_id"], decision
            )
    return cells


def totals(connection: Connection, wanted: Filter) -> Totals:
    """Return the pinned row over every task that ``wanted`` lets through."""
    columns = _columns(connection, wanted)
    if not columns:
        return Totals()
    if wanted.mode is Mode.DIFFERENT and _kept(connection):
        return _different_totals(connection, wanted)
    found, values = _matching(connection, wanted)
    narrowed = "" if found.endswith("WHERE 1 = 1") else f"WHERE c.task_id IN ({found})"
    return _counted(connection, columns, narrowed, values)


def _counted(
    connection: Connection, columns: list[str], narrowed: str, values: dict[str, object]
) -> Totals:
    words: dict[str, dict[str, int]] = {}
    for r in rows(
        connection,
        "SELECT c.source_id AS source_id, c.word AS word, count(*) AS n"
        f" FROM ({cells(connection)}) c {narrowed} GROUP BY c.source_id, c.word",
        **{**values, "sources": columns},
    ):
        words.setdefault(r["source_id"], {})[r["word"]] = r["n"]
    return Totals(words)


def _different_totals(connection: Connection, wanted: Filter) -> Totals:
    """Return what is left of all when the tasks of one word are taken away.

    Answers mostly differ somewhere, so that the others are few; counting those is quicker.
    """
    every = totals(connection, replace(wanted, mode=Mode.ALL))
    found, values = _matching(connection, wanted)
    same = found.replace(_DIFFERENT, _SAME)
    columns = _columns(connection, wanted)
    return every.less(_counted(connection, columns, f"WHERE c.task_id IN ({same})", values))


def summary(connection: Connection, wanted: Filter) -> tuple[int, Totals]:
    """Return how many tasks ``wanted`` lets through, and their totals, in as few passes as go."""
    if wanted != Filter(mode=Mode.DIFFERENT) or not _kept(connection):
        return matching(connection, wanted), totals(connection, wanted)
    # One pass over the cells finds the tasks of one word; both figures follow from it.
    found = rows(
        connection,
        f"""WITH same AS MATERIALIZED (SELECT c.task_id AS id FROM cell c {_SAME})
        SELECT source_id, word, count(*) AS n FROM cell WHERE task_id IN (SELECT id FROM same)
        GROUP BY source_id, word
        UNION ALL SELECT '', '', (SELECT count(DISTINCT task_id) FROM cell)
            - (SELECT count(*) FROM same)""",
    )
    words: dict[str, dict[str, int]] = {}
    for r in found[:-1]:
        words.setdefault(r["source_id"], {})[r["word"]] = r["n"]
    return found[-1]["n"], totals(connection, Filter()).less(Totals(words))


def neighbours(
    connection: Connection, wanted: Filter, task_id: str
) -> tuple[str | None, str | None]:
    """Return the tasks before and after ``task_id`` among those that ``wanted`` lets through."""
    matching, values = _matching(connection, wanted)
    found = one(
        connection,
        "SELECT max(CASE WHEN id < :here THEN id END) AS before,"
        f" min(CASE WHEN id > :here THEN id END) AS after FROM ({matching}) m",
        here=task_id,
        **values,
    )
    return (found["before"], found["after"]) if found else (None, None)


def versus(connection: Connection, wanted: Filter, baseline: str) -> dict[str, tuple[int, int]]:
    """Return per source how many tasks it proves that ``baseline`` does not, and the reverse.

    Only tasks that both answered count; a task that one was not asked is neither.
    """
    columns = _columns(connection, wanted)
    if not columns:
        return {}
    if baseline not in columns:
        columns = [*columns, baseline]
    every = "cell" if _kept(connection) else f"({CELLS})"
    pairs = f"""FROM {every} c JOIN {every} b ON b.task_id = c.task_id
        AND b.source_id = :baseline WHERE c.source_id IN :compared AND c.source_id <> :baseline"""
    found, values = _matching(connection, wanted)
    within = "" if found.endswith("WHERE 1 = 1") else f"AND c.task_id IN ({found})"
    values |= {"baseline": baseline}
    if not _kept(connection):
        values["sources"] = columns

    def counted(differ: str) -> dict[str, int]:
        told = rows(
            connection,
            f"SELECT c.source_id AS source_id, count(*) AS n {pairs} AND {differ} {within}"
            " GROUP BY c.source_id",
            **{**values, "compared": columns},
        )
        return {r["source_id"]: int(r["n"]) for r in told}

    def met(name: str) -> bool:
        asked = f"SELECT 1 AS n {pairs} {within} LIMIT 1"
        return one(connection, asked, **{**values, "compared": [name]}) is not None

    # Two counts from the proved rows are quicker than one over every pair.
    more = counted("c.word = 'proved' AND b.word <> 'proved'")
    less = counted("c.word <> 'proved' AND b.word = 'proved'")
    return {
        name: (more.get(name, 0), less.get(name, 0))
        for name in columns
        if name in more or name in less or met(name)
    }
