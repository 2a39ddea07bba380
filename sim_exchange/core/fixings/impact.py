"""Impact prices: what an order of a given worth would get from one side of a book (E6).

Book levels are (ticks, visible contracts), best first. Prices come out as exact fractions of pico;
``impact_mid`` alone is rounded, to half a tick.
"""

from collections.abc import Iterable
from fractions import Fraction

from sim_exchange.core.types import PICO, PPM, Kind, rha

NOTIONAL_AT_FULL_MARGIN = 10_000_000
"""0.1 XBT in minor units: the impact notional of a contract whose initial margin is 100 %."""


def impact_notional(init_margin_ppm: int) -> int:
    """Return the impact notional, 0.1 XBT / initial margin, in XBt (era 2016 to 2020-12-15).

    >>> impact_notional(10_000)
    1000000000
    """
    return rha(NOTIONAL_AT_FULL_MARGIN * PPM, init_margin_ppm)


def impact_price(
    levels: Iterable[tuple[int, int]],
    notional: int,
    kind: Kind,
    multiplier: int,
    tick_pico: int,
) -> Fraction | None:
    """Return the average price of trading ``notional`` minor units into ``levels``, in pico.

    A contract's worth is exact here, not the rounded value of a lot: ``multiplier`` times price for
    linear and quanto contracts, over price for inverse ones. The last contract may be a fraction.

    Returns:
        None where the levels are worth less than the notional.
    """
    if kind is Kind.INVERSE:
        return _harmonic(levels, notional, abs(multiplier), tick_pico)
    return _arithmetic(levels, notional, multiplier, tick_pico)


def _arithmetic(
    levels: Iterable[tuple[int, int]], notional: int, multiplier: int, tick_pico: int
) -> Fraction | None:
    left = notional * PICO  # worth still to be traded, in 1e-12 minor units
    contracts = 0
    for ticks, size in levels:
        per_contract = multiplier * ticks * tick_pico
        worth = size * per_contract
        if worth >= left:
            # contracts + left/per_contract contracts cost the notional: its price is the quotient
            return Fraction(
                notional * PICO * per_contract, multiplier * (contracts * per_contract + left)
            )
        left -= worth
        contracts += size
    return None


def _harmonic(
    levels: Iterable[tuple[int, int]], notional: int, multiplier: int, tick_pico: int
) -> Fraction | None:
    left = Fraction(notional)
    contracts = 0
    for ticks, size in levels:
        per_contract = Fraction(multiplier * PICO, ticks * tick_pico)
        worth = size * per_contract
        if worth >= left:
            return (contracts + left / per_contract) * multiplier * PICO / notional
        left -= worth
        contracts += size
    return None


def impact_mid(impact_bid: Fraction, impact_ask: Fraction, tick_pico: int) -> int:
    """Return the mean of two impact prices in pico, rounded to half a tick.

    Halves of half a tick go away from zero. ``tick_pico`` is even for every tick of 2 pico and up.
    """
    twice = impact_bid + impact_ask
    half_ticks = rha(twice.numerator, twice.denominator * tick_pico)
    return half_ticks * tick_pico // 2
