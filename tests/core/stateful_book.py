"""The book against one so slow that it is obviously right."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sim_exchange.core.orders.account import Account
from sim_exchange.core.orders.book import Book
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.matching import take
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import ExecInst, OrdType, Side, TimeInForce
from tests.core.world import ETC7D

MARKET, OWNER = Market(0, ETC7D), Account(1, "one", (), 0)


def make(order_id: int, side: Side, price: int, qty: int, display: int | None) -> Order:
    """A limit order of one account's."""
    return Order(
        order_id,
        OWNER.position(MARKET),
        side,
        OrdType.LIMIT,
        TimeInForce.GTC,
        ExecInst.NONE,
        qty,
        price,
        display,
        "",
        "",
        "",
        0,
    )


class Naive:
    """A list of [id, side, price, leaves, shown, display, arrival]; every question is a scan."""

    def __init__(self) -> None:
        self.resting: list[list[int]] = []
        self.arrivals = 0

    def add(self, order: Order, leaves: int) -> None:
        display = leaves if order.display_qty is None else order.display_qty
        self.arrivals += 1
        self.resting.append(
            [
                order.order_id,
                int(order.side),
                order.price,
                leaves,
                min(display, leaves),
                display,
                self.arrivals,
            ]
        )

    def queue(self, side: int) -> list[list[int]]:
        """The orders of a side as they would trade."""
        return sorted(
            (one for one in self.resting if one[1] == side),
            key=lambda one: (-side * one[2], one[4] == 0, one[6]),
        )

    def place(self, order: Order) -> list[tuple[int, int, int]]:
        """Match, then rest; return (maker, quantity, price)."""
        fills = []
        leaves = order.order_qty
        while leaves:
            queue = self.queue(-order.side)
            if not queue or (order.price - queue[0][2]) * order.side < 0:
                break
            maker = queue[0]
            qty = min(leaves, maker[4] or maker[3])
            fills.append((maker[0], qty, maker[2]))
            leaves -= qty
            maker[3] -= qty
            if maker[4]:
                maker[4] -= qty
                if maker[3] and not maker[4]:
                    self.arrivals += 1
                    maker[4], maker[6] = min(maker[5], maker[3]), self.arrivals
            if not maker[3]:
                self.resting.remove(maker)
        if leaves:
            self.add(order, leaves)
        return fills


class BookAgainstNaive(RuleBasedStateMachine):
    """Random orders into both books."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.naive = Naive()
        self.live: dict[int, Order] = {}
        self.next_id = 1

    @rule(
        side=st.sampled_from((Side.BUY, Side.SELL)),
        price=st.integers(95, 105),
        qty=st.integers(1, 9),
        display=st.sampled_from((None, None, 0, 1, 3)),
    )
    def place(self, side: Side, price: int, qty: int, display: int | None) -> None:
        order = make(self.next_id, side, price, qty, display)
        self.next_id += 1
        fills: list[tuple[int, int, int]] = []

        def fill(taker: Order, maker: Order, qty: int, price: int, hidden: bool) -> None:
            taker.leaves_qty -= qty
            fills.append((maker.order_id, qty, price))
            if not maker.leaves_qty:
                del self.live[maker.order_id]

        take(order, self.book, price, fill)
        if order.leaves_qty:
            self.book.add(order)
            self.live[order.order_id] = order
        assert fills == self.naive.place(make(order.order_id, side, price, qty, display))

    @precondition(lambda self: self.live)
    @rule(pick=st.integers(0, 10**6))
    def cancel(self, pick: int) -> None:
        order = self.live.pop(sorted(self.live)[pick % len(self.live)])
        self.book.remove(order)
        self.naive.resting = [one for one in self.naive.resting if one[0] != order.order_id]

    @precondition(lambda self: any(order.leaves_qty > 1 for order in self.live.values()))
    @rule(pick=st.integers(0, 10**6), part=st.integers(1, 8))
    def shrink(self, pick: int, part: int) -> None:
        orders = [order for order in self.live.values() if order.leaves_qty > 1]
        order = orders[pick % len(orders)]
        leaves = min(part, order.leaves_qty - 1)
        self.book.shrink(order, leaves)
        for one in self.naive.resting:
            if one[0] == order.order_id:
                one[3] = leaves
                one[4] = min(one[4], leaves)

    @invariant()
    def same_resting_orders(self) -> None:
        self.book.check()
        found = [(o.order_id, o.leaves_qty, o.shown) for o in self.book.orders()]
        expected = [(one[0], one[3], one[4]) for side in (1, -1) for one in self.naive.queue(side)]
        assert found == expected
        for side in (Side.BUY, Side.SELL):
            for price, size in self.book.levels(side):
                assert self.book.size_at(side, price) == size > 0


BookAgainstNaive.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, derandomize=True
)
