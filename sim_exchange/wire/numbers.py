"""Numbers on the wire: scaled integers to JSON numbers and back, correct to the last digit.

An ``int / int`` in Python is correctly rounded, so the shortest spelling of the quotient is the
decimal that was meant (``265501 / 10**8`` is ``0.00265501``); whole numbers lose their ``.0``.
"""

import math
from decimal import Decimal, InvalidOperation

from sim_exchange.core.types import PICO, PPM
from sim_exchange.errors import BadRequestError

Number = int | float
"""A JSON number."""

_SNAP = 1e-6  # of a tick: clients send 30000.499999999996 for 30000.5 (protocol.md 0.1, rule 10)
_FLOAT_SAFE = 10**8  # below this many ticks a float knows them to better than the snap
_MAX_TICKS = 1 << 62
_SCALES: tuple[int, ...] = tuple(10**n for n in range(25))


def pico_number(value: int) -> Number:
    """Spell an integer of 1e-12.

    >>> pico_number(2_655_010_000), pico_number(5 * 10**12)
    (0.00265501, 5)
    """
    whole, rest = divmod(value, PICO)
    return value / PICO if rest else whole


def ticks_number(ticks: int, tick_pico: int) -> Number:
    """Spell a price given in ticks.

    >>> ticks_number(265501, 10_000), ticks_number(60001, 5 * 10**11)
    (0.00265501, 30000.5)
    """
    value = ticks * tick_pico
    whole, rest = divmod(value, PICO)
    return value / PICO if rest else whole


def scaled_number(value: int, decimals: int) -> Number:
    """Spell an integer of ``10**-decimals``.

    >>> scaled_number(1000050, 2), scaled_number(1000000, 2)
    (10000.5, 10000)
    """
    scale = _SCALES[decimals]
    whole, rest = divmod(value, scale)
    return value / scale if rest else whole


def ratio_number(numerator: int, denominator: int) -> Number:
    """Spell an exact quotient; never ``-0.0``."""
    whole, rest = divmod(numerator, denominator)
    return numerator / denominator if rest else whole


def ppm_number(value: int) -> Number:
    """Spell a rate given in 1e-6.

    >>> ppm_number(2500), ppm_number(-500), ppm_number(0)
    (0.0025, -0.0005, 0)
    """
    whole, rest = divmod(value, PPM)
    return value / PPM if rest else whole


def to_decimal(value: object) -> Decimal | None:
    """Read a JSON number or its text; None when it is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, str) and not value.isascii():
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def to_integer(value: object) -> int | None:
    """Read a whole number: ``98``, ``"98"``, ``100.0``, ``"100.0"``; None when it isn't one."""
    if type(value) is int:
        return value
    if type(value) is float:
        return int(value) if value.is_integer() else None
    if type(value) is str and value.isdecimal() and value.isascii():
        return int(value) if len(value) < 20 else None
    number = to_decimal(value)
    if number is None or number.adjusted() > 20 or number != number.to_integral_value():
        return None
    return int(number)


def to_ticks(value: object, tick_pico: int, name: str = "price") -> int:
    """Read a price as whole ticks, forgiving a millionth of a tick.

    Raises:
        BadRequestError: ``Invalid <name>`` when it is no number, ``Invalid <name> tickSize`` when
            it lies off the grid.

    >>> to_ticks(30000.499999999996, 5 * 10**11)
    60001
    """
    if type(value) is float or type(value) is int:
        try:
            exact = value * PICO / tick_pico
        except OverflowError as error:  # a whole number that no float holds
            raise BadRequestError(f"Invalid {name}") from error
        if not math.isfinite(exact):
            raise BadRequestError(f"Invalid {name}")
        if -_FLOAT_SAFE < exact < _FLOAT_SAFE:
            ticks = round(exact)
            if abs(exact - ticks) > _SNAP:
                raise BadRequestError(f"Invalid {name} tickSize")
            return ticks
    number = to_decimal(value)
    if number is None:
        raise BadRequestError(f"Invalid {name}")
    if number.adjusted() > 15:
        raise BadRequestError(f"Invalid {name}")
    scaled = number * PICO / tick_pico
    whole = int(scaled.to_integral_value())
    if abs(scaled - whole) > Decimal("1e-6"):
        raise BadRequestError(f"Invalid {name} tickSize")
    if abs(whole) >= _MAX_TICKS:
        raise BadRequestError(f"Invalid {name}")
    return whole


def to_pico(value: object) -> int | None:
    """Read a number as an integer of 1e-12 (nearest); None when it is not a finite number."""
    number = to_decimal(value)
    if number is None or number.adjusted() > 12:
        return None
    return int((number * PICO).to_integral_value())
