"""A made-up price that wanders: what an index follows where there is no file of candles for it.

The logarithm of the price is a Brownian bridge between points 1,024 days apart, each the start
again, refined by halves down to five seconds. Every midpoint is drawn from a generator of its own
name, so the price of an instant is the same whoever asks, in whatever order, and nothing is kept
but what was asked for last.
"""

from math import exp, sqrt

from sim_exchange.core.types import DAY_NS
from sim_exchange.market.draws import source
from sim_exchange.market.path import PRINT_NS, QUANTUM

_PERIOD_NS = 1_024 * DAY_NS
_YEAR_NS = 365 * DAY_NS
_KEPT = 4_096


class Wander:
    """One seeded path; ``price`` is pico, a new one each five seconds."""

    def __init__(
        self,
        name: str,
        seed: int,
        start: int,
        *,
        volatility: float = 0.8,
        along: "tuple[Wander, float] | None" = None,
    ) -> None:
        """Begin a path.

        Args:
            name: names its generator.
            seed: of the world.
            start: price that it comes back to, pico; positive.
            volatility: standard deviation of a year's log return.
            along: another path and the correlation with it.

        Raises:
            ValueError: start or volatility is not positive, or the correlation is over 1.
        """
        if start <= 0 or volatility <= 0:
            raise ValueError(f"start {start} and volatility {volatility} must be positive")
        if along is not None and abs(along[1]) > 1:
            raise ValueError(f"correlation {along[1]} must be from -1 to 1")
        self.name = name
        self._seed = seed
        self._start = start
        self._volatility = volatility
        self._along = along
        self._kept: dict[tuple[int, int], float] = {}

    def price(self, at_ns: int) -> int:
        """Return the price at an instant, pico; the same all through five seconds."""
        level = self._volatility * self.level(at_ns // PRINT_NS * PRINT_NS)
        return max(QUANTUM, round(self._start * exp(level) / QUANTUM) * QUANTUM)

    def level(self, at_ns: int) -> float:
        """Return the path in units of one year's deviation: 0 at every 1,024 days."""
        own = self._bridge(at_ns)
        if self._along is None:
            return own
        other, correlation = self._along
        return correlation * other.level(at_ns) + sqrt(1 - correlation**2) * own

    def _bridge(self, at_ns: int) -> float:
        period, within = divmod(at_ns, _PERIOD_NS)
        left_ns, right_ns = 0, _PERIOD_NS
        left = right = 0.0
        depth, index = 0, 0
        while within != left_ns and right_ns - left_ns > PRINT_NS:
            middle_ns = (left_ns + right_ns) // 2
            deviation = sqrt((right_ns - left_ns) / (4 * _YEAR_NS))
            middle = (left + right) / 2 + deviation * self._draw(period, depth, index)
            if within < middle_ns:
                right_ns, right, index = middle_ns, middle, 2 * index
            else:
                left_ns, left, index = middle_ns, middle, 2 * index + 1
            depth += 1
        share = (within - left_ns) / (right_ns - left_ns)
        return left + (right - left) * share

    def _draw(self, period: int, depth: int, index: int) -> float:
        key = (period << 8 | depth, index)
        drawn = self._kept.get(key)
        if drawn is None:
            drawn = source(self._seed, "wander", self.name, period, depth, index).gauss(0.0, 1.0)
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = drawn
        return drawn
