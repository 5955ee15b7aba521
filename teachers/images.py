"""Pictures in prompts: read and checked before anything is sent, and which models take them.

A picture is known by its first bytes, never by its name. The limits are those that hold at all of
OpenAI, Anthropic, Gemini and Ollama, so that a task can go to any of them. Nothing is decoded: a
picture whose inside is damaged is found out by who reads it.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from teachers.errors import TeacherError
from teachers.model import Image

MOST_BYTES = 5_000_000
MOST_PIXELS = 8_000
"""Along one side."""
MOST_IMAGES = 20
"""In one prompt."""

_FORMATS = "PNG, JPEG, GIF or WebP"

LISTED = "2026-11"
"""When the lists below were written down."""

_TEXT_ONLY: tuple[tuple[str, str], ...] = (
    ("openai", r"(gpt-3\.5|gpt-4$|gpt-4-(0314|0613|32k|1106|0125)|o1-(mini|preview)|o3-mini).*"),
    ("anthropic", r"claude-(1|2|instant).*"),
    ("deepseek", r"deepseek-(chat|reasoner|coder).*"),
    ("mistral", r"(codestral|open-mistral-7b|open-mixtral|mistral-embed).*"),
    ("groq", r"(llama-3\.[13]|openai/gpt-oss|gemma2|mixtral).*"),
    ("synthesis", ".*"),
    ("examples", ".*"),
)
"""Provider and models that are known to read text only. Who is not named is asked, and says so
itself; Ollama's server is asked first what a model can do."""


def text_only(provider: str, model: str) -> bool:
    """Return whether ``model`` is known to take no pictures."""
    return any(
        name == provider and re.fullmatch(pattern, model.lower()) for name, pattern in _TEXT_ONLY
    )


def no_pictures(who: str) -> str:
    """Return the sentence for a model that takes none."""
    return f"{who} reads text only and the prompt has pictures; ask a model that takes pictures"


def read_image(path: Path) -> Image:
    """Return the picture in the file ``path``; raises ``TeacherError`` with the mend."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TeacherError(
            f"the picture {path} cannot be read ({reason}); check the path"
        ) from None
    return checked_image(data, str(path))


def checked_image(data: bytes, where: str) -> Image:
    """Return ``data`` as a picture; raises ``TeacherError`` that names ``where`` and the mend."""
    if not data:
        raise TeacherError(f"the picture {where} is empty; save it again")
    found = _look(data)
    if found is None:
        raise TeacherError(f"{where} is no picture that models take; save it as {_FORMATS}")
    media_type, width, height = found
    if len(data) > MOST_BYTES:
        raise TeacherError(
            f"the picture {where} is larger than {MOST_BYTES // 1_000_000} MB; make it smaller"
        )
    if not 0 < width <= MOST_PIXELS or not 0 < height <= MOST_PIXELS:
        raise TeacherError(
            f"the picture {where} is {width} x {height} pixels; sides of 1 to {MOST_PIXELS} are "
            "taken, so scale it"
        )
    return Image(media_type, data)


def tokens_of(image: Image) -> int:
    """Return an upper guess of what a picture counts for: a token for 500 pixels, within reason."""
    found = _look(image.data)
    if found is None:
        return 5_000
    _, width, height = found
    return min(5_000, max(300, width * height // 500))


def _look(data: bytes) -> tuple[str, int, int] | None:
    """Return media type, width and height from the first bytes, or None."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return ("image/png", *struct.unpack(">II", data[16:24]))
        if data.startswith((b"GIF87a", b"GIF89a")):
            return ("image/gif", *struct.unpack("<HH", data[6:10]))
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
    except struct.error:
        pass  # it ends before its size: no picture
    return None


def _webp(data: bytes) -> tuple[str, int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return "image/webp", width, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return "image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return "image/webp", width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(data: bytes) -> tuple[str, int, int] | None:
    """Walk the segments to the frame that tells the size."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        mark = data[place + 1]
        if mark == 0xFF:  # filling
            place += 1
            continue
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        if 0xC0 <= mark <= 0xCF and mark not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return "image/jpeg", width, height
        place += 2 + length
    return None
