"""One side of a ladder on a geometric grid that stands still: which order stands where.

Position ``p`` of a grid is the price ``exp(p * step)``. The order at a position is slot number
``p % levels``, so that a ladder that moves by one step moves one order from its end to its front.
"""

from math import exp, floor

import msgspec

from sim_exchange.core.types import PICO, Side


class GridFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One ladder; fractions are of the price."""

    step: float
    """Distance of two levels."""
    levels: int
    """Orders a side."""
    offset: float
    """How far from the path the first level stays."""
    slack: float
    """How far the path may leave a step before the ladder moves."""
    value: float
    """Mean size of a level, XBT."""
    jitter: float
    """Sizes are drawn evenly between ``value * (1 - jitter)`` and ``value * (1 + jitter)``."""


class Slot:
    """One order of a ladder."""

    __slots__ = ("account", "filling", "order_id", "price", "qty", "side")

    def __init__(self, account: int, side: Side) -> None:
        """Stand nowhere yet."""
        self.account = account
        self.side = side
        self.order_id = 0
        """0 while there is no order."""
        self.price = 0
        """Where it belongs, ticks."""
        self.qty = 0
        """Its whole size, minor units of the coin."""
        self.filling = False
        """Whether it is going to be filled up."""


class Ladder:
    """The slots of one side."""

    __slots__ = ("_figures", "_top", "side", "slots")

    def __init__(self, account: int, side: Side, figures: GridFigures) -> None:
        """Have as many slots as levels, all of them nowhere yet."""
        self.side = side
        self.slots = [Slot(account, side) for _ in range(figures.levels)]
        self._figures = figures
        self._top: int | None = None

    def calm(self) -> tuple[float, float]:
        """The log prices between which ``move`` has nothing to do; call it after a ``move``."""
        figures, sign = self._figures, self.side.value
        if self._top is None:
            return 0.0, 0.0
        low = sign * (self._top * figures.step - figures.slack + figures.offset)
        high = sign * ((self._top + 1) * figures.step + figures.slack + figures.offset)
        return min(low, high), max(low, high)

    def move(self, log_price: float, tick_pico: int) -> list[Slot]:
        """Follow the path to ``log_price``; return the slots whose price changed, maybe none.

        A bid's price is rounded down to a tick, an ask's to the next tick above.
        """
        figures, sign = self._figures, self.side.value
        # Asks are bids of the mirrored price.
        x = (sign * log_price - figures.offset) / figures.step
        slack = figures.slack / figures.step
        old, count = self._top, figures.levels
        if old is not None and old - slack <= x < old + 1 + slack:
            return []
        self._top = new = floor(x)
        kept = range(0) if old is None else range(old - count + 1, old + 1)
        moved = []
        for position in range(new - count + 1, new + 1):
            if position not in kept:
                slot = self.slots[position % count]
                slot.price = self._ticks(sign * position, tick_pico)
                moved.append(slot)
        return moved

    def _ticks(self, position: int, tick_pico: int) -> int:
        ticks = floor(exp(position * self._figures.step) * PICO / tick_pico)
        return max(1, ticks) if self.side is Side.BUY else ticks + 1
