"""What a borrower must keep behind the coins owed: the lock, and when it is no longer enough (E24).

Values are minor units of XBt; an index is in 10**-decimals of its symbol, XBT a whole coin.
"""

from sim_exchange.core.types import currency_decimals

INITIAL_PERCENT = 140
"""What is locked of the wallet: the proceeds of what was borrowed and 40 % more."""
MAINTENANCE_PERCENT = 20
"""Below this share of what is owed in net value, all positions are closed and loans repaid."""


def _value(amount: int, currency: str, index: int, decimals: int, percent: int) -> tuple[int, int]:
    """Return ``percent`` of the value of coins as a fraction of minor units of XBt."""
    xbt = 10 ** currency_decimals("XBt")
    scale: int = 100 * 10 ** (currency_decimals(currency) + decimals)
    return amount * index * percent * xbt, scale


def coin_value(amount: int, currency: str, index: int, decimals: int) -> int:
    """Return what ``amount`` minor units of a coin are worth, rounded down; a debt is negative.

    >>> coin_value(300 * 10**8, "ETC", 2_000_000, 8)
    600000000
    """
    numerator, denominator = _value(amount, currency, index, decimals, 100)
    return numerator // denominator


def loan_lock(owed: int, currency: str, index: int, decimals: int) -> int:
    """Return what is locked of the XBt wallet for ``owed`` minor units of a coin, rounded up.

    >>> loan_lock(300 * 10**8, "ETC", 2_000_000, 8)
    840000000
    """
    numerator, denominator = _value(owed, currency, index, decimals, INITIAL_PERCENT)
    return -(-numerator // denominator)


def margin_ppm(net_value: int, borrowed_value: int) -> int:
    """Return the current margin, net over borrowed value, in ppm rounded down; for showing it.

    Raises:
        ValueError: nothing is borrowed.
    """
    if borrowed_value <= 0:
        raise ValueError(f"no margin of a borrowed value of {borrowed_value}")
    return net_value * 1_000_000 // borrowed_value


def is_covered(net_value: int, borrowed_value: int) -> bool:
    """Return whether net value is at least 20 % of what is borrowed; exactly 20 % still is."""
    return net_value * 100 >= borrowed_value * MAINTENANCE_PERCENT
