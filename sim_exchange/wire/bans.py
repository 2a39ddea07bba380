"""Bans of addresses that are refused too often; the time is an argument (exchange-rules.md E19).

The sources say "many 4xx/5xx: a ban of an hour, repeated: a week" and no figure, so the thresholds
are ours: how many refusals in which time is for the operator to choose (nobody is banned unasked),
and an address's third ban within a week is the one that lasts a week. It is the address that is
banned, with any key and with none.
"""

from collections import deque
from dataclasses import dataclass

from sim_exchange.core.types import DAY_NS, HOUR_NS, SECOND_NS
from sim_exchange.wire.ratelimit import parse_rate

WEEK_NS = 7 * DAY_NS
BANS_TO_A_WEEK = 3
"""So many bans within a week, the new one included, make the new one a week long."""
MOST_REFUSALS = 9_999
"""The highest number of refusals that may be asked for: each is remembered until it is too old."""


@dataclass(frozen=True, slots=True)
class BanRule:
    """So many refusals within so many seconds ban an address."""

    refusals: int
    seconds: int


def parse_bans(text: str) -> BanRule | None:
    """Read ``--bans``: ``off`` (None) or ``N/SECONDS``.

    Raises:
        ValueError: says what is allowed.

    >>> parse_bans("100/60")
    BanRule(refusals=100, seconds=60)
    """
    if text == "off":
        return None
    rate = parse_rate(text)
    if rate is None or rate[0] > MOST_REFUSALS:
        raise ValueError(
            f"allowed are off, and N/SECONDS with whole numbers above 0, N up to {MOST_REFUSALS}"
        )
    return BanRule(*rate)


@dataclass(frozen=True, slots=True)
class Ban:
    """An address and when it is banned, from ``since_ns`` up to, but without, ``until_ns``."""

    address: str
    since_ns: int
    until_ns: int
    number: int
    """Which one of the address within a week, from 1."""


class Bans:
    """Who was refused how often, and who is banned; the caller says what time it is.

    A refusal counts while it is less than the rule's seconds old; after a ban all begins at zero.
    On a clock that goes backwards a ban lasts until its end is reached again, and one that is over
    stays over; refusals that lie ahead of the clock are taken for refusals of now.
    """

    __slots__ = ("_begun", "_ended", "_in_force", "_kept", "_next_end_ns", "_refused", "rule")

    MAX_ADDRESSES = 10_000
    """Addresses whose bans of the last week are remembered."""
    MAX_REFUSALS = 1_000_000
    """Refusals that are remembered, of all addresses together."""

    def __init__(self, rule: BanRule) -> None:
        """Start with nobody banned."""
        self.rule = rule
        # Both in the order of each address's last entry, so that the oldest are in front.
        self._refused: dict[str, deque[int]] = {}
        self._begun: dict[str, tuple[int, ...]] = {}
        self._kept = 0  # refusals in all of _refused
        self._in_force: dict[str, Ban] = {}
        self._next_end_ns = 0  # no ban ends before
        self._ended: deque[Ban] = deque(maxlen=self.MAX_ADDRESSES)

    def left_s(self, address: str, now_ns: int) -> int:
        """Whole seconds, rounded up, for which an address is still banned; 0 when it is not."""
        self._end(now_ns)
        ban = self._in_force.get(address)
        return 0 if ban is None else -(-(ban.until_ns - now_ns) // SECOND_NS)

    def refused(self, address: str, now_ns: int) -> Ban | None:
        """Count one answer of 4xx or 5xx; return the ban that begins with it.

        What is answered while an address is banned is not counted.
        """
        self._end(now_ns)
        if address in self._in_force:
            return None
        self._drop_old_refusals(now_ns)
        window = self._refused.pop(address, deque())
        self._kept -= len(window)
        ahead = 1
        while window and window[-1] > now_ns:
            window.pop()
            ahead += 1
        window.extend([now_ns] * ahead)
        while window[0] <= now_ns - self.rule.seconds * SECOND_NS:
            window.popleft()
        if len(window) >= self.rule.refusals:
            return self._begin(address, now_ns)
        self._refused[address] = window
        self._kept += len(window)
        while self._kept > self.MAX_REFUSALS:
            self._kept -= len(self._refused.pop(next(iter(self._refused))))
        return None

    def in_force(self, now_ns: int) -> list[Ban]:
        """Return the bans of now, oldest first."""
        self._end(now_ns)
        return list(self._in_force.values())

    def lift(self, address: str, now_ns: int) -> Ban | None:
        """End the ban of an address and forget all that is known of it; None if it isn't banned."""
        self._end(now_ns)
        ban = self._in_force.pop(address, None)
        if ban is not None:
            self._begun.pop(address, None)
        return ban

    def take_ended(self) -> list[Ban]:
        """Return, once, the bans that ended by themselves since this was last asked."""
        ended = list(self._ended)
        self._ended.clear()
        return ended

    def _begin(self, address: str, now_ns: int) -> Ban:
        earlier = [at for at in self._begun.pop(address, ()) if at > now_ns - WEEK_NS]
        self._make_room(now_ns)
        number = len(earlier) + 1
        span_ns = WEEK_NS if number >= BANS_TO_A_WEEK else HOUR_NS
        ban = Ban(address, now_ns, now_ns + span_ns, number)
        self._begun[address] = (*earlier, now_ns)
        nobody = not self._in_force
        self._in_force[address] = ban
        self._next_end_ns = ban.until_ns if nobody else min(self._next_end_ns, ban.until_ns)
        return ban

    def _end(self, now_ns: int) -> None:
        if not self._in_force or now_ns < self._next_end_ns:
            return
        over = [ban for ban in self._in_force.values() if ban.until_ns <= now_ns]
        for ban in over:
            del self._in_force[ban.address]
        self._ended.extend(sorted(over, key=lambda ban: ban.until_ns))
        self._next_end_ns = min((ban.until_ns for ban in self._in_force.values()), default=0)

    def _drop_old_refusals(self, now_ns: int) -> None:
        old_ns = now_ns - self.rule.seconds * SECOND_NS
        while self._refused:
            address, window = next(iter(self._refused.items()))
            if window[-1] > old_ns:
                return
            del self._refused[address]
            self._kept -= len(window)

    def _make_room(self, now_ns: int) -> None:
        # Forget bans of more than a week ago; then, beyond the cap, who is free again before who is
        # still banned: the oldest ban gives way to the new one.
        while self._begun and self._begun[next(iter(self._begun))][-1] <= now_ns - WEEK_NS:
            del self._begun[next(iter(self._begun))]
        if len(self._begun) < self.MAX_ADDRESSES:
            return
        free = (address for address in self._begun if address not in self._in_force)
        gone = next(free, next(iter(self._begun)))
        del self._begun[gone]
        ban = self._in_force.pop(gone, None)
        if ban is not None:
            self._ended.append(ban)
