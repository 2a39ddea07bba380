"""A volatility index: how much another index moves, by the year, in percent (`.BVOL`-like).

Of the prices p taken every ``step`` minutes, the last n returns r = p/previous - 1 are kept, each
rounded to 1e-12. The index is

    100 * sqrt( sum((r - mean)^2) / (n - 1) * (minutes of 365 days) / step )

rounded to nearest at the decimals of the index. All in integers; the root is exact before it is
rounded. `.BVOL` is 30 daily returns (``minutes`` 43200, ``step`` 1440), `.BVOL24H` the 1-minute or
5-minute returns of a day. It is published from the second return on.
"""

from collections import deque
from math import isqrt

from sim_exchange.core.fixings.fair import YEAR_MINUTES
from sim_exchange.core.types import PICO, rha


class Volatility:
    """The returns that count now, with their sums."""

    __slots__ = ("_before", "_returns", "_squares", "_step", "_sum")

    def __init__(self, minutes: int, step_minutes: int) -> None:
        """Look back over ``minutes``, in steps of ``step_minutes``."""
        self._returns: deque[int] = deque(maxlen=minutes // step_minutes)
        self._step = step_minutes
        self._before = 0
        self._sum = 0
        self._squares = 0

    def take(self, price: int, decimals: int) -> int | None:
        """Take in the price of a step, positive; return the index in 10**-decimals of a percent.

        None before there are two returns.
        """
        before, self._before = self._before, price
        if not before:
            return None
        returns = self._returns
        if len(returns) == returns.maxlen:
            gone = returns.popleft()
            self._sum -= gone
            self._squares -= gone * gone
        one = rha((price - before) * PICO, before)
        returns.append(one)
        self._sum += one
        self._squares += one * one
        n = len(returns)
        if n < 2:
            return None
        # n * squares - sum^2 is n times the sum of squared distances from the mean, in pico^2.
        scaled = (n * self._squares - self._sum * self._sum) * YEAR_MINUTES
        scaled *= (100 * 10**decimals) ** 2
        return (isqrt(4 * scaled // (n * (n - 1) * self._step * PICO * PICO)) + 1) // 2
