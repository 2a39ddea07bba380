"""A book: price levels found by price, their best by a sorted list, queues as linked orders.

Prices are ticks. At one price the visible orders stand before the hidden ones (E4); the refill of
an iceberg goes to the back of the visible queue.
"""

from bisect import bisect_left, insort

from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import Side
from sim_exchange.errors import InvariantError

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_BUY = Side.BUY


class Level:
    """One price of one side: a queue of visible orders and one of hidden ones, oldest first."""

    __slots__ = ("head", "hidden_head", "hidden_tail", "price", "size", "tail", "total")

    def __init__(self, price: int) -> None:
        self.price = price
        self.size = 0  # visible
        self.total = 0  # visible and hidden
        self.head: Order | None = None
        self.tail: Order | None = None
        self.hidden_head: Order | None = None
        self.hidden_tail: Order | None = None

    def first(self) -> Order:
        """Return the order that trades next; a level is never empty."""
        order = self.head or self.hidden_head
        if order is None:
            raise InvariantError(f"level {self.price} is empty")
        return order

    def append(self, order: Order) -> None:
        """Put ``order`` at the back of the queue that its shown part decides."""
        order.next = None
        if order.shown:
            order.prev = self.tail
            if self.tail is None:
                self.head = order
            else:
                self.tail.next = order
            self.tail = order
        else:
            order.prev = self.hidden_tail
            if self.hidden_tail is None:
                self.hidden_head = order
            else:
                self.hidden_tail.next = order
            self.hidden_tail = order

    def unlink(self, order: Order) -> None:
        """Take ``order`` out of its queue."""
        before, after = order.prev, order.next
        if before is not None:
            before.next = after
        elif self.head is order:
            self.head = after
        else:
            self.hidden_head = after
        if after is not None:
            after.prev = before
        elif self.tail is order:
            self.tail = before
        else:
            self.hidden_tail = before
        order.prev = order.next = None

    def orders(self) -> list[Order]:
        """Return the orders in the order in which they would trade."""
        found = []
        for head in (self.head, self.hidden_head):
            order = head
            while order is not None:
                found.append(order)
                order = order.next
        return found


