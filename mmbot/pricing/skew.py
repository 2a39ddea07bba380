"""Inventory skew: lean the quote against the position (Lesson 2, Skewing)."""

from collections.abc import Sequence


def weighted_half_spread(levels: Sequence[tuple[float, float]]) -> float:
    """Return the average half spread of one side, weighted by size.

    Args:
        levels: (size in contracts, half spread as a fraction of mid) of each level.

    Raises:
        ValueError: the sizes sum to 0, so there is no quote to lean.

    >>> round(weighted_half_spread([(5, 0.005), (10, 0.01)]), 7)
    0.0083333
    """
    total = sum(size for size, _ in levels)
    if total <= 0:
        raise ValueError(f"no size quoted in {levels=}")
    return sum(size * half for size, half in levels) / total


def inventory_skew(
    change: float, total_size: float, half_spread: float, *, limit: float | None = None
) -> float:
    """Return the shift of the mid that a position asks for, as a fraction of spot.

    Args:
        change: position minus target, contracts, positive when long.
        total_size: contracts quoted on one side, all levels together.
        half_spread: the weighted average half spread, a fraction.
        limit: position limit in contracts; the skew stops growing there. None = no clamp.

    Returns:
        Negative when long: the mid goes down, so that the position is sold.

    Raises:
        ValueError: ``total_size`` is not positive.

    Source: "How to Market Make Bitcoin Derivatives", Lesson 2: skew = -(change in position /
    total size quoted per side) * weighted average half spread.

    >>> inventory_skew(1, 1, 0.05)
    -0.05
    >>> inventory_skew(30, 1, 0.05, limit=2)
    -0.1
    """
    if total_size <= 0:
        raise ValueError(f"no size quoted: {total_size=}")
    if limit is not None:
        change = max(-limit, min(limit, change))
    return -change / total_size * half_spread
