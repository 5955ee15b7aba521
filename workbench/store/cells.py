"""The triggers that keep ``cell`` equal to what ``answer`` and ``verdict`` say, in SQLite.

Migration 0004 puts them into a database; whoever changes a text here writes a new migration too.
"""

from __future__ import annotations

_FOUND = """(SELECT w.verdict FROM verdict w WHERE w.candidate_id = {candidate}
    AND w.task_id = {task} ORDER BY w.id DESC LIMIT 1)"""
_BARE = """CASE WHEN {a}.candidate_id IS NOT NULL THEN 'pending'
    WHEN {a}.finish = 'stop' THEN 'no_code' ELSE {a}.finish END"""


def _word(answer: str) -> str:
    found = _FOUND.format(candidate=f"{answer}.candidate_id", task=f"{answer}.task_id")
    return f"coalesce({found}, {_BARE.format(a=answer)})"


_INTO = "INSERT OR REPLACE INTO cell (task_id, source_id, answer_id, candidate_id, word)"

FILL = f"""{_INTO} SELECT a.task_id, a.source_id, a.id, a.candidate_id, {_word("a")}
    FROM answer a JOIN (SELECT max(id) AS id FROM answer GROUP BY source_id, task_id) n
    ON n.id = a.id"""
"""Makes the rows of what is there already."""

_NEWEST = """(SELECT max(b.id) FROM answer b
    WHERE b.source_id = {row}.source_id AND b.task_id = {row}.task_id)"""


def _again(row: str) -> str:
    """Return statements that make one cell anew after its answer was changed or taken away."""
    return f"""DELETE FROM cell WHERE source_id = {row}.source_id AND task_id = {row}.task_id;
    {_INTO} SELECT a.task_id, a.source_id, a.id, a.candidate_id, {_word("a")}
        FROM answer a WHERE a.id = {_NEWEST.format(row=row)};"""


def _judged(row: str) -> str:
    """Return the statement that reads a candidate's word anew in every cell that shows it."""
    found = _FOUND.format(candidate="cell.candidate_id", task="cell.task_id")
    return f"""UPDATE cell SET word = coalesce({found}, 'pending')
        WHERE task_id = {row}.task_id AND candidate_id = {row}.candidate_id;"""


TRIGGERS = {
    "cell_answer_in": f"""AFTER INSERT ON answer
        WHEN NEW.id >= {_NEWEST.format(row="NEW")}
        BEGIN {_INTO} VALUES (NEW.task_id, NEW.source_id, NEW.id, NEW.candidate_id,
            {_word("NEW")}); END""",
    "cell_answer_changed": f"""AFTER UPDATE OF candidate_id, finish, task_id, source_id ON answer
        BEGIN {_again("OLD")} {_again("NEW")} END""",
    "cell_answer_out": f"AFTER DELETE ON answer BEGIN {_again('OLD')} END",
    "cell_verdict_in": f"AFTER INSERT ON verdict BEGIN {_judged('NEW')} END",
    "cell_verdict_changed": f"""AFTER UPDATE OF verdict, candidate_id, task_id ON verdict
        BEGIN {_judged("OLD")} {_judged("NEW")} END""",
    "cell_verdict_out": f"AFTER DELETE ON verdict BEGIN {_judged('OLD')} END",
}
"""Name -> what follows ``CREATE TRIGGER name``."""