class Half:
    """One side of a book.

    ``keys`` are its prices times the side's sign, so that the best is last. ``changed`` collects
    the prices whose visible size changed, until it is drained.
    """

    __slots__ = ("by_price", "changed", "keys", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.by_price: dict[int, Level] = {}
        self.keys: list[int] = []
        self.changed: dict[int, None] = {}

    def best(self) -> int | None:
        """Return the best price, hidden orders included, or None."""
        return self.keys[-1] * self.sign if self.keys else None

    def put(self, order: Order) -> Level:
        """Rest ``order`` at the back of its level; whoever calls notes that the level changed."""
        price = order.price
        level = self.by_price.get(price)
        if level is None:
            level = self.by_price[price] = Level(price)
            insort(self.keys, price * self.sign)
        leaves, display = order.leaves_qty, order.display_qty
        order.level = level
        order.working = True
        level.total += leaves
        shown = order.shown = leaves if display is None or display >= leaves else display
        if shown and level.tail is not None:
            # What most do; spelt out, because a call costs as much as what it does.
            level.size += shown
            last = level.tail
            last.next = level.tail = order
            order.prev, order.next = last, None
        else:
            level.size += shown
            level.append(order)
        return level

    def out(self, order: Order) -> Level:
        """Take a resting order out; whoever calls notes that the level changed.

        Raises:
            InvariantError: it does not rest.
        """
        level = order.level
        if level is None:
            raise InvariantError(f"order {order.order_id} does not rest")
        before, after = order.prev, order.next
        if before is not None and after is not None:
            # In the middle of its queue; spelt out, because a call costs more than that.
            before.next, after.prev = after, before
            order.prev = order.next = None
        else:
            level.unlink(order)
        level.size -= order.shown
        total = level.total = level.total - order.leaves_qty
        order.shown = 0
        order.level = None
        order.working = False
        if not total:
            del self.by_price[level.price]
            keys, key = self.keys, level.price * self.sign
            if keys[-1] == key:
                keys.pop()
            else:
                del keys[bisect_left(keys, key)]
        return level

    def reach(self, qty: int, limit: int | None) -> list[tuple[int, int]]:
        """Return what a taker of ``qty`` would get, best first: (price, quantity) to ``limit``."""
        got: list[tuple[int, int]] = []
        sign = self.sign
        for key in reversed(self.keys):
            if qty <= 0 or (limit is not None and key < limit * sign):
                break
            price = key * sign
            taken = min(qty, self.by_price[price].total)
            got.append((price, taken))
            qty -= taken
        return got


class Book:
    """Both sides of one instrument's book."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Half(1)
        self.asks = Half(-1)

    def half(self, side: Side) -> Half:
        """Return the half on which orders of ``side`` rest."""
        return self.bids if side is _BUY else self.asks

    def best_bid(self) -> int | None:
        """Return the best visible bid in ticks, or None."""
        return self._best_visible(self.bids)

    def best_ask(self) -> int | None:
        """Return the best visible ask in ticks, or None."""
        return self._best_visible(self.asks)

    def size_at(self, side: Side, price: int) -> int:
        """Return the visible size of one level; 0 where there is none."""
        level = self.half(side).by_price.get(price)
        return 0 if level is None else level.size

    def levels(self, side: Side, depth: int = 0) -> list[tuple[int, int]]:
        """Return (price, visible size) from the best on; ``depth`` 0 = all."""
        half = self.half(side)
        found: list[tuple[int, int]] = []
        for key in reversed(half.keys):
            price = key * half.sign
            size = half.by_price[price].size
            if size:
                found.append((price, size))
                if len(found) == depth:
                    break
        return found

    def crosses(self, side: Side, price: int) -> bool:
        """Whether an order of ``side`` at ``price`` would trade at once."""
        keys = (self.asks if side is _BUY else self.bids).keys
        # the best key of the other side is -best ask, or best bid
        return bool(keys) and (price >= -keys[-1] if side is _BUY else price <= keys[-1])

    def add(self, order: Order) -> None:
        """Rest ``order`` at the back of its level."""
        half = self.bids if order.side is _BUY else self.asks
        half.put(order)
        if order.shown:
            half.changed[order.price] = None

    def remove(self, order: Order) -> None:
        """Take a resting order out of the book."""
        half = self.bids if order.side is _BUY else self.asks
        shown = order.shown
        level = half.out(order)
        if shown:
            half.changed[level.price] = None

    def shrink(self, order: Order, leaves: int) -> None:
        """Cut what is left of a resting order; it keeps its place in the queue."""
        level = order.level
        if level is None or not 0 < leaves < order.leaves_qty:
            raise InvariantError(f"order {order.order_id} can't shrink to {leaves}")
        level.total -= order.leaves_qty - leaves
        order.leaves_qty = leaves
        if order.shown > leaves:
            level.size -= order.shown - leaves
            order.shown = leaves
            self.half(order.side).changed[level.price] = None

    def consume(self, maker: Order, qty: int) -> None:
        """Take ``qty`` of a resting order that trades: shorten, refill at the back, or remove."""
        level, shown = maker.level, maker.shown
        if level is None or qty > (shown or maker.leaves_qty):
            raise InvariantError(f"order {maker.order_id} can't give {qty}")
        half = self.bids if maker.side is _BUY else self.asks
        if shown:
            half.changed[level.price] = None
        if qty == maker.leaves_qty:
            half.out(maker)
            maker.leaves_qty = 0
            return
        level.total -= qty
        maker.leaves_qty -= qty
        if shown:
            level.size -= qty
            maker.shown = shown - qty
        if maker.shown == 0 and maker.display_qty:
            level.unlink(maker)
            maker.shown = min(maker.display_qty, maker.leaves_qty)
            level.append(maker)
            level.size += maker.shown

    def retick(self, before: int, after: int) -> None:
        """Count prices in ticks of ``after`` pico instead of ``before``; queues stay as they are.

        Every price must be a whole number of the new ticks. All levels count as changed.

        Raises:
            InvariantError: one is not.
        """
        for half in (self.bids, self.asks):
            levels = {}
            for level in half.by_price.values():
                price, off = divmod(level.price * before, after)
                if off:
                    raise InvariantError(f"price {level.price} of {before} is off tick {after}")
                level.price = price
                levels[price] = level
                for order in level.orders():
                    order.price = price
            half.by_price = levels
            half.keys = sorted(price * half.sign for price in levels)
            half.changed = dict.fromkeys(level.price for level in levels.values() if level.size)

    def orders(self) -> list[Order]:
        """Return all resting orders: bids then asks, each best first, in queue order."""
        found = []
        for half in (self.bids, self.asks):
            for key in reversed(half.keys):
                found += half.by_price[key * half.sign].orders()
        return found

    def check(self) -> None:
        """Verify that the book is not crossed and that each level is what its orders are (L2-9).

        Raises:
            InvariantError: it is not so.
        """
        bid, ask = self.bids.best(), self.asks.best()
        if bid is not None and ask is not None and bid >= ask:
            raise InvariantError(f"book is crossed: bid {bid}, ask {ask}")
        for half in (self.bids, self.asks):
            if half.keys != sorted(price * half.sign for price in half.by_price):
                raise InvariantError(f"prices {half.keys} are not those of the levels")
            for level in half.by_price.values():
                orders = level.orders()
                shown = sum(order.shown for order in orders)
                total = sum(order.leaves_qty for order in orders)
                if not orders or (shown, total) != (level.size, level.total):
                    raise InvariantError(
                        f"level {level.price} has {level.size}/{level.total}, its orders"
                        f" {shown}/{total}"
                    )
                for order in orders:
                    if order.leaves_qty <= 0 or order.level is not level:
                        raise InvariantError(f"order {order.order_id} rests with nothing left")

    def _best_visible(self, half: Half) -> int | None:
        for key in reversed(half.keys):
            price = key * half.sign
            if half.by_price[price].size:
                return price
        return None
