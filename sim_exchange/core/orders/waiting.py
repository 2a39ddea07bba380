"""Orders that wait outside the book: for a price (E4), another order, the end of a delay (E22).

A falling price triggers sell stops and buy if-touched orders, a rising one the others; equality
triggers. A list for each price that can be looked at and each direction has the next one at its
end, so that a price that moves costs what it triggers. Prices are pico.
"""

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from sim_exchange.core.orders.order import (
    INDEX_PRICE,
    LAST_PRICE,
    LAST_WITHIN_MARK,
    MARK_PRICE,
    STOP_KINDS,
    Order,
)
from sim_exchange.core.types import Side, TriggerPrice
from sim_exchange.errors import InvariantError

if TYPE_CHECKING:
    from sim_exchange.core.orders.market import Market

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_SELL = Side.SELL
_MARK, _LAST = TriggerPrice.MARK, TriggerPrice.LAST

BY_MARK, BY_LAST, BY_LAST_WITHIN_MARK, BY_INDEX = range(4)
"""What an order is triggered by, in the order in which they are looked at."""
WITHIN_PERCENT = 5
"""How far the last price may be through the mark to trigger a LastWithinMark order."""

_Entry = tuple[int, int, Order]  # price that triggers it times the direction's sign, minus id


def trigger_of(flags: int, default: TriggerPrice) -> int:
    """Return what the bits of an execInst say is looked at: ``BY_MARK``..."""
    if flags & LAST_WITHIN_MARK:
        return BY_LAST_WITHIN_MARK
    if flags & LAST_PRICE:
        return BY_LAST
    if flags & INDEX_PRICE:
        return BY_INDEX
    if flags & MARK_PRICE or default is _MARK:
        return BY_MARK
    return BY_LAST if default is _LAST else BY_INDEX


def falls(order: Order) -> bool:
    """Whether a falling price triggers the order: sell stops, buy if-touched."""
    return (order.side is _SELL) == (order.ord_type in STOP_KINDS)


class Waiting:
    """The waiting orders of one market.

    ``orders`` are all of them, oldest first; ``held`` those that wait for their primary order,
    ``delayed`` those that a speed bump holds, with the instant at which they enter. The others are
    in ``_queues``; ``trailing`` are those of them whose trigger price follows the market.
    """

    __slots__ = ("_default", "_queues", "delayed", "held", "orders", "trailing")

    def __init__(self, default: TriggerPrice) -> None:
        """Start empty; ``default`` triggers orders whose execInst names no price."""
        self._default = default
        self.orders: dict[int, Order] = {}
        self.held: dict[int, Order] = {}
        self.delayed: dict[int, int] = {}
        self.trailing: dict[int, Order] = {}
        self._queues: tuple[tuple[list[_Entry], list[_Entry]], ...] = tuple(
            ([], []) for _ in range(4)
        )

    def add(self, order: Order, tick_pico: int) -> None:
        """Let an order wait for its price."""
        order.waiting = True
        self.orders[order.order_id] = order
        if order.peg_price_type:
            self.trailing[order.order_id] = order
        queue, entry = self._place(order, tick_pico)
        insort(queue, entry)

    def hold(self, order: Order) -> None:
        """Let an order wait for its primary order."""
        order.waiting = True
        self.orders[order.order_id] = order
        self.held[order.order_id] = order

    def delay(self, order: Order, due_ns: int) -> None:
        """Hold an order until ``due_ns``."""
        order.waiting = True
        self.orders[order.order_id] = order
        self.delayed[order.order_id] = due_ns

    def remove(self, order: Order, tick_pico: int) -> None:
        """Take an order out.

        Raises:
            InvariantError: it is not there.
        """
        order.waiting = False
        del self.orders[order.order_id]
        key = order.order_id
        if self.held.pop(key, None) is not None or self.delayed.pop(key, None) is not None:
            return
        self.trailing.pop(order.order_id, None)
        queue, entry = self._place(order, tick_pico)
        at = bisect_left(queue, entry)
        if at == len(queue) or queue[at][2] is not order:
            raise InvariantError(f"order {order.order_id} does not wait at {order.stop_px}")
        del queue[at]

    def _place(self, order: Order, tick_pico: int) -> tuple[list[_Entry], _Entry]:
        """Return the list that an order stands in, and its entry there."""
        falling = falls(order)
        price = (order.stop_px or 0) * tick_pico
        queue = self._queues[trigger_of(order.flags, self._default)][not falling]
        # The next to be triggered is last: the highest of the falling, the lowest of the rising.
        return queue, (price if falling else -price, -order.order_id, order)

    def first_due(self, market: "Market") -> Order | None:
        """Return the order that the prices of now trigger first, or None.

        By what it is triggered by, then the price that was reached first, then the oldest.
        """
        for trigger, (falling, rising) in enumerate(self._queues):
            if not falling and not rising:
                continue
            price = reference(market, trigger)
            if not price:
                continue
            low = high = True
            if trigger == BY_LAST_WITHIN_MARK:
                mark = market.maths.mark_to_pico(market.mark)
                low = price * 100 >= mark * (100 - WITHIN_PERCENT)
                high = price * 100 <= mark * (100 + WITHIN_PERCENT)
            if falling and low and falling[-1][0] >= price:
                return falling[-1][2]
            if rising and high and -rising[-1][0] <= price:
                return rising[-1][2]
        return None

    def check(self, tick_pico: int) -> None:
        """Verify that the lists are sorted and hold exactly the waiting orders.

        Raises:
            InvariantError: it is not so.
        """
        queued = self._check_queues(tick_pico)
        if sorted([*queued, *self.held, *self.delayed]) != sorted(self.orders):
            raise InvariantError(
                f"orders {sorted(self.orders)} wait, {sorted(queued)} for a price,"
                f" {sorted(self.held)} for another order, {sorted(self.delayed)} for a delay"
            )
        trailing = {key for key, order in queued.items() if order.peg_price_type}
        if trailing != self.trailing.keys():
            raise InvariantError(f"orders {sorted(trailing)} trail, kept {sorted(self.trailing)}")
        for order in self.orders.values():
            if not order.is_open or not order.waiting or order.level is not None or order.working:
                raise InvariantError(f"order {order.order_id} waits and does not")
            if order.held_quote or order.held_base or order.reserved:
                raise InvariantError(f"order {order.order_id} waits and holds something")

    def _check_queues(self, tick_pico: int) -> dict[int, Order]:
        queued: dict[int, Order] = {}
        for queue in [queue for pair in self._queues for queue in pair]:
            if queue != sorted(queue):
                raise InvariantError("waiting orders are not in the order of their prices")
            for entry in queue:
                queued[entry[2].order_id] = entry[2]
                if self._place(entry[2], tick_pico) != (queue, entry):
                    raise InvariantError(f"order {-entry[1]} waits in the wrong place")
        return queued


def reference(market: "Market", trigger: int) -> int:
    """Return the price that an order is triggered by, in pico; 0 when there is none yet."""
    maths = market.maths
    if trigger == BY_MARK:
        return maths.mark_to_pico(market.mark)
    if trigger == BY_INDEX:
        return maths.mark_to_pico(market.index_price)
    return market.last_price * maths.tick_pico
