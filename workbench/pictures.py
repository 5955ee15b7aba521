"""Pictures that belong to a task: read from files beside a task file, kept as blobs by digest.

A task names its pictures by media type and digest; the bytes are with it only while it is on its
way into the store, or when a command adds one for a single run. What is a picture, and how large
it may be, is ``teachers.images``'s to say.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InputError, StageError

if TYPE_CHECKING:
    from teachers.model import Image
    from teachers.protocol import Teacher
    from workbench.store.blobs import Blobs
    from workbench.tasks import Task

__all__ = ["Picture", "check_teachers_see", "images_of", "read_pictures", "written_pictures"]

_DATA = "data:"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture. ``data`` is None where only the store has it."""

    media_type: str
    digest: str
    data: bytes | None = field(default=None, repr=False, compare=False)


def read_pictures(paths: Sequence[Path]) -> tuple[Picture, ...]:
    """Read the pictures that a person names; ``InputError`` says what is wrong with one."""
    from teachers.errors import TeacherError
    from teachers.images import MOST_IMAGES, read_image

    if len(paths) > MOST_IMAGES:
        raise InputError(
            f"{len(paths)} pictures are more than a prompt takes.", f"Send up to {MOST_IMAGES}."
        )
    try:
        return tuple(_picture(read_image(path)) for path in paths)
    except TeacherError as error:
        raise InputError(f"{error}.") from error


def written_pictures(said: Sequence[str], folder: Path) -> tuple[Picture, ...]:
    """Read the pictures of one line of a task file in ``folder``: paths in it, or data URLs.

    A path that leads out of the folder is refused, so that a stranger's task file cannot send
    other pictures of this machine to a provider. Raises ``InputError``.
    """
    from teachers.errors import TeacherError
    from teachers.images import MOST_IMAGES, checked_image

    if len(said) > MOST_IMAGES:
        raise InputError(f"{len(said)} pictures are more than a prompt takes ({MOST_IMAGES}).")
    found: list[Picture] = []
    for place, text in enumerate(said, 1):
        if text.startswith(_DATA):
            try:
                found.append(_picture(checked_image(_decoded(text), f"number {place}")))
            except TeacherError as error:
                raise InputError(f"{error}.") from error
            continue
        path = folder / text
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"the picture {text} is not in the folder of the task file.")
        found += read_pictures([path])
    return tuple(found)


def images_of(task: Task, blobs: Blobs | None) -> tuple[Image, ...]:
    """Return the pictures of ``task`` with their bytes, as a prompt takes them."""
    from teachers.model import Image

    images = []
    for each in task.images:
        if each.data is None and blobs is None:
            raise StageError(
                f"The pictures of task {task.id!r} are in a store that was not given.",
                "This is a defect of the workbench; please report it.",
            )
        data = each.data if each.data is not None else blobs.get(each.digest) if blobs else b""
        images.append(Image(each.media_type, data))
    return tuple(images)


def check_teachers_see(
    teachers: Sequence[Teacher], tasks: Sequence[Task], *, student: bool
) -> None:
    """Raise ``InputError`` before anything is sent where a task has pictures and somebody asked
    is known to read text only.
    """
    from teachers.images import text_only

    task = next((each for each in tasks if each.images), None)
    if task is None:
        return
    blind = [t.name for t in teachers if text_only(t.identity.provider, t.identity.model)]
    blind += ["the student"] if student else []
    if blind:
        raise InputError(
            f"{', '.join(blind)} reads text only, and task {task.id!r} has pictures.",
            "Ask models that take pictures, or leave these tasks out.",
        )


def _picture(image: Image) -> Picture:
    return Picture(image.media_type, sha256(image.data).hexdigest(), image.data)


def _decoded(url: str) -> bytes:
    head, comma, body = url.partition(",")
    try:
        if not comma or not head.endswith(";base64"):
            raise binascii.Error
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise InputError(
            "a picture is no data URL of the form data:image/png;base64,...", "Or name its file."
        ) from None
