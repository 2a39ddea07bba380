"""Several orders a side: how far apart and how large."""

from collections.abc import Iterable
from fractions import Fraction


def nearest_tick(price: float | Fraction, tick: Fraction) -> Fraction:
    """Return the multiple of ``tick`` nearest to ``price``; halves go up.

    >>> nearest_tick(994.9, Fraction(1, 2))
    Fraction(995, 1)
    """
    return Fraction(price) // tick * tick + (
        tick if Fraction(price) % tick >= tick / 2 else Fraction(0)
    )


def sample_ladder(
    start: float, interval: float, indices: Iterable[int], tick: Fraction
) -> tuple[Fraction, ...]:
    """Return nearest(start * (1 + interval)**i) for each i, the ladder of the sample bot.

    Args:
        start: midpoint, in quote currency.
        interval: step between neighbours, a fraction.
        indices: negative below the midpoint, positive above.
        tick: the instrument's, exact.

    Source: the sample market maker; rounding is to the nearest tick, not outward.

    >>> [float(p) for p in sample_ladder(1000, 0.005, range(-2, 3), Fraction(1, 2))]
    [990.0, 995.0, 1000.0, 1005.0, 1010.0]
    """
    return tuple(nearest_tick(start * (1 + interval) ** index, tick) for index in indices)


def widths(half_spread: float, levels: int, interval: float) -> tuple[float, ...]:
    """Return the half spreads of ``levels`` orders, best first, ``interval`` apart.

    >>> widths(0.005, 3, 0.0025)
    (0.005, 0.0075, 0.01)
    """
    return tuple(half_spread + index * interval for index in range(levels))


def sizes(value: float, levels: int, growth: float = 1.0) -> tuple[float, ...]:
    """Return the values of ``levels`` orders, best first, each ``growth`` times the one before.

    >>> sizes(0.25, 2, 2.0)
    (0.25, 0.5)
    """
    return tuple(value * growth**index for index in range(levels))
