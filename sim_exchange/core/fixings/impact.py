"""Impact prices: what an order of a given worth would get from one side of a book (E6).

Book levels are (ticks, visible contracts), best first. Prices come out as exact fractions of pico;
``impact_mid`` alone is rounded, to half a tick.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import gcd

from sim_exchange.core.types import PICO, PPM, Kind, currency_decimals, rha

NOTIONAL_AT_FULL_MARGIN = 10_000_000
"""0.1 XBT in minor units: the impact notional of a contract whose initial margin is 100 %."""


def impact_notional(init_margin_ppm: int, at_full_margin: int = NOTIONAL_AT_FULL_MARGIN) -> int:
    """Return the impact notional of a contract's initial margin, in minor units.

    It is 0.1 XBT / margin from 2016 to 2020-12-15, and 0.2 XBT / margin to 2021-04-27.

    >>> impact_notional(10_000), impact_notional(10_000, 20_000_000)
    (1000000000, 2000000000)
    """
    return rha(at_full_margin * PPM, init_margin_ppm)


def dollar_notional(usd: int, settl_currency: str, price: int = 1, decimals: int = 0) -> int:
    """Return an impact notional that is given in dollars, in minor units (from 2021-04-27 on).

    Args:
        usd: whole dollars.
        settl_currency: minor code of what the contract settles in.
        price: dollars that a coin of it costs, in 10**-decimals.
        decimals: of ``price``.

    >>> dollar_notional(10_000, "XBt", 5_000_000, 2), dollar_notional(10_000, "USDt")
    (20000000, 10000000000)
    """
    return rha(usd * 10 ** (currency_decimals(settl_currency) + decimals), price)


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
    # What is left is ``left / whole`` minor units: fractions that are made once, at the end.
    left, whole = notional, 1
    contracts = 0
    worth_at_one = multiplier * PICO
    for ticks, size in levels:
        price = ticks * tick_pico
        if size * worth_at_one * whole >= left * price:
            return Fraction(contracts * worth_at_one * whole + left * price, notional * whole)
        left = left * price - size * worth_at_one * whole
        whole *= price
        common = gcd(left, whole)
        left //= common
        whole //= common
        contracts += size
    return None


def impact_mid(impact_bid: Fraction, impact_ask: Fraction, tick_pico: int) -> int:
    """Return the mean of two impact prices in pico, rounded to half a tick.

    Halves of half a tick go away from zero. ``tick_pico`` is even for every tick of 2 pico and up.
    """
    twice = impact_bid + impact_ask
    half_ticks = rha(twice.numerator, twice.denominator * tick_pico)
    return half_ticks * tick_pico // 2
