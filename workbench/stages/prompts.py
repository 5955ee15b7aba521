"""What is said to whom: one task as a prompt for a teacher, a student, or a formal teacher.

The student always reads the task's own words, in training and in use, so that what it learns is
what it is asked. Teachers also read the signature and the contract, which was fixed before.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.pictures import images_of
from workbench.tasks import Task

if TYPE_CHECKING:
    from teachers.model import Message, Prompt, Specification
    from workbench.store.blobs import Blobs

__all__ = ["repair_prompt", "specification", "storable", "student_messages", "teacher_prompt"]


def student_messages(task: Task) -> tuple[tuple[str, str], ...]:
    """Return the conversation that the student continues: role and content."""
    return (("user", task.prompt),)


def teacher_prompt(task: Task, system: str | None = None, blobs: Blobs | None = None) -> Prompt:
    """Return the prompt for every kind of teacher: prose, with the specification behind it.

    ``blobs`` has the pictures of a task that was read from the store.
    """
    from teachers.model import Prompt

    return Prompt.of(
        _prose(task),
        system=system,
        specification=specification(task),
        images=images_of(task, blobs),
    )


def repair_prompt(
    task: Task,
    earlier: Sequence[tuple[str, str]],
    counterexamples: Sequence[tuple[object, ...]],
    examples: Sequence[tuple[tuple[object, ...], object]],
    blobs: Blobs | None = None,
) -> Prompt:
    """Return the prompt that gives refuted answers back.

    ``earlier`` holds each refuted text with the judge's explanation, oldest first;
    ``counterexamples`` the inputs alone, and ``examples`` those whose right result is known.
    """
    from teachers.model import Message, Prompt

    messages: list[Message] = [Message("user", _prose(task), images_of(task, blobs))]
    for text, explanation in earlier:
        messages.append(Message("assistant", text or "(no code)"))
        messages.append(
            Message(
                "user",
                f"That is not right yet. {explanation}\n"
                "Find the mistake and give the whole corrected function in one Python code block.",
            )
        )
    return Prompt(tuple(messages), specification(task, counterexamples, examples))


def specification(
    task: Task,
    counterexamples: Sequence[tuple[object, ...]] = (),
    extra: Sequence[tuple[tuple[object, ...], object]] = (),
) -> Specification:
    """Return what a formal teacher reads: signature, contract, and examples from the tests."""
    from judge.plain import from_json
    from teachers.model import Specification

    function = _function(task.signature)
    annotated = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    examples = [
        (tuple(from_json(arg) for arg in test["args"]), from_json(test["expected"]))
        for test in task.tests
        if "expected" in test
    ]
    return Specification(
        entry_point=task.entry_point,
        parameters=tuple(
            (arg.arg, ast.unparse(arg.annotation) if arg.annotation else "") for arg in annotated
        ),
        returns=ast.unparse(function.returns) if function.returns else None,
        requires=task.requires,
        ensures=task.ensures,
        examples=(*examples, *extra),
        helpers=task.helpers,
        counterexamples=tuple(counterexamples),
    )


def storable(text: str) -> str:
    """Return ``text`` without what databases and UTF-8 cannot hold (NUL, lone surrogates)."""
    clean = text.encode("utf-8", "replace").decode("utf-8") if not _encodes(text) else text
    return clean.replace("\x00", "�")


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _prose(task: Task) -> str:
    parts = [task.prompt.strip()]
    head = task.signature.strip().rstrip(":")
    if head not in task.prompt:
        parts.append(f"Write this function:\n\n{head}:")
    if task.requires:
        parts.append("Callers guarantee: " + "; ".join(task.requires))
    if task.ensures:
        parts.append("The result must satisfy: " + "; ".join(task.ensures))
    if task.raises:
        parts.append("It may raise: " + ", ".join(task.raises))
    if task.helpers:
        parts.append("Where these helpers are meant:\n\n" + task.helpers.strip())
    parts.append("Answer with the complete function in one Python code block.")
    return "\n\n".join(parts)


def _function(signature: str) -> ast.FunctionDef:
    node = ast.parse(signature.strip().rstrip(":") + ": ...").body[0]
    assert isinstance(node, ast.FunctionDef)  # checked when the task was read
    return node
