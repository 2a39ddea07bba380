"""The speed limit of liquidations (E22, ``liq_speed``): the engine does not sell a market down.

Its sells keep above a share of the highest trade of the last minute, (t - 60 s, t]; without a trade
in it, of the last trade there was.
"""

from collections import deque

from sim_exchange.core.contracts.value import ceil_div
from sim_exchange.core.specs import LiquidationSpeed
from sim_exchange.core.types import PPM, rha


class SpeedLimit:
    """The floor of one market's liquidations; it is told of every trade."""

    __slots__ = ("_highs", "_terms")

    def __init__(self, terms: LiquidationSpeed) -> None:
        """Start without a trade."""
        self._terms = terms
        # Trades that nothing later tops: (instant, ticks), each lower than the one before it.
        self._highs: deque[tuple[int, int]] = deque()

    def traded(self, price: int, now_ns: int) -> None:
        """Take note of a trade at ``price`` ticks."""
        highs = self._highs
        while highs and highs[-1][1] <= price:
            highs.pop()
        highs.append((now_ns, price))

    def floor(self, now_ns: int, last: int) -> int:
        """Return the lowest price in ticks at which the engine sells now; 0 = any.

        ``last`` is the last trade, ticks, 0 when there is none.
        """
        highs = self._highs
        while highs and highs[0][0] <= now_ns - self._terms.window_ns:
            highs.popleft()
        high = highs[0][1] if highs else last
        return ceil_div(high * self._terms.floor_ppm, PPM)

    def retick(self, before: int, after: int) -> None:
        """Count prices in ticks of ``after`` pico instead of ``before``."""
        self._highs = deque((at_ns, rha(price * before, after)) for at_ns, price in self._highs)
