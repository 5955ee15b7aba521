"""Continuous batching: what comes out does not depend on who else is in the batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from distill.continuous import Ask, Engine, FullError, Piece
from distill.errors import DistillError
from distill.student import Student

PROMPTS = [
    "Write a function that returns its argument.",
    "Sum of xs.",
    "Return the larger of a and b, and when they are equal return a, which is the same.",
    "Count.",
]


class Ear:
    """Hears one answer to its end."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._over = threading.Event()

    def __call__(self, piece: Piece) -> None:
        self.pieces.append(piece)
        if piece.finish is not None:
            self._over.set()

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    def end(self) -> Piece:
        assert self._over.wait(60), "the answer never ended"
        return self.pieces[-1]


def conversation(text: str) -> tuple[tuple[str, str], ...]:
    return (("user", text),)


@pytest.fixture(scope="module")
def student(base: Path) -> Student:
    return Student.load(base)


@pytest.fixture(params=["lean", "plain"])
def engine(student: Student, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The quick forward pass, and the model's own."""
    with Engine(student, batch=3, lean=request.param == "lean") as one:
        assert bool(one.slow_because) == (request.param == "plain")
        yield one


def test_answers_are_those_of_plain_generation_whoever_joins_and_leaves(
    student: Student, engine: Engine
) -> None:
    plain = student.generate([conversation(p) for p in PROMPTS], max_tokens=40)
    ears = [Ear() for _ in PROMPTS * 3]
    for number, ear in enumerate(ears):
        prompt = conversation(PROMPTS[number % len(PROMPTS)])
        engine.submit(prompt, Ask(max_tokens=40), ear)
        time.sleep(0.003)  # so that they join a batch that is under way
    for number, ear in enumerate(ears):
        last, wanted = ear.end(), plain[number % len(PROMPTS)]
        assert ear.text == wanted.text
        assert (last.finish, last.output_tokens) == (wanted.finish, wanted.output_tokens)
        assert last.input_tokens == wanted.input_tokens
    assert engine.drain(10)
    assert (engine.running, engine.waiting) == (0, 0)


def test_a_seed_repeats_a_draw_and_another_seed_does_not(engine: Engine) -> None:
    def drawn(seed: int, top_p: float = 1.0, temperature: float = 1.5) -> str:
        ear = Ear()
        engine.submit("def f(", Ask(30, temperature=temperature, top_p=top_p, seed=seed), ear)
        ear.end()
        return ear.text

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    # the smallest set that holds a vanishing share is the likeliest token: greedy choice
    greedy = Ear()
    engine.submit("def f(", Ask(30), greedy)
    greedy.end()
    assert drawn(7, top_p=1e-6) == greedy.text
    assert drawn(7, top_p=5e-324) == greedy.text
    assert drawn(7, temperature=1e-300) == greedy.text


def test_a_stop_text_ends_the_answer_and_no_part_of_it_is_ever_sent(engine: Engine) -> None:
    free = Ear()
    engine.submit("def f(", Ask(60, temperature=1.5, seed=5), free)
    free.end()
    assert len(free.text) > 8
    stop = free.text[4:8]
    ear = Ear()
    engine.submit("def f(", Ask(60, temperature=1.5, seed=5, stop=(stop,)), ear)
    assert ear.end().finish == "stop"
    assert ear.text == free.text[: free.text.index(stop)]


def test_a_cancelled_request_ends_and_the_others_go_on(engine: Engine) -> None:
    ears = [Ear(), Ear()]
    tickets = [engine.submit("def f(", Ask(200), ear) for ear in ears]
    tickets[0].cancel()
    assert ears[0].end().finish == "cancelled"
    assert ears[1].end().finish in ("stop", "length")


def test_a_full_queue_refuses_and_says_when_to_come_back(student: Student) -> None:
    with Engine(student, batch=1, queue=1) as engine:

        def crowd() -> None:
            for _ in range(50):
                engine.submit("def f(", Ask(400), Ear())

        with pytest.raises(FullError, match=r"wait already; try again in \d+ s") as refused:
            crowd()
        assert refused.value.retry_after >= 1


def test_a_batch_that_fails_ends_its_requests_and_not_the_engine(
    student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distill.lean import LeanBatch

    real = LeanBatch.step
    broken = [True]

    def step(self: LeanBatch) -> None:
        if broken.pop() if broken else False:
            raise RuntimeError("out of memory")
        real(self)

    monkeypatch.setattr(LeanBatch, "step", step)
    with Engine(student) as engine:
        unlucky, lucky = Ear(), Ear()
        engine.submit("def f(", Ask(20), unlucky)
        last = unlucky.end()
        assert last.finish == "error"
        assert last.problem is not None
        assert "out of memory" in last.problem
        engine.submit("def f(", Ask(20), lucky)
        assert lucky.end().finish in ("stop", "length")


def test_closing_tells_those_who_wait(student: Student) -> None:
    engine = Engine(student, batch=1)
    ears = [Ear() for _ in range(3)]
    for ear in ears:
        engine.submit("def f(", Ask(100_000), ear)
    engine.close()
    assert {ear.end().finish for ear in ears} <= {"cancelled", "length", "stop"}
    assert ears[-1].end().finish == "cancelled"
    with pytest.raises(DistillError, match="put away"):
        engine.submit("def f(", Ask(1), Ear())


def test_drained_engines_have_finished_what_they_had(student: Student) -> None:
    with Engine(student) as engine:
        ear = Ear()
        engine.submit(conversation(PROMPTS[1]), Ask(50), ear)
        assert engine.drain(60)
        assert ear.pieces[-1].finish in ("stop", "length")


@pytest.mark.parametrize(
    ("prompt", "ask", "says"),
    [
        ("", {}, "prompt is empty"),
        ("x", {"max_tokens": 0}, "max_tokens is 0"),
        ("x", {"temperature": -1.0}, "temperature is -1"),
        ("x", {"top_p": 0.0}, "top_p is 0"),
        ("x", {"stop": ("",)}, "stop text is empty"),
        ("word " * 5000, {}, "context ends at"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(
    engine: Engine, prompt: str, ask: dict[str, object], says: str
) -> None:
    with pytest.raises(DistillError, match=says):
        engine.submit(prompt, Ask(**ask), Ear())  # type: ignore[arg-type]
