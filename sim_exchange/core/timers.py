"""What will happen by itself, in order of instant, class and entry (E14).

What is called is a method, or a ``partial`` of one: those have names by which a snapshot of the
exchange can keep them.

Within one instant the classes run in the order of their numbers. Between ``BEFORE_PRINTS`` and
``EXPIRY`` the exchange publishes indices, takes samples, moves marks and remargins.
"""

from collections.abc import Callable
from heapq import heappop, heappush

BEFORE_PRINTS = 0
"""What an announcement changes holds from its instant on, its index prints included (E32)."""
DIVIDEND = 5
"""A day's dividend is paid before the prints, since its contract may settle after them (E25)."""
EXPIRY = 10
FUNDING = 20
BAND = 30
LISTING = 40
FUND_SNAPSHOT = 50
PEGS = 55
"""Trailing stops follow once a second, after the marks of that instant."""
BUMPS = 57
"""Orders that a speed bump held enter in the order in which they were held (E22)."""
LOANS = 60
DEAD_MAN = 70
WITHDRAWALS = 75
"""A round sends what was confirmed strictly before it (E27)."""
MIDNIGHT = 80
NOON = 90
"""Rows of the day come last: what happens at their instant belongs to the day that ends (E28)."""

_Timer = tuple[int, int, int, Callable[[], None]]


class Timers:
    """Callbacks by instant; ``run`` takes what is due out and calls it."""

    __slots__ = ("_heap", "_sequence", "next_ns")

    def __init__(self) -> None:
        self._heap: list[_Timer] = []
        self._sequence = 0
        self.next_ns: int | None = None
        """The instant of the earliest one, or None."""

    def at(self, at_ns: int, order: int, run: Callable[[], None]) -> None:
        """Call ``run`` at ``at_ns``, after all of that instant with a lower ``order``."""
        self._sequence += 1
        heappush(self._heap, (at_ns, order, self._sequence, run))
        self.next_ns = self._heap[0][0]

    def run(self, at_ns: int, before: int) -> None:
        """Call what is due at or before ``at_ns``, as long as its class is under ``before``."""
        heap = self._heap
        while heap and heap[0][0] <= at_ns and heap[0][1] < before:
            run = heappop(heap)[3]
            self.next_ns = heap[0][0] if heap else None
            run()
