"""The queue before the door, and when it sheds load (exchange-rules.md E20).

One FIFO queue feeds the engine, which serves ``rate`` requests a second. What comes when ``depth``
requests wait is told so at once and has not reached the engine. Cancels, and orders that close a
whole position, are let in whatever the depth. A bulk is one request.
"""

from collections import deque
from dataclasses import dataclass

from sim_exchange.core.types import SECOND_NS
from sim_exchange.errors import OverloadError


@dataclass(frozen=True, slots=True)
class OverloadRule:
    """How many requests the engine serves in a second, and how many may wait for it."""

    rate: int
    depth: int


class OverloadQueue:
    """Requests that wait for the engine; the time is an argument."""

    __slots__ = ("_served", "_span_ns", "rule")

    def __init__(self, rule: OverloadRule) -> None:
        """Start empty."""
        self.rule = rule
        self._span_ns = SECOND_NS // rule.rate
        self._served: deque[int] = deque()  # when each waiting request will have been served

    def slow(self, factor: int) -> None:
        """Serve ``factor`` times as slowly as the rule says what comes from now on."""
        self._span_ns = SECOND_NS // self.rule.rate * factor

    def depth(self, now_ns: int) -> int:
        """Return how many requests wait or are being served."""
        served = self._served
        while served and served[0] <= now_ns:
            served.popleft()
        return len(served)

    def enter(self, now_ns: int, *, exempt: bool = False) -> int:
        """Let a request in; return the instant at which it reaches the engine.

        Raises:
            OverloadError: too many wait, and it is not exempt.
        """
        if self.depth(now_ns) >= self.rule.depth and not exempt:
            raise OverloadError
        served = self._served
        served.append((served[-1] if served else now_ns) + self._span_ns)
        return served[-1]
