"""Exposure to spot orders: after each fill, bring the net exposure to 0 (Lesson 1, dynamic hedge).

The spot row is coins minus loan minus interest, so that interest is hedged too and a flip leaves no
dust. When the futures are flat, a Market order with execInst Close brings the row to exactly 0.
"""

from dataclasses import dataclass

from mmbot.types import Side


@dataclass(frozen=True, slots=True)
class SpotOrder:
    """A spot order that is wanted; ``qty`` in minor units of the base coin, None = Close."""

    side: Side
    qty: int | None


def hedge_order(
    exposure: int, spot_row: int, *, lot: int = 1, threshold: int = 0
) -> SpotOrder | None:
    """Return the Market order that brings the net exposure to 0; None when it is there.

    Args:
        exposure: coins that the futures move with, minor units, positive when long.
        spot_row: coins minus loan minus interest, minor units.
        lot: of the spot instrument, minor units; the order is cut to lots towards 0.
        threshold: minor units of net exposure up to which nothing is done, unless the futures are
            flat: then any remainder is closed.

    >>> hedge_order(-300, 0)
    SpotOrder(side=<Side.BUY: 1>, qty=300)
    >>> hedge_order(0, 300)
    SpotOrder(side=<Side.SELL: -1>, qty=None)
    """
    if exposure == 0:
        return close_order(spot_row)
    net = exposure + spot_row
    qty = abs(net) // lot * lot
    if abs(net) <= threshold or qty == 0:
        return None
    return SpotOrder(Side.SELL if net > 0 else Side.BUY, qty)


def close_order(spot_row: int) -> SpotOrder | None:
    """Return the order that sells what is held or buys back what is owed; None when it is 0."""
    if spot_row == 0:
        return None
    return SpotOrder(Side.SELL if spot_row > 0 else Side.BUY, None)
