"""Margin of a position, its liquidation and its bankruptcy (E12), as plain functions of integers.

``cost`` is the absolute integer cost, ``side`` +1 for a long and -1 for a short, rates are ppm.
"""

import msgspec

from sim_exchange.core.contracts.value import ValueMaths, ceil_div
from sim_exchange.core.types import PICO, PPM

NEVER_PICO = 100_000_000 * PICO
"""What the venue shows where there is no such price: 100000000."""


class Takeover(msgspec.Struct, frozen=True, kw_only=True):
    """Where a position is liquidated and where it is bankrupt.

    Lot values are minor units; prices are pico, already at the tick; 0 and ``NEVER_PICO`` are out
    of reach.
    """

    liquidation_value: int
    liquidation_pico: int
    bankrupt_value: int
    bankrupt_pico: int


def pos_init(cost: int, init_num: int, init_den: int) -> int:
    """Return the initial margin, ceil(rate*cost)."""
    return ceil_div(cost * init_num, init_den)


def pos_comm(cost: int, init: int, cross: int, taker_ppm: int) -> int:
    """Return the reserve for the closing fee, ceil(taker*(cost + init + cross))."""
    return ceil_div(taker_ppm * (cost + init + cross), PPM)


def pos_maint(cost: int, comm: int, maint_ppm: int, funding_ppm: int, side: int) -> int:
    """Return the maintenance margin; the funding rate counts where this side would pay it."""
    return ceil_div(cost * (maint_ppm + max(0, side * funding_ppm)), PPM) + comm


def lot_value(*, inverse: bool, side: int, cost: int, loss: int, lots: int) -> int:
    """Return the value of one lot at which a position has lost ``loss`` minor units.

    Rounded so that it never costs more than the margin (E0): inverse long down, short up; linear
    and quanto long up, short down. Never below 0.
    """
    if inverse == (side > 0):
        return max(0, (cost + loss) // lots)
    return max(0, ceil_div(cost - loss, lots))


def shown_price(
    maths: ValueMaths, *, side: int, cost: int, loss: int, lots: int, max_price_ticks: int
) -> int:
    """Return the price, in pico, that the venue shows for a loss: long up to the tick, short down.

    The tick is the contract's own for these two prices, which may be finer than that of its orders.
    Inverse prices come from the rounded value of a lot, linear and quanto ones from the exact loss.
    """
    if maths.inverse:
        value = lot_value(inverse=True, side=side, cost=cost, loss=loss, lots=lots)
        if value <= 0:
            return NEVER_PICO
        num, den = maths.price_of_value(value, 1)
    else:
        num, den = maths.price_of_value(cost - side * loss, lots)
        if num <= 0:
            return 0
    tick = maths.bankrupt_tick_pico
    pico = (ceil_div(num, den * tick) if side > 0 else num // (den * tick)) * tick
    return NEVER_PICO if pico > max_price_ticks * maths.tick_pico else pico


def isolated(
    maths: ValueMaths,
    *,
    side: int,
    cost: int,
    lots: int,
    margin: int,
    maint: int,
    comm: int,
    max_price_ticks: int,
) -> Takeover:
    """Return where an isolated position ends: it can lose no more than its own margin."""
    return _takeover(maths, side, cost, lots, margin - maint, margin - comm, max_price_ticks)


def cross_losses(
    free: int, cost: int, maint_ppm: int, funding_ppm: int, side: int, taker_ppm: int
) -> tuple[int, int]:
    """Return the losses (to liquidation, to bankruptcy) that ``free`` minor units can bear.

    ``free`` is W of E12: the wallet less the margins of all other positions and all open orders,
    loan locks and the cross losses of the others. Where it is negative, because locks and margins
    of others exceed the wallet, the takeover leaves the wallet as it is: nobody is paid by it.
    """
    need = maint_ppm + max(0, side * funding_ppm) + taker_ppm
    whole = PPM + taker_ppm
    behind = max(0, free)
    return (free * PPM - need * cost) // whole, (behind * PPM - taker_ppm * cost) // whole


def cross(  # noqa: PLR0913 - the terms of the formula
    maths: ValueMaths,
    *,
    side: int,
    cost: int,
    lots: int,
    free: int,
    maint_ppm: int,
    funding_ppm: int,
    taker_ppm: int,
    max_price_ticks: int,
) -> Takeover:
    """Return where a cross position ends, with ``free`` minor units behind it."""
    to_liquidation, to_bankruptcy = cross_losses(
        free, cost, maint_ppm, funding_ppm, side, taker_ppm
    )
    return _takeover(maths, side, cost, lots, to_liquidation, to_bankruptcy, max_price_ticks)


def _takeover(
    maths: ValueMaths,
    side: int,
    cost: int,
    lots: int,
    to_liquidation: int,
    to_bankruptcy: int,
    max_price_ticks: int,
) -> Takeover:
    values = [
        lot_value(inverse=maths.inverse, side=side, cost=cost, loss=loss, lots=lots)
        for loss in (to_liquidation, to_bankruptcy)
    ]
    prices = [
        shown_price(
            maths, side=side, cost=cost, loss=loss, lots=lots, max_price_ticks=max_price_ticks
        )
        for loss in (to_liquidation, to_bankruptcy)
    ]
    return Takeover(
        liquidation_value=values[0],
        liquidation_pico=prices[0],
        bankrupt_value=values[1],
        bankrupt_pico=prices[1],
    )
