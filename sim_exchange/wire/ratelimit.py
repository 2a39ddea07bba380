"""Request limits: token buckets that take the time as an argument (exchange-rules.md E19)."""

import re
from collections import deque
from dataclasses import dataclass

from sim_exchange.core.types import HOUR_NS, SECOND_NS
from sim_exchange.errors import RateLimitError


@dataclass(frozen=True, slots=True)
class LimitRule:
    """How many requests in how many seconds, for callers with and without a key."""

    with_key: int
    without_key: int
    seconds: int


ERA_RULES = {
    "2014": LimitRule(150, 150, 300),
    "2018": LimitRule(300, 150, 300),
    "2019": LimitRule(60, 30, 60),
    "2021": LimitRule(120, 30, 60),
}

_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})")


def parse_rate(text: str) -> tuple[int, int] | None:
    """Read ``N/SECONDS``, whole numbers above 0 of up to 9 and 6 digits; None when it is not one.

    >>> parse_rate("60/60"), parse_rate("0/60")
    ((60, 60), None)
    """
    found = _RATE.fullmatch(text)
    return None if found is None else (int(found[1]), int(found[2]))


def parse_limits(text: str, era: str = "2018") -> LimitRule | None:
    """Read ``--limits``: ``era``, ``off`` (None) or ``N/SECONDS`` for every caller alike.

    Raises:
        ValueError: says what is allowed.

    >>> parse_limits("60/60")
    LimitRule(with_key=60, without_key=60, seconds=60)
    """
    if text == "off":
        return None
    if text == "era":
        return ERA_RULES.get(era, ERA_RULES["2018"])
    rate = parse_rate(text)
    if rate is not None:
        return LimitRule(rate[0], rate[0], rate[1])
    raise ValueError(
        f"limits must be era, off or N/SECONDS with whole numbers above 0, not {text!r}"
    )


class TokenBucket:
    """Tokens that refill continuously; counted in units of 1/period so that no float drifts.

    ``_level`` is tokens times the period in ns: one token is ``period_ns`` units, and each ns
    brings ``capacity`` units.
    """

    __slots__ = ("_at_ns", "_level", "capacity", "period_ns")

    def __init__(self, capacity: int, seconds: int, now_ns: int) -> None:
        """Start full: ``capacity`` tokens, refilled over ``seconds``."""
        self.capacity = capacity
        self.period_ns = seconds * SECOND_NS
        self._level = capacity * self.period_ns
        self._at_ns = now_ns

    def _refill(self, now_ns: int) -> None:
        # A clock that goes backwards never adds tokens (E19 X).
        if now_ns > self._at_ns:
            full = self.capacity * self.period_ns
            self._level = min(full, self._level + (now_ns - self._at_ns) * self.capacity)
            self._at_ns = now_ns

    def take(self, now_ns: int, tokens: int = 1, *, force: bool = False) -> bool:
        """Take ``tokens``; False (and nothing taken) when there are too few.

        With ``force`` the call always succeeds and the level stops at 0 (cancels, logout).
        """
        self._refill(now_ns)
        cost = tokens * self.period_ns
        if self._level >= cost:
            self._level -= cost
            return True
        if force:
            self._level = 0
            return True
        return False

    def remaining(self, now_ns: int) -> int:
        """Whole tokens left (floor)."""
        self._refill(now_ns)
        return self._level // self.period_ns

    def full_at_s(self, now_ns: int) -> int:
        """Unix second at which the bucket is full again, rounded up."""
        missing = self.capacity * self.period_ns - self._level
        return -(-(now_ns + -(-missing // self.capacity)) // SECOND_NS)

    def retry_after_s(self, now_ns: int, tokens: int = 1) -> int:
        """Whole seconds, at least 1, until ``tokens`` are there."""
        self._refill(now_ns)
        missing = max(0, tokens * self.period_ns - self._level)
        return max(1, -(-missing // (self.capacity * SECOND_NS)))


class Limiter:
    """The buckets of all callers: one a key's account, one an address without a key."""

    __slots__ = ("_buckets", "rule")

    MAX_BUCKETS = 10_000

    def __init__(self, rule: LimitRule | None) -> None:
        """Take the rule of the era; None means no limits and no headers."""
        self.rule = rule
        self._buckets: dict[int | str, TokenBucket] = {}

    def bucket(self, who: int | str, now_ns: int) -> TokenBucket | None:
        """Return the bucket of an account (int) or an address (str); None when limits are off."""
        if self.rule is None:
            return None
        found = self._buckets.get(who)
        if found is None:
            if len(self._buckets) >= self.MAX_BUCKETS:
                self._drop_full(now_ns)
            capacity = self.rule.with_key if isinstance(who, int) else self.rule.without_key
            found = self._buckets[who] = TokenBucket(capacity, self.rule.seconds, now_ns)
        return found

    def _drop_full(self, now_ns: int) -> None:
        # A full bucket is the same as none: forgetting it costs nobody a token.
        full = [k for k, b in self._buckets.items() if b.remaining(now_ns) == b.capacity]
        for who in full or list(self._buckets)[:1]:
            del self._buckets[who]


class ConnectionQuota:
    """New sockets of an address within the last hour of the host's clock."""

    def __init__(self, per_hour: int) -> None:
        """Allow ``per_hour`` new sockets; 0 means no limit."""
        self._per_hour = per_hour
        self._opened: dict[str, deque[int]] = {}

    def take(self, address: str, now_ns: int) -> int:
        """Count one socket and return how many more may be opened.

        Raises:
            RateLimitError: there are too many.
        """
        if not self._per_hour:
            return 1_000
        opened = self._opened.setdefault(address, deque())
        while opened and opened[0] <= now_ns - HOUR_NS:
            opened.popleft()
        if len(opened) >= self._per_hour:
            raise RateLimitError(max(1, (opened[0] + HOUR_NS - now_ns) // SECOND_NS))
        opened.append(now_ns)
        return self._per_hour - len(opened)


def bulk_cost(orders: int) -> int:
    """Tokens that a bulk of ``orders`` takes: ceil(0.1 * orders), at least 1 (protocol.md 1.8).

    >>> [bulk_cost(n) for n in (1, 10, 15, 32)]
    [1, 1, 2, 4]
    """
    return max(1, -(-orders // 10))
