"""Ids on the wire: lower-case UUID text that is a pure, reversible function of (kind, number).

A replay spells the same bytes, and a client's UUID leads back to our counter without a table:
``0000000k-0000-4000-8000-nnnnnnnnnnnn`` (k: the kind; n: 48 bits of the number, in hex).
"""

from enum import IntEnum

ZERO_ID = "00000000-0000-0000-0000-000000000000"
"""The venue's spelling of "none" (protocol.md 1.4)."""

_MIDDLE = "-0000-4000-8000-"
_LENGTH = 36
_LIMIT = 1 << 48


class IdKind(IntEnum):
    """What a UUID names."""

    ORDER = 1
    EXECUTION = 2
    MATCH = 3
    TRANSACTION = 4


_PREFIX = {kind: f"{kind:08x}{_MIDDLE}" for kind in IdKind}
_ORDER_PREFIX = _PREFIX[IdKind.ORDER]
_HEX = frozenset("0123456789abcdef")


def to_uuid(kind: IdKind, number: int) -> str:
    """Spell ``number`` (0 = none, below 2**48) of ``kind`` as UUID text.

    >>> to_uuid(IdKind.ORDER, 255)
    '00000001-0000-4000-8000-0000000000ff'
    >>> to_uuid(IdKind.ORDER, 0) == ZERO_ID
    True
    """
    return f"{_PREFIX[kind]}{number:012x}" if number else ZERO_ID


def order_uuid(number: int) -> str:
    """Spell an order's number; 0 means "no order"."""
    return f"{_ORDER_PREFIX}{number:012x}" if number else ZERO_ID


def from_uuid(kind: IdKind, text: str) -> int:
    """Return the number that ``text`` names, 0 when it is no id of ours and of that kind.

    >>> from_uuid(IdKind.ORDER, "00000001-0000-4000-8000-0000000000FF")
    255
    >>> from_uuid(IdKind.ORDER, "b2c1a5d0-0000-4000-8000-0000000000ff")
    0
    """
    lower = text.lower()
    digits = lower[24:]
    if len(lower) != _LENGTH or not lower.startswith(_PREFIX[kind]) or not _HEX.issuperset(digits):
        return 0
    return int(digits, 16)


def fits(number: int) -> bool:
    """Tell whether ``number`` can be spelt: at least 0 and below 2**48."""
    return 0 <= number < _LIMIT
