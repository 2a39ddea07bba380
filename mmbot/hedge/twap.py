"""The settlement window: the hedge is unwound in slices just after each sampled print (Lesson 1).

    T-31 min       T-30 min       T-29 min   T-28 min    ...       T
    quotes pulled  delta hedge    slice 1    slice 2     ...       slice 30 = Close
                   stops          1st print  2nd print             30th print

The settlement price is the mean of the index's last price at the 30 minute marks in (T-30 min, T].
After k of them k/30 of it is fixed, so the future's delta is (30-k)/30 and so is the hedge.
"""

from mmbot.hedge.delta import SpotOrder, close_order
from mmbot.types import MINUTE_NS, Side

SLICES = 30


def slice_qty(quantity: int, slices_left: int, lot: int = 1) -> int:
    """Return the next slice of ``quantity``: its part, rounded up to ``lot``, at most all of it.

    Args:
        quantity: held or owed at this moment, minor units, not negative.
        slices_left: this one included, from 1.
        lot: of the spot instrument, minor units.

    >>> slice_qty(305, 30), slice_qty(250, 25), slice_qty(0, 3)
    (11, 10, 0)
    """
    part = -(-quantity // (slices_left * lot)) * lot
    return min(part, quantity // lot * lot)


def slice_plan(quantity: int, lot: int = 1, slices: int = SLICES) -> tuple[int, ...]:
    """Return all slices of a quantity that does not change on the way.

    >>> plan = slice_plan(305)
    >>> plan.count(11), plan.count(10)
    (5, 25)
    """
    plan = []
    for left in range(slices, 0, -1):
        plan.append(slice_qty(quantity, left, lot))
        quantity -= plan[-1]
    return tuple(plan)


def hedged_part(quantity: int, prints: int, slices: int = SLICES) -> int:
    """Return the exposure that is left of ``quantity`` after ``prints`` of the samples.

    >>> hedged_part(300, 0), hedged_part(300, 12), hedged_part(-300, 30)
    (300, 180, 0)
    """
    left = abs(quantity) * (slices - prints) // slices
    return left if quantity >= 0 else -left


class Slicer:
    """Which slice is due; a missed minute is carried, because each slice divides what is left."""

    def __init__(self, expiry_ns: int, *, delay_ns: int, slices: int = SLICES) -> None:
        """Trade ``delay_ns`` after each minute mark up to ``expiry_ns``."""
        self.expiry_ns = expiry_ns
        self.start_ns = expiry_ns - slices * MINUTE_NS
        self.slices = slices
        self.done = 0  # number of the last slice that was sent or had nothing to send
        self._delay_ns = delay_ns

    def prints(self, now_ns: int) -> int:
        """Return how many samples have been taken by ``now_ns``."""
        return max(0, min(self.slices, (now_ns - self.start_ns) // MINUTE_NS))

    def due(self, now_ns: int) -> int:
        """Return the number of the slice that should have been sent by ``now_ns``; 0 = none."""
        return self.prints(now_ns - self._delay_ns)

    def next_ns(self) -> int:
        """Return when the slice after the last one is due."""
        number = min(self.done + 1, self.slices)
        return self.start_ns + number * MINUTE_NS + self._delay_ns

    def order(self, now_ns: int, spot_row: int, *, lot: int, least: int) -> SpotOrder | None:
        """Return the slice to send now, and count it as done; None = nothing to send.

        The last one closes, and is wanted again until the row is 0.

        Args:
            now_ns: the time.
            spot_row: coins minus loan minus interest, minor units.
            lot: of the spot instrument, minor units.
            least: an order below this is carried to the next slice, minor units.
        """
        due = self.due(now_ns)
        if due >= self.slices:
            self.done = self.slices
            return close_order(spot_row)
        if due <= self.done:
            return None
        self.done = due
        qty = slice_qty(abs(spot_row), self.slices - due + 1, lot)
        if qty < max(1, least):
            return None
        return SpotOrder(Side.SELL if spot_row > 0 else Side.BUY, qty)
