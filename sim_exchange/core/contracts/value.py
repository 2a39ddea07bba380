"""What a contract is worth: one rounding per lot, one per fee, one floor per spot execution.

The value of ONE LOT is rounded half away from zero and then multiplied by the lots; profit is
always a difference of two such integers (exchange-rules.md E0, E1). On spot the cost of an
execution is one floor for both sides (E23), never a sum of lots.
"""

from math import gcd

from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import PICO, PPM, Kind, currency_decimals, rha


def ceil_div(num: int, den: int) -> int:
    """Return ``num / den`` rounded up; ``den`` > 0.

    >>> ceil_div(5, 2), ceil_div(-5, 2)
    (3, -2)
    """
    return -(-num // den)


def fee(rate_ppm: int, value: int) -> int:
    """Return the fee on ``value`` minor units: nearest, exact halves towards minus infinity (E0).

    Args:
        rate_ppm: 1e-6 of the value; negative is a rebate.
        value: absolute value of the execution in minor units, never negative.

    Returns:
        Minor units; positive is paid, negative is received.

    >>> fee(750, 88_155), fee(-250, 172_306_000), fee(675, 39_260_000)
    (66, -43077, 26500)
    """
    return -((PPM - 2 * rate_ppm * value) // (2 * PPM))


_SHOWN = 10**8
"""Pico in the last decimal of a shown inverse price: 4 decimals."""


_MOST_VALUES = 4096
"""How many prices are remembered with their values; then all are worked out anew."""


class _LotValues(dict[int, int]):
    """Values of one lot by price in ticks, each worked out when it is first asked for."""

    __slots__ = ("_maths",)

    def __init__(self, maths: "ValueMaths") -> None:
        super().__init__()
        self._maths = maths

    def __missing__(self, ticks: int) -> int:
        if len(self) >= _MOST_VALUES:
            self.clear()
        value = self[ticks] = self._maths.at_ticks(ticks)
        return value


class ValueMaths:
    """Values of one instrument; its rationals are reduced once, so a value costs a division.

    ``lot_values`` has the value of one lot by price in ticks, as ``at_ticks`` gives it.
    """

    __slots__ = (
        "_den",
        "_inverse_num",
        "_mark_unit",
        "_tick_num",
        "bankrupt_tick_pico",
        "inverse",
        "lot_size",
        "lot_values",
        "sign",
        "tick_pico",
    )

    def __init__(self, spec: InstrumentSpec) -> None:
        """Precompute from a spec that ``contracts.instrument`` has found good."""
        self.inverse = spec.kind is Kind.INVERSE
        self.sign = -1 if self.inverse else 1  # of a long's cost on the wire (E1)
        self.lot_size = spec.lot_size
        self.tick_pico = spec.tick_pico
        self.bankrupt_tick_pico = spec.bankrupt_tick_pico or spec.tick_pico
        self._mark_unit: int = 10 ** (12 - spec.mark_decimals)
        self._inverse_num = abs(spec.multiplier) * spec.lot_size * PICO
        if spec.kind is Kind.SPOT:
            num = spec.tick_pico * 10 ** currency_decimals(spec.settl_currency)
            den = PICO * 10 ** currency_decimals(spec.base_currency)
        else:
            num, den = abs(spec.multiplier) * spec.lot_size * spec.tick_pico, PICO
        common = gcd(num, den)
        self._tick_num: int = num // common
        self._den: int = den // common
        self.lot_values: dict[int, int] = _LotValues(self)

    def at_ticks(self, ticks: int) -> int:
        """Return the value of one lot at a price in ticks, minor units of the settlement currency.

        Raises:
            ZeroDivisionError: an inverse contract has no value at price 0 (E1).
        """
        if self.inverse:
            den = ticks * self.tick_pico
            return (2 * self._inverse_num + den) // (2 * den)
        return (2 * self._tick_num * ticks + self._den) // (2 * self._den)

    def at_pico(self, pico: int) -> int:
        """Return the value of one lot at a price of 1e-12, minor units."""
        if self.inverse:
            return rha(self._inverse_num, pico)
        return rha(self._tick_num * pico, self._den * self.tick_pico)

    def at_mark(self, mark: int) -> int:
        """Return the value of one lot at a price of 10**-mark_decimals, minor units.

        ``mark`` is not negative; on an inverse contract it is not 0 either.
        """
        pico = mark * self._mark_unit
        if self.inverse:
            return (2 * self._inverse_num + pico) // (2 * pico)
        den = self._den * self.tick_pico
        return (2 * self._tick_num * pico + den) // (2 * den)

    def mark_to_pico(self, mark: int) -> int:
        """Return a price of 10**-mark_decimals in 1e-12."""
        return mark * self._mark_unit

    def pico_to_mark(self, pico: int) -> int:
        """Return a price of 1e-12 at the instrument's mark decimals, to nearest."""
        return rha(pico, self._mark_unit)

    def exec_cost(self, side: int, price: int, qty: int) -> int:
        """Return what ``qty`` contracts cost at ``price`` ticks, with the sign of the wire."""
        return self.sign * side * self.at_ticks(price) * (qty // self.lot_size)

    def cost_floor(self, qty: int, ticks: int) -> int:
        """Return the cost of a spot execution in minor units of the quote coin (E23)."""
        return qty * ticks * self._tick_num // self._den

    def cost_ceil(self, qty: int, ticks: int) -> int:
        """Return what a spot order must hold for ``qty`` at ``ticks``, without the fee."""
        return -(-qty * ticks * self._tick_num // self._den)

    def price_of_value(self, value: int, lots: int) -> tuple[int, int]:
        """Return the exact price in 1e-12, as a rational, at which ``lots`` are worth ``value``."""
        if self.inverse:
            return self._inverse_num * lots, value
        return value * self._den * self.tick_pico, self._tick_num * lots

    def average_pico(self, qty: int, cost: int) -> int:
        """Return the shown entry price of a position, in 1e-12; 0 when flat. Display only.

        Inverse prices have 4 decimals; with lots of one contract they come from the satoshis a
        contract cost, floored for a long and to nearest for a short (E0, E2).

        Args:
            qty: contracts, negative when short.
            cost: integer cost, either sign.
        """
        lots = abs(qty) // self.lot_size
        if not lots or not cost:
            return 0
        if not self.inverse:
            num, den = self.price_of_value(abs(cost), lots)
            return rha(num, den)
        if self.lot_size == 1:
            each = abs(cost) // lots if qty > 0 else rha(abs(cost), lots)
            return rha(self._inverse_num, each * _SHOWN) * _SHOWN
        return rha(self._inverse_num * lots, abs(cost) * _SHOWN) * _SHOWN

    def average_fill_pico(self, qty: int, cost: int) -> int:
        """Return the average price of an order's fills, in 1e-12, inverse ones at 4 decimals."""
        lots = qty // self.lot_size
        if self.inverse:
            return rha(self._inverse_num * lots, cost * _SHOWN) * _SHOWN
        num, den = self.price_of_value(cost, lots)
        return rha(num, den)
