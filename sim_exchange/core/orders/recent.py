"""Trades of the last 30 minutes, kept for contracts that settle on their own mean price (E14)."""

from collections import deque
from fractions import Fraction

from sim_exchange.core.types import MINUTE_NS

WINDOW_NS = 30 * MINUTE_NS


class RecentTrades:
    """The trades of the last half hour: (instant, quantity, price of 1e-12), oldest first."""

    __slots__ = ("_trades",)

    def __init__(self) -> None:
        self._trades: deque[tuple[int, int, int]] = deque()

    def add(self, at_ns: int, qty: int, price: int) -> None:
        """Take in a trade of ``qty`` contracts at ``price`` of 1e-12."""
        self._forget(at_ns)
        self._trades.append((at_ns, qty, price))

    def mean(self, upto_ns: int, *, inverse: bool) -> Fraction | None:
        """Return the mean price, in 1e-12, of the trades in (upto - 30 min, upto].

        Weighted by contracts; on an inverse contract by what they are worth, so that it is the
        price at which all of them together would have cost the same. None without a trade.
        """
        self._forget(upto_ns)
        trades = [(qty, price) for at_ns, qty, price in self._trades if at_ns <= upto_ns]
        if not trades:
            return None
        contracts = sum(qty for qty, _ in trades)
        if inverse:
            return contracts / sum((Fraction(qty, price) for qty, price in trades), Fraction())
        return Fraction(sum(qty * price for qty, price in trades), contracts)

    def _forget(self, now_ns: int) -> None:
        trades = self._trades
        while trades and trades[0][0] <= now_ns - WINDOW_NS:
            trades.popleft()
