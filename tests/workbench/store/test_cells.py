"""The kept cells say at every moment what answers and verdicts say."""

from __future__ import annotations

import random
from pathlib import Path

from sqlalchemy import text

from tests.ui.store_builder import build
from workbench.store import Store
from workbench.store.cells import FILL
from workbench.store.tables import AnswerRow, CandidateRow, VerdictRow
from workbench.store.views.matrix import CELLS


def same(store: Store) -> bool:
    """Compare the kept rows with those that are derived from answers and verdicts."""
    with store.engine.connect() as connection:
        names = connection.execute(text("SELECT id FROM source")).scalars().all()
        listed = ", ".join(f"'{name}'" for name in names)
        derived = connection.execute(text(CELLS.replace(":sources", f"({listed})"))).all()
        kept = connection.execute(text("SELECT task_id, source_id, word FROM cell")).all()
    return sorted(map(tuple, derived)) == sorted(map(tuple, kept)) != []


def test_cells_follow_every_kind_of_change(tmp_path: Path) -> None:
    chance = random.Random(3)
    with build(tmp_path / "home", tasks=12) as store:
        assert same(store)
        for step in range(60):
            with store.write() as session:
                _change(session, chance, step)
            assert same(store), f"after change {step}"
        with store.engine.begin() as connection:
            connection.execute(text("DELETE FROM cell"))
            connection.execute(text(FILL))
        assert same(store)


def _change(session: object, chance: random.Random, step: int) -> None:
    from sqlmodel import Session, select

    assert isinstance(session, Session)
    answers = session.exec(select(AnswerRow)).all()
    verdicts = session.exec(select(VerdictRow)).all()
    old = chance.choice(answers)
    kind = step % 6
    if kind == 0:
        code = f"def f{step}(): pass"
        session.add(CandidateRow(id=f"c{step}", code=code))
        session.flush()
        values = old.model_dump(exclude={"id"})
        session.add(AnswerRow(**{**values, "candidate_id": f"c{step}", "prompt_digest": f"{step}"}))
    elif kind == 1:
        values = chance.choice(verdicts).model_dump(exclude={"id"})
        word = chance.choice(["proved", "refuted", "unknown"])
        session.add(VerdictRow(**{**values, "verdict": word, "identity_digest": f"{step}"}))
    elif kind == 2:
        verdict = chance.choice(verdicts)
        verdict.verdict = "error"
        session.add(verdict)
    elif kind == 3:
        fresh = [v for v in verdicts if v.identity_digest.isdecimal()]
        if fresh:
            session.delete(fresh[-1])
    elif kind == 4:
        old.finish, old.candidate_id = "length", None
        session.add(old)
    else:
        fresh_answers = [a for a in answers if a.prompt_digest.isdecimal()]
        if fresh_answers:
            session.delete(fresh_answers[0])
