"""What quantities are worth, exactly: values at a price, and the rounding of E0."""

from collections.abc import Callable
from fractions import Fraction
from math import floor

from mmbot.books.parts import BooksError
from mmbot.types import Instrument, Kind

ZERO = Fraction(0)
HALF = Fraction(1, 2)


def rha(value: Fraction) -> int:
    """Round half away from zero (E0).

    >>> rha(Fraction(5, 2)), rha(Fraction(-5, 2)), rha(Fraction(-7, 3))
    (3, -3, -2)
    """
    whole = floor(abs(value) + HALF)
    return whole if value >= 0 else -whole


def decimal(price: float) -> Fraction:
    """Return the venue's decimal that a float stands for, exactly.

    >>> decimal(0.00265501)
    Fraction(265501, 100000000)
    """
    return Fraction(repr(price))


def minor_decimals(currency: str) -> int:
    """Return the decimals of a currency's minor unit.

    >>> minor_decimals("XBt"), minor_decimals("USDt"), minor_decimals("ETC")
    (8, 6, 8)
    """
    return 6 if currency == "USDt" else 8


Value = Callable[[int, Fraction], Fraction]
"""The exact cost of ``qty`` (signed, contracts or minor units) at a price, in the wire's sign."""


def value_of(instrument: Instrument) -> Value:
    """Return how a quantity of ``instrument`` is worth money (E1, E23), before any rounding.

    Raises:
        BooksError: the instrument is an index.
    """
    multiplier = instrument.multiplier
    match instrument.kind:
        case Kind.LINEAR | Kind.QUANTO:
            return lambda qty, price: qty * multiplier * price
        case Kind.INVERSE:
            # The wire's multiplier is negative, so a buy costs a negative amount.
            return lambda qty, price: qty * multiplier / price
        case Kind.SPOT:
            quote = minor_decimals(instrument.settl_currency)
            scale = Fraction(10**quote, 10 ** minor_decimals(instrument.underlying))
            return lambda qty, price: qty * scale * price
        case Kind.INDEX:
            raise BooksError(f"{instrument.symbol} is an index, nobody trades it")


def contract_cost(instrument: Instrument, qty: int, price: float) -> Fraction:
    """Return what signed contracts cost at a price, in the wire's sign: per lot, then times lots.

    It is whole for whole lots (E0).
    """
    lot = instrument.lot_size
    return Fraction(qty, lot) * rha(value_of(instrument)(lot, decimal(price)))
