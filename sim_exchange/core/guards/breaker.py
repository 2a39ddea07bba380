"""The circuit breaker: a market that falls too far in a day stops (E22, ``mwcb``).

The reference is the last trade before 00:00, in ticks; without one the breaker is disarmed. A trade
at or below ``reference * (1 - level)`` reaches a level. Each level halts once a day, and a fall
through several uses all of them; the last one halts for the rest of the day. From ``late_ns`` of
the day on only the last one halts.
"""

from sim_exchange.core.specs import CircuitBreaker
from sim_exchange.core.types import DAY_NS, PPM, rha


class Breaker:
    """The breaker of one market; it is told of every trade."""

    __slots__ = ("_day", "_reference", "_terms", "_used")

    def __init__(self, terms: CircuitBreaker) -> None:
        """Start disarmed: nothing has traded yet."""
        self._terms = terms
        self._day = -1
        self._reference = 0  # ticks; 0 = none
        self._used = 0  # levels of today

    def reference(self, now_ns: int, last: int) -> int:
        """Return the price in ticks that today's falls are measured from; 0 = disarmed.

        ``last`` is the last trade so far, 0 when there is none.
        """
        return self._reference if now_ns // DAY_NS == self._day else last

    def used(self, now_ns: int) -> int:
        """Return how many levels have been reached today."""
        return self._used if now_ns // DAY_NS == self._day else 0

    def traded(self, last: int, price: int, now_ns: int) -> int:
        """Take note of a trade; return until when it halts the market, ns, 0 when it doesn't.

        Args:
            last: the trade before it, ticks, 0 when there is none.
            price: of the trade, ticks.
            now_ns: its instant.
        """
        day = now_ns // DAY_NS
        if day != self._day:
            self._day, self._reference, self._used = day, last, 0
        if not self._reference:
            return 0
        levels = self._terms.levels_ppm
        reached = sum(price * PPM <= self._reference * (PPM - level) for level in levels)
        if reached <= self._used:
            return 0
        self._used = reached
        if reached == len(levels):
            return (day + 1) * DAY_NS
        late_ns = self._terms.late_ns
        if late_ns is not None and now_ns % DAY_NS >= late_ns:
            return 0
        return now_ns + self._terms.halt_ns

    def retick(self, before: int, after: int) -> None:
        """Count the reference in ticks of ``after`` pico instead of ``before``, rounded."""
        self._reference = rha(self._reference * before, after)
