"""Times on the wire: ``2017-04-04T22:07:46.035Z`` for nanoseconds since the epoch, UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sim_exchange.core.types import DAY_NS, SECOND_NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS_NS = 10**6
_MINUTE_MS = 60_000
_MIN_NS = 0
_MAX_NS = 253_402_300_799 * SECOND_NS
_SECONDS = tuple(f"{second:02d}." for second in range(60))
_ORIGIN_NS = 946_684_800 * SECOND_NS  # where spans are counted from: the start of the year 2000
_MAX_SPAN_NS = 366 * DAY_NS


@lru_cache(maxsize=4096)
def _minute_text(minute: int) -> str:
    return (_EPOCH + timedelta(minutes=minute)).isoformat(timespec="minutes")[:16] + ":"


def to_iso(at_ns: int) -> str:
    """Spell an instant with exactly three decimals and ``Z``; finer digits are cut.

    >>> to_iso(1491343666035000000)
    '2017-04-04T22:07:46.035Z'
    """
    return _ms_text(at_ns // _MS_NS)


# Much happens in one instant, and what is told of it repeats that.
@lru_cache(maxsize=4096)
def _ms_text(at_ms: int) -> str:
    minute, rest = divmod(at_ms, _MINUTE_MS)
    second, milli = divmod(rest, 1000)
    return f"{_minute_text(minute)}{_SECONDS[second]}{milli:03d}Z"


def to_interval(span_ns: int) -> str:
    """Spell a span as the venue does, counted from the year 2000.

    >>> to_interval(8 * 3600 * 10**9)
    '2000-01-01T08:00:00.000Z'
    """
    return to_iso(_ORIGIN_NS + span_ns)


def parse_interval(value: object) -> int:
    """Read a span as the venue spells it, into ns.

    Raises:
        ValueError: not a span, or none at all.

    >>> parse_interval("2000-01-01T08:00:00.000Z") == 8 * 3600 * 10**9
    True
    """
    span_ns = parse_time(value) - _ORIGIN_NS
    if not isinstance(value, str) or not 0 < span_ns <= _MAX_SPAN_NS:
        raise ValueError(f"not a span from the year 2000 on, of a year at most: {value!r}")
    return span_ns


def parse_time(value: object) -> int:
    """Read any ISO 8601 form (no zone means UTC) or integer milliseconds, into ns.

    Raises:
        ValueError: not a time, or outside the years 1970 to 9999.

    >>> parse_time("2020-01-01T00:00:00+00:00") == parse_time(1577836800000)
    True
    """
    if isinstance(value, bool) or value is None:
        raise ValueError(f"not a time: {value!r}")
    if isinstance(value, int | float):
        at_ns = int(value) * _MS_NS
    else:
        text = str(value).strip().replace(" ", "+") if "T" in str(value) else str(value).strip()
        at_ns = int(text) * _MS_NS if text.isdecimal() and len(text) > 8 else _from_iso(text)
    if not _MIN_NS <= at_ns <= _MAX_NS:
        raise ValueError(f"time out of range: {value!r}")
    return at_ns


def _from_iso(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    span = moment - _EPOCH
    return (span.days * 86_400 + span.seconds) * SECOND_NS + span.microseconds * 1000
