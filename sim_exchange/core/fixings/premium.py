"""Funding rates: interest, the premium of a window of minutes, and what they make together (E10).

Rates are ppm, six decimals of a fraction, halves away from zero. A window's mean is that of exact
rationals, however many minutes it has.
"""

from fractions import Fraction

from sim_exchange.core.types import DAY_NS, PPM, rha

DAMPER_PPM = 500
"""How far interest may pull the rate away from the premium: 0.05 %."""

_SCALE = 10**24


def interest_ppm(quote_ppm: int, base_ppm: int, interval_ns: int) -> int:
    """Return I, the difference of two rates a day for the part of a day that an interval is.

    >>> eight_hours = 8 * 3600 * 10**9
    >>> interest_ppm(600, 300, eight_hours), interest_ppm(600, 300, eight_hours // 4)
    (100, 25)
    """
    return rha((quote_ppm - base_ppm) * interval_ns, DAY_NS)


def premium(impact_bid: int, impact_ask: int, mark: int) -> int:
    """Return how far the impact prices are beyond the mark, in the unit of all three.

    Positive where buyers pay more than the mark, negative where sellers take less, else 0.
    """
    return max(0, impact_bid - mark) - max(0, mark - impact_ask)


def minute_premium(beyond: int, spot: int, rate_ppm: int, decimals: int) -> int:
    """Return what a minute prints: ``premium`` over the spot price, and the rate in force.

    In 10**-decimals of a fraction, halves away from zero.

    >>> minute_premium(3, 999, 100, 6), minute_premium(0, 999, -100, 8)
    (3103, -10000)
    """
    scale: int = 10**decimals
    return rha(scale * (PPM * beyond + rate_ppm * spot), PPM * spot)


def funding_ppm(premium_ppm: int, interest: int) -> int:
    """Return F before its caps: the premium, and what the damper lets through of the interest.

    >>> funding_ppm(400, 100), funding_ppm(3103, 100), funding_ppm(-1840, 100)
    (100, 2603, -1340)
    """
    return premium_ppm + _within(interest - premium_ppm, DAMPER_PPM)


def capped_ppm(rate_ppm: int, before_ppm: int, init_ppm: int, maint_ppm: int) -> int:
    """Return a rate under both caps, rounded inward.

    It changes by at most 75 % of the maintenance margin from ``before_ppm``, the rate in force
    during the window, and is never over 75 % of what initial margin exceeds maintenance margin by.

    >>> capped_ppm(5500, 100, 10_000, 5_000), capped_ppm(-20_000, 100, 20_000, 10_000)
    (3750, -7400)
    """
    changed = before_ppm + _within(rate_ppm - before_ppm, 3 * maint_ppm // 4)
    return _within(changed, 3 * (init_ppm - maint_ppm) // 4)


def _within(value: int, most: int) -> int:
    return max(-most, min(most, value))


class PremiumWindow:
    """The minute prints of one funding window, as their differences from the rate in force.

    A minute that printed nothing, because there were no impact prices or no market, counts as the
    rate in force. The sum is kept in fixed point with its error bound; where that could decide the
    last digit it is taken again exactly.
    """

    __slots__ = ("_floor", "_inexact", "_prints", "has_liquidity", "last_ns", "start_ns")

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns
        self.last_ns = start_ns
        self.has_liquidity = False
        """Whether any minute had impact prices."""
        self._floor = 0  # sum of the prints in 1/_SCALE, each rounded down
        self._inexact = 0  # how many of them were rounded
        self._prints: list[tuple[int, int]] = []

    def add(self, beyond: int, spot: int) -> None:
        """Take in a minute: ``premium`` over the spot price, both in one unit."""
        self.has_liquidity = True
        if beyond:
            floor, rest = divmod(beyond * _SCALE, spot)
            self._floor += floor
            self._inexact += rest != 0
            self._prints.append((beyond, spot))

    def mean_ppm(self, rate_ppm: int, minutes: int) -> int:
        """Return the mean premium over ``minutes`` (at least 1) with ``rate_ppm`` in force."""
        base, whole = rate_ppm * minutes * _SCALE, minutes * _SCALE
        low = rha(base + PPM * self._floor, whole)
        if low == rha(base + PPM * (self._floor + self._inexact), whole):
            return low
        total = sum((Fraction(*one) for one in self._prints), Fraction(0))
        exact = rate_ppm * minutes + PPM * total
        return rha(exact.numerator, exact.denominator * minutes)
