"""The reference path: what a coin is worth every five seconds, and the venues that print it.

Of the 60 prints of a bar the first is its open, the last its close; one is its high and one its
low. In between runs a seeded bridge, clipped to the bar, in steps of 1e-8. Outside the file the
nearest price is carried, or, with an anchor, whole weeks of it are looped: shifted so that Friday
stays Friday, and rescaled so that each loop opens where the last one closed.

Prices are integers of 1e-12 XBT.
"""

import random
from itertools import pairwise
from math import sqrt

from sim_exchange.core.types import SECOND_NS
from sim_exchange.market.candles import BAR_NS, WEEK_NS, Bar, Candles
from sim_exchange.market.draws import source

PRINT_NS = 5 * SECOND_NS
PRINTS = BAR_NS // PRINT_NS
QUANTUM = 10_000
"""Step of a print: 1e-8 XBT."""

_KEPT_BARS = 16


def bar_prints(bar: Bar, rng: random.Random) -> tuple[int, ...]:
    """Return the 60 prints of a bar, oldest first."""
    last = PRINTS - 1
    first_at, second_at = sorted(rng.sample(range(1, last), 2))
    high_first = rng.random() < 0.5
    first, second = (bar.high, bar.low) if high_first else (bar.low, bar.high)
    points = ((0, bar.open), (first_at, first), (second_at, second), (last, bar.close))
    # A walk whose 60 steps have this deviation has a range of about the bar's own.
    step = (bar.high - bar.low) / (1.6 * sqrt(PRINTS))
    prints = [bar.open]
    for (start, a), (end, b) in pairwise(points):
        prints += _bridge(end - start, a, b, step, bar, rng)
    return tuple(prints)


def _bridge(steps: int, a: int, b: int, step: float, bar: Bar, rng: random.Random) -> list[int]:
    # Prints after ``a`` up to and including ``b``.
    if bar.high == bar.low:
        return [b] * steps
    walk, total = [], 0.0
    for _ in range(steps):
        total += rng.gauss(0.0, step)
        walk.append(total)
    prints = []
    for k in range(1, steps):
        share = k / steps
        price = a + (b - a) * share + walk[k - 1] - total * share
        rounded = round(price / QUANTUM) * QUANTUM
        prints.append(min(max(rounded, bar.low), bar.high))
    prints.append(b)
    return prints


class ReferencePath:
    """The path of one coin; the same instant has the same price whoever asks, whenever."""

    def __init__(self, candles: Candles, seed: int, anchor_ns: int | None = None) -> None:
        """Follow a file; with ``anchor_ns`` loop its whole weeks, unscaled at that instant."""
        self.coin = candles.coin
        self._seed = seed
        self._bars = candles.bars
        self._start_ns = candles.start_ns
        self._loop_ns = candles.listing_ns
        self._period_ns = candles.weeks * WEEK_NS
        self._anchor_loop: int | None = None
        if anchor_ns is not None:
            self._anchor_loop = (anchor_ns - self._loop_ns) // self._period_ns
        first = self._bar_number(self._loop_ns)
        last = self._bar_number(self._loop_ns + self._period_ns) - 1
        self._growth = self._bars[last].close / self._bars[first].open
        self._kept: dict[tuple[int, int], tuple[int, ...]] = {}
        self._asked_ns, self._answered = -1, 0

    @property
    def looped(self) -> bool:
        """Whether the path goes on for ever."""
        return self._anchor_loop is not None

    def price(self, at_ns: int) -> int:
        """The last print at or before an instant, in pico XBT; always positive."""
        if at_ns != self._asked_ns:  # all who trade on the path ask at the same instant
            self._answered, self._asked_ns = self._find(at_ns), at_ns
        return self._answered

    def _find(self, at_ns: int) -> int:
        loop = 0
        if self._anchor_loop is not None:
            number, at_ns = divmod(at_ns - self._loop_ns, self._period_ns)
            at_ns += self._loop_ns
            loop = number - self._anchor_loop
        elif at_ns < self._start_ns:
            return self._bars[0].open
        bar = self._bar_number(at_ns)
        if bar >= len(self._bars):
            return self._bars[-1].close
        prints = self._kept.get((bar, loop))
        if prints is None:
            prints = self._make(bar, loop)
        return prints[(at_ns - self._start_ns) % BAR_NS // PRINT_NS]

    def _bar_number(self, at_ns: int) -> int:
        return (at_ns - self._start_ns) // BAR_NS

    def _make(self, number: int, loop: int) -> tuple[int, ...]:
        bar = self._bars[number]
        if loop:
            scale = self._growth**loop
            o, h, low, c = (
                max(QUANTUM, round(price * scale / QUANTUM) * QUANTUM)
                for price in (bar.open, bar.high, bar.low, bar.close)
            )
            bar = Bar(bar.start_ns, o, h, low, c)
        prints = bar_prints(bar, source(self._seed, "path", self.coin, number, loop))
        if len(self._kept) >= _KEPT_BARS:
            del self._kept[next(iter(self._kept))]
        self._kept[number, loop] = prints
        return prints


class VenueNoise:
    """A constituent: the path times (1 + a mean-reverting noise of its own)."""

    def __init__(
        self, rng: random.Random, deviation: float = 5e-4, relaxation_s: float = 300.0
    ) -> None:
        """Start at a draw of the stationary law.

        Args:
            rng: this venue's own generator.
            deviation: stationary standard deviation, a fraction of the price (5 basis points).
            relaxation_s: seconds in which a deviation shrinks by e.
        """
        self._rng = rng
        self._keep = 1 - 5 / relaxation_s
        self._kick = deviation * sqrt(1 - self._keep**2)
        self._noise = rng.gauss(0.0, deviation)

    def print(self, price: int) -> int:
        """The venue's next print, five seconds after the last; pico XBT, at least 1e-8."""
        self._noise = self._noise * self._keep + self._rng.gauss(0.0, self._kick)
        return max(QUANTUM, round(price * (1 + self._noise) / QUANTUM) * QUANTUM)
