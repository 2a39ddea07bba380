"""Volatility of a price that is seen at uneven instants."""

from math import log, sqrt


class Volatility:
    """Exponentially weighted volatility, a fraction per square root of a second."""

    __slots__ = ("_at_ns", "_half_life_s", "_price", "_variance", "_weight")

    def __init__(self, half_life_s: float = 600.0) -> None:
        """Forget half of what was seen after ``half_life_s`` seconds."""
        self._half_life_s = half_life_s
        self._at_ns = 0
        self._price = 0.0
        self._variance = 0.0  # weighted sum of squared returns per second
        self._weight = 0.0

    def see(self, price: float, at_ns: int) -> None:
        """Take a price in; two prices of one instant count as the later one."""
        if self._price <= 0:
            self._price, self._at_ns = price, at_ns
            return
        span_s = (at_ns - self._at_ns) / 1e9
        if span_s <= 0 or price <= 0:
            return
        keep = 0.5 ** (span_s / self._half_life_s)
        # The integral over the span of the weight that its seconds carry: long spans count more.
        weight = 1 - keep
        move = log(price / self._price)
        self._variance = keep * self._variance + weight * move * move / span_s
        self._weight = keep * self._weight + weight
        self._price, self._at_ns = price, at_ns

    @property
    def sigma(self) -> float:
        """What was measured; 0 until two prices were seen."""
        return sqrt(self._variance / self._weight) if self._weight > 0 else 0.0
