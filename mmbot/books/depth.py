"""What taking coins from the spot book costs beside its mid, sampled through a run."""

from fractions import Fraction

from mmbot.state import BookMirror
from mmbot.types import SECOND_NS, Instrument, Side

COINS = (10, 100, 1_000)
EVERY_NS = 3_600 * SECOND_NS
BASE_UNITS = 10**8
"""Minor units of a whole coin: what a spot book's sizes count."""


def slippage(book: BookMirror, side: Side, units: int) -> float | None:
    """Return what taking ``units`` costs beside the mid, a fraction of the mid; positive = costs.

    None when the book is empty, crossed or thinner than that.

    >>> book = BookMirror()
    >>> book.asks, book.best_ask, book.bids, book.best_bid = {101: 5, 103: 5}, 101, {99: 5}, 99
    >>> slippage(book, Side.BUY, 10), slippage(book, Side.SELL, 6)
    (0.02, None)
    """
    middle = book.mid_sum
    if middle is None:
        return None
    levels = book.asks if side is Side.BUY else book.bids
    left, paid = units, 0
    for price in sorted(levels, reverse=side is Side.SELL):
        taken = min(left, levels[price])
        paid += taken * price
        left -= taken
        if not left:
            return side * float(Fraction(2 * paid, middle * units) - 1)
    return None


class DepthMeter:
    """Samples the spot book once an hour and keeps the mean slippage of each size."""

    def __init__(self, spot: Instrument | None) -> None:
        """Measure ``spot``'s book; without a spot market nothing is sampled."""
        self.next_ns = 0 if spot is not None else 2**63
        """When the next sample is due."""
        self._sums = dict.fromkeys(COINS, 0.0)
        self._counts = dict.fromkeys(COINS, 0)

    def see(self, book: BookMirror, now_ns: int) -> None:
        """Take a sample, and plan the next one."""
        if book.mid_sum is None:
            return
        self.next_ns = now_ns + EVERY_NS
        for coins in COINS:
            for side in Side:
                cost = slippage(book, side, coins * BASE_UNITS)
                if cost is not None:
                    self._sums[coins] += cost
                    self._counts[coins] += 1

    def mean_bp(self) -> dict[str, float]:
        """Return coins -> mean slippage in basis points; sizes that never fitted are left out."""
        return {
            str(coins): round(self._sums[coins] / count * 10_000, 2)
            for coins, count in self._counts.items()
            if count
        }
