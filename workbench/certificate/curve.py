"""Whether 32 bytes are a sound ed25519 public key: on the curve and of the large prime order.

OpenSSL verifies signatures under keys of small order, for which anybody can forge one that fits
every message; so such keys are refused before they are trusted. Only this check is here, no
signing and nothing secret: its running time does not matter. Source: RFC 8032, section 5.1.
"""

from __future__ import annotations

__all__ = ["is_sound_point"]

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P

_Point = tuple[int, int, int, int]
_IDENTITY: _Point = (0, 1, 1, 0)


def is_sound_point(raw: bytes) -> bool:
    """Whether ``raw`` is a canonical encoding of a point of exactly the prime order."""
    if len(raw) != 32:
        return False
    point = _decode(raw)
    if point is None or _same(point, _IDENTITY):
        return False
    return _same(_multiply(_ORDER, point), _IDENTITY)


def _decode(raw: bytes) -> _Point | None:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _add(a: _Point, b: _Point) -> _Point:
    u = (a[1] - a[0]) * (b[1] - b[0]) % _P
    v = (a[1] + a[0]) * (b[1] + b[0]) % _P
    t = 2 * a[3] * b[3] * _D % _P
    z = 2 * a[2] * b[2] % _P
    e, f, g, h = v - u, z - t, z + t, v + u
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(factor: int, point: _Point) -> _Point:
    total = _IDENTITY
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    return total


def _same(a: _Point, b: _Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % _P == 0 and (a[1] * b[2] - b[1] * a[2]) % _P == 0
