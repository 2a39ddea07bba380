"""Triangular check: three trades that come back to where they began (seminar, exact rationals).

A leg buys at the ask or sells at the bid of one book; its size and lot are in the base coin of that
book. Fees are taken from what is received. Source: S3, exchange-rules.md E26.
"""

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

Exact = Decimal | Fraction | int
"""A number that is what it says; floats are not."""


class Leg(NamedTuple):
    """One trade of the three: what of the base coin is there at which price."""

    buys: bool
    price: Exact
    depth: Exact
    lot: Exact = 0
    """Sizes are whole multiples of it; 0 = any size."""


class Round(NamedTuple):
    """What the three trades come to."""

    sizes: tuple[Fraction, ...]
    """Of each leg, in the base coin of its book."""
    paid: Fraction
    received: Fraction
    profit: Fraction
    """As a fraction of what was paid; may be negative."""


def triangular_profit(legs: tuple[Leg, Leg, Leg], fee: Exact) -> Fraction:
    """Return the product of the rates times (1 - fee)**3, less 1; depth and lots left aside.

    >>> legs = (Leg(True, 600, 9), Leg(True, Decimal("0.02"), 9), Leg(False, Decimal("12.2"), 9))
    >>> round(float(triangular_profit(legs, Decimal("0.002"))), 9)
    0.010578859
    """
    product = Fraction(1)
    for leg in legs:
        price = _price(leg)
        product *= (1 / price if leg.buys else price) * _kept(fee)
    return product - 1


def triangular_round(legs: tuple[Leg, Leg, Leg], fee: Exact, start: Exact) -> Round | None:
    """Return the round trip of up to ``start`` of the first currency; None where nothing trades.

    The least deep of the three books bounds the size, and each leg is rounded down to its lot; what
    a leg leaves over of the coin before it counts for nothing.

    Args:
        legs: in the order in which they are done; each one pays with what the one before brought.
        fee: a fraction of what each leg receives.
        start: what may be paid, in the currency that the first leg pays with.

    Raises:
        ValueError: a price is not above 0, or the fee is not in [0, 1).
    """
    paid = min(Fraction(start), _most(legs, fee))
    if paid <= 0:
        return None
    sizes: list[Fraction] = []
    amount, spent = paid, Fraction(0)
    for number, leg in enumerate(legs):
        price = _price(leg)
        size = _down(amount / price if leg.buys else amount, Fraction(leg.lot))
        if size <= 0:
            return None
        if number == 0:
            spent = size * price if leg.buys else size
        sizes.append(size)
        amount = (size if leg.buys else size * price) * _kept(fee)
    return Round(tuple(sizes), spent, amount, amount / spent - 1)


def _most(legs: tuple[Leg, Leg, Leg], fee: Exact) -> Fraction:
    """Return what may be paid before the least deep of the three books is used up."""
    most: Fraction | None = None
    rate = Fraction(1)  # of what a leg pays with, for one unit of the start
    for leg in legs:
        price = _price(leg)
        size = rate / price if leg.buys else rate
        bound = Fraction(leg.depth) / size
        most = bound if most is None else min(most, bound)
        rate = (size if leg.buys else size * price) * _kept(fee)
    return most if most is not None else Fraction(0)


def _price(leg: Leg) -> Fraction:
    price = Fraction(leg.price)
    if price <= 0:
        raise ValueError(f"price {leg.price} must be above 0")
    return price


def _kept(fee: Exact) -> Fraction:
    kept = 1 - Fraction(fee)
    if not 0 < kept <= 1:
        raise ValueError(f"fee {fee} must be at least 0 and under 1")
    return kept


def _down(size: Fraction, lot: Fraction) -> Fraction:
    return size // lot * lot if lot else size
