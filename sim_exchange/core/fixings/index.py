"""A composite index: the weighted mean of its constituents' last prices, and who is left out (E9).

A constituent's prints are pico; the index is in 10**-decimals of its spec. Weights are exact
rationals, renormalised over the constituents that count, and the index is rounded once, at
publication. What happens to a constituent:

    missing    never printed: no weight, in with its first print
    active     counts
    stale      silent for 15 minutes: out until it has delivered good data for 5 minutes
    outlier    too far from the median: out until an operator's word (later eras: until it is back)

Time is an argument; what is decided is decided at a publication.
"""

from enum import Enum
from fractions import Fraction
from math import lcm

import msgspec

from sim_exchange.core.specs import IndexSpec
from sim_exchange.core.types import MINUTE_NS, PICO, PPM, SECOND_NS
from sim_exchange.errors import InvariantError

STALE_NS = 15 * MINUTE_NS
GOOD_DATA_NS = 5 * MINUTE_NS
GAP_NS = 60 * SECOND_NS
REINTRODUCE_NS = 15 * MINUTE_NS
REINTRODUCE_PPM = 20_000  # within 2 % of the median


class Standing(Enum):
    """Whether a constituent counts, and if not why."""

    MISSING = "missing"
    ACTIVE = "active"
    STALE = "stale"
    OUTLIER = "outlier"


# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_MISSING, _ACTIVE = Standing.MISSING, Standing.ACTIVE
_STALE, _OUTLIER = Standing.STALE, Standing.OUTLIER


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A constituent as readers see it; ``weight`` is what it counts now, 0 when it is out."""

    name: str
    price: int  # pico; 0 = never printed
    weight: Fraction
    standing: Standing
    silent: bool  # the operator silenced it, until its next print
    at_ns: int  # its last print; 0 = never

    @property
    def status(self) -> str:
        """Why it counts, or doesn't: the operator's silence is said before its standing."""
        return "silent" if self.silent else self.standing.value


class _Feed:
    """What one constituent delivered."""

    __slots__ = (
        "at_ns",
        "back",
        "good_since_ns",
        "name",
        "near_since_ns",
        "price",
        "silent",
        "standing",
        "weight",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.weight = 0  # over the common denominator of the index
        self.price = 0
        self.at_ns = 0
        self.good_since_ns = 0  # start of the present run of prints without a gap
        self.near_since_ns: int | None = None  # outlier of a later era: since when it is near
        self.back = False  # ... and that it is let in at the next publication
        self.standing = _MISSING
        self.silent = False


class CompositeIndex:
    """One composite index: fed by ``print``, asked by ``publish`` every 5 seconds."""

    __slots__ = ("_divisor", "_feeds", "_outlier", "_spec", "price", "stale", "still_ns")

    def __init__(self, spec: IndexSpec) -> None:
        self._feeds: list[_Feed] = []
        self.recompose(spec)
        self._divisor: int = PICO // 10**spec.decimals
        self._outlier = spec.outlier_ppm
        self.price: int | None = None
        """Last published value in 10**-decimals; None before the first."""
        self.stale = False
        """Whether nothing counts, so that the last value is held."""
        self.still_ns = 0
        """The instant before which publications say the same, unless something new is heard."""

    def recompose(self, spec: IndexSpec) -> None:
        """Take the constituents of ``spec``, in their order and with their weights (E9).

        Those that were members already keep what they delivered and whether they count; new ones
        come in with their first print.

        Raises:
            InvariantError: there are none.
        """
        if not spec.constituents:
            raise InvariantError(f"{spec.symbol} has no constituents")
        self.still_ns = 0
        denominator = lcm(*(c.den for c in spec.constituents))
        before = {feed.name: feed for feed in self._feeds}
        self._spec = spec
        self._feeds = []
        for one in spec.constituents:
            feed = before.get(one.name) or _Feed(one.name)
            feed.weight = one.num * denominator // one.den
            self._feeds.append(feed)

    def print(self, i: int, price_pico: int, at_ns: int) -> None:
        """Take the last trade of the ``i``-th constituent; the next publication uses it.

        A price of 0 or less is no data. A print older than the constituent's last is ignored; the
        same print again changes nothing, and another price of the same instant replaces it.
        """
        feed = self._feeds[i]
        if price_pico <= 0 or at_ns < feed.at_ns:
            return
        silence = at_ns - feed.at_ns
        if price_pico != feed.price or feed.standing is not _ACTIVE or silence > GAP_NS:
            self.still_ns = 0
        if feed.standing is _MISSING:
            feed.standing = _ACTIVE
            feed.good_since_ns = at_ns
        elif silence > GAP_NS:
            feed.good_since_ns = at_ns
            if silence >= STALE_NS and feed.standing is _ACTIVE:
                feed.standing = _STALE
        feed.price = price_pico
        feed.at_ns = at_ns
        feed.silent = False

    def set_status(self, name: str, status: str, at_ns: int) -> None:
        """Take the operator's word on a constituent.

        ``silent`` says that its feed is to be still until its next print: it grows stale by the
        clock like any other. ``reinstate`` lets an outlier or a stale one count again at once; it
        goes out again at the next publication if its data is still bad.

        Raises:
            InvariantError: no such constituent or status.
        """
        for feed in self._feeds:
            if feed.name == name:
                break
        else:
            raise InvariantError(f"{self._spec.symbol} has no constituent {name}")
        self.still_ns = 0
        if status == "silent":
            feed.silent = True
        elif status == "reinstate":
            if feed.standing is not _MISSING:
                feed.standing = _ACTIVE
                feed.good_since_ns = at_ns
                feed.near_since_ns = None
                feed.back = False
        else:
            raise InvariantError(f"status {status} is neither silent nor reinstate")

    def publish(self, at_ns: int) -> int | None:
        """Decide who counts and return the index value; None while there never was one.

        Where no constituent counts, or what counts can't be trusted, the last value is held; so it
        is where the new one would be 0 at its decimals: a price of nothing is no price.
        """
        if at_ns < self.still_ns:
            return self.price
        active = self._active(at_ns)
        value = self._protected(active) if active else None
        self.stale = not self._any_active()
        if self._spec.auto_reintroduce:
            self._watch_outliers(at_ns, held=not value)
        if value and value != self.price:
            self.price = value
        else:
            self.still_ns = self._still_until(active, at_ns)
        return self.price

    def members(self) -> list[Member]:
        """Return the constituents in the order of the spec, with their weights as last decided."""
        total = sum(f.weight for f in self._feeds if f.standing is _ACTIVE)
        return [
            Member(
                name=feed.name,
                price=feed.price,
                weight=Fraction(feed.weight, total) if feed.standing is _ACTIVE else Fraction(0),
                standing=feed.standing,
                silent=feed.silent,
                at_ns=feed.at_ns,
            )
            for feed in self._feeds
        ]

    # --- inside

    def _active(self, at_ns: int) -> list[_Feed]:
        """Apply silence, return of good data and return of outliers; who counts then."""
        active = []
        for feed in self._feeds:
            standing = feed.standing
            if standing is _ACTIVE:
                if at_ns - feed.at_ns >= STALE_NS:
                    feed.standing = _STALE
                    continue
            elif standing is _STALE:
                if at_ns - feed.at_ns > GAP_NS or at_ns - feed.good_since_ns < GOOD_DATA_NS:
                    continue
                feed.standing = _ACTIVE
            elif feed.back:
                feed.back = False
                feed.near_since_ns = None
                feed.standing = _ACTIVE
            else:
                continue
            active.append(feed)
        return active

    def _still_until(self, active: list[_Feed], at_ns: int) -> int:
        """Return until when the standings hold that this publication was made of; 0 = not at all.

        They do while those who counted count, and whoever is out comes in by new prints only.
        """
        for feed in active:
            if feed.standing is not _ACTIVE:
                return 0
        first_ns = at_ns
        for feed in self._feeds:
            standing = feed.standing
            if standing is _ACTIVE:
                first_ns = min(first_ns, feed.at_ns)
            elif standing is _STALE:
                if at_ns - feed.at_ns <= GAP_NS:
                    return 0
            elif standing is _OUTLIER and (feed.back or self._spec.auto_reintroduce):
                return 0
        return first_ns + STALE_NS

    def _any_active(self) -> bool:
        for feed in self._feeds:  # noqa: SIM110 - any() costs more than all the feeds
            if feed.standing is _ACTIVE:
                return True
        return False

    def _mean(self, active: list[_Feed]) -> int:
        """Return the weighted mean in 10**-decimals, rounded half away from zero (prices > 0)."""
        total = 0
        weights = 0
        for feed in active:
            weight = feed.weight
            total += feed.price * weight
            weights += weight
        divisor = weights * self._divisor
        return (2 * total + divisor) // (2 * divisor)

    def _protected(self, active: list[_Feed]) -> int | None:
        """Return the value under the outlier rules of April 2017; None = hold the last.

        The quick way out is exact enough: nobody is further from the median, or from the mean, than
        the highest is from the lowest, and neither is below the lowest.
        """
        if len(active) > 1:
            lowest = highest = active[0].price
            for feed in active:
                price = feed.price
                if price < lowest:
                    lowest = price
                elif price > highest:
                    highest = price
            if (highest - lowest) * 2 * PPM < self._outlier * lowest:
                return self._mean(active)
        if len(active) >= 3:
            active = self._drop_outliers(active)
        if len(active) == 2:
            return self._of_two(active)
        if len(active) == 1:
            return self._of_one(active[0])
        return self._mean(active) if active else None

    def _drop_outliers(self, active: list[_Feed]) -> list[_Feed]:
        """Remove who is X or more from the median (of an even count: the middle two's mean)."""
        double_median = _double_median(active)
        kept = []
        for feed in active:
            if abs(2 * feed.price - double_median) * PPM >= self._outlier * double_median:
                feed.standing = _OUTLIER
                feed.near_since_ns = None
                feed.back = False
            else:
                kept.append(feed)
        return kept

    def _of_two(self, active: list[_Feed]) -> int | None:
        """Hold when either price is X/2 or more from the newly computed index."""
        total = weights = 0
        for feed in active:
            total += feed.price * feed.weight
            weights += feed.weight
        for feed in active:
            if abs(feed.price * weights - total) * 2 * PPM >= self._outlier * total:
                return None
        return self._mean(active)

    def _of_one(self, feed: _Feed) -> int | None:
        """Hold when the only price is X or more from the last published index."""
        if self.price is not None:
            last = self.price * self._divisor
            if abs(feed.price - last) * PPM >= self._outlier * last:
                return None
        return self._mean([feed])

    def _watch_outliers(self, at_ns: int, *, held: bool) -> None:
        """Later eras: 15 minutes near the others let an outlier in at the next publication."""
        active = [feed for feed in self._feeds if feed.standing is _ACTIVE]
        for feed in self._feeds:
            if feed.standing is not _OUTLIER:
                continue
            if at_ns - feed.at_ns >= STALE_NS or not self._is_near(feed, active, held=held):
                feed.near_since_ns = None
                feed.back = False
            elif feed.near_since_ns is None:
                feed.near_since_ns = at_ns
            elif at_ns - feed.near_since_ns >= REINTRODUCE_NS:
                feed.back = True

    def _is_near(self, feed: _Feed, active: list[_Feed], *, held: bool) -> bool:
        """Within 2 % of the median; within X of the index where no median can be trusted."""
        if not active or (len(active) == 1 and held):
            if self.price is None:
                return False
            last = self.price * self._divisor
            return abs(feed.price - last) * PPM <= self._outlier * last
        double_median = _double_median(active)
        return abs(2 * feed.price - double_median) * PPM <= REINTRODUCE_PPM * double_median


def _double_median(active: list[_Feed]) -> int:
    """Return twice the median price: an integer also where two prices share the middle."""
    prices = sorted(feed.price for feed in active)
    middle = len(prices) // 2
    if len(prices) % 2:
        return 2 * prices[middle]
    return prices[middle - 1] + prices[middle]
