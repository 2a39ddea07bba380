"""The request budget: a token bucket of our own below the venue's, and a check before the start.

The venue counts each request (protocol: limit per 5 minutes, refilled continuously, a bulk costs a
tenth of its orders). Quotes wait for tokens and leave a reserve; cancels, hedges and the dead-man
switch are never held back, they only count.
"""

from math import ceil


class RequestBudget:
    """Tokens that refill continuously."""

    __slots__ = ("_at_ns", "_per_ns", "_tokens", "capacity", "not_before_ns", "reserve")

    def __init__(self, capacity: float, window_s: float, *, reserve: float = 0.0) -> None:
        """Allow ``capacity`` requests per ``window_s``; quotes leave ``reserve`` of them."""
        self.capacity = capacity
        self.reserve = reserve
        self.not_before_ns = 0
        self._per_ns = capacity / (window_s * 1e9)
        self._tokens = capacity
        self._at_ns = 0

    def tokens(self, now_ns: int) -> float:
        """Return what is left; a clock that goes backwards adds nothing."""
        if now_ns > self._at_ns:
            if self._at_ns:
                earned = (now_ns - self._at_ns) * self._per_ns
                self._tokens = min(self.capacity, self._tokens + earned)
            self._at_ns = now_ns
        return self._tokens

    def spend(self, cost: float, now_ns: int) -> None:
        """Count a request that is sent whatever the bucket says."""
        self._tokens = self.tokens(now_ns) - cost

    def ready_ns(self, cost: float, now_ns: int) -> int:
        """Return when ``cost`` requests for quotes may be sent; ``now_ns`` when they may now."""
        lack = cost + self.reserve - self.tokens(now_ns)
        wait = ceil(lack / self._per_ns) if lack > 0 else 0
        return max(now_ns + wait, self.not_before_ns)

    def pause(self, until_ns: int) -> None:
        """Send no quotes before ``until_ns``: the venue asked us to slow down."""
        self.not_before_ns = max(self.not_before_ns, until_ns)


def bulk_cost(orders: int) -> int:
    """Return the requests that a bulk of ``orders`` counts as: a tenth, rounded up.

    >>> [bulk_cost(n) for n in (1, 10, 15, 32)]
    [1, 1, 2, 4]
    """
    return -(-orders // 10)


def planned_requests(
    *,
    orders: int,
    loop_s: float,
    polls: int = 1,
    dead_man_every_s: float | None = None,
    window_s: float = 300.0,
) -> int:
    """Return the requests per window of a loop that amends all orders and polls.

    Args:
        orders: amended in bulks each time round.
        loop_s: seconds between rounds.
        polls: further requests each time round.
        dead_man_every_s: seconds between renewals of the dead-man switch; None = none.
        window_s: of the venue's limit.

    >>> planned_requests(orders=10, loop_s=3), planned_requests(orders=12, loop_s=5)
    (200, 180)
    >>> planned_requests(orders=10, loop_s=5, dead_man_every_s=15)
    140
    """
    loops = window_s / loop_s
    dead_man = window_s / dead_man_every_s if dead_man_every_s else 0.0
    return ceil(loops * (bulk_cost(orders) + polls) + dead_man - 1e-9)
