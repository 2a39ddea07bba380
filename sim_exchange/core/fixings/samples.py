"""One price a minute, for means over time: 30 of a settlement, 480 of a funding window (E14).

A sample belongs to a minute mark and is taken after all prints of that instant. A minute that was
missed carries the value before it, so a mean of 30 is never one of 29.
"""

from sim_exchange.core.types import MINUTE_NS, rha
from sim_exchange.errors import InvariantError

KEPT = 480
"""How many minutes are remembered: eight hours, what a funding window needs."""


class MinuteSamples:
    """The last 480 minute samples of one price, in whatever unit they are given."""

    __slots__ = ("_first", "_last", "_ring", "_same_since")

    def __init__(self) -> None:
        self._ring = [0] * KEPT
        self._first: int | None = None  # minutes since the epoch of the first sample ever
        self._last = 0  # ... and of the last one
        self._same_since = 0  # ... and of one since which all were the same

    def sample(self, minute_ns: int, price: int) -> None:
        """Take the sample of a minute mark; minutes missed since the last one carry its value.

        The same minute again replaces its sample; a minute before the last is ignored.

        Raises:
            InvariantError: the instant is not a whole minute.
        """
        minute, rest = divmod(minute_ns, MINUTE_NS)
        if rest:
            raise InvariantError(f"sample at {minute_ns} ns is not at a minute mark")
        ring = self._ring
        if self._first is None:
            self._first = self._last = self._same_since = minute
        elif minute < self._last:
            return
        else:
            carried = ring[self._last % KEPT]
            for missed in range(max(self._last + 1, minute - KEPT + 1), minute):
                ring[missed % KEPT] = carried
            self._last = minute
            if price != carried:
                self._same_since = minute
        ring[minute % KEPT] = price

    def mean(self, upto_ns: int, n: int = 30) -> int | None:
        """Return the mean of the ``n`` samples in (upto - n min, upto], halves away from zero.

        None where one of those minutes is before the first sample, or no longer remembered. Minutes
        after the last sample carry it.
        """
        upto = upto_ns // MINUTE_NS
        first = upto - n + 1
        if self._first is not None and first >= self._same_since and first > self._last - KEPT:
            return self._ring[self._last % KEPT]
        values = self._values(upto - n, upto)
        return rha(sum(values), n) if len(values) == n else None

    def running(self, window_start_ns: int, upto_ns: int) -> tuple[int | None, int]:
        """Return the mean of the samples there are in (window start, upto], and their count.

        (None, 0) where there is none: before the window's first minute mark, or before any sample.
        """
        values = self._values(window_start_ns // MINUTE_NS, upto_ns // MINUTE_NS)
        return (rha(sum(values), len(values)) if values else None, len(values))

    def _values(self, after: int, upto: int) -> list[int]:
        """Samples of the minutes after ``after`` up to ``upto``, those that are known."""
        if self._first is None:
            return []
        ring, last = self._ring, self._last
        start = max(after + 1, self._first, last - KEPT + 1)
        if start > upto:
            return []
        if upto <= last:
            head, tail = start % len(ring), upto % len(ring)
            return ring[head : tail + 1] if head <= tail else ring[head:] + ring[: tail + 1]
        return [ring[min(minute, last) % KEPT] for minute in range(start, upto + 1)]
