"""Our orders: what the venue says of them, and beside it what we asked and have not heard of yet.

An order is remembered from the moment it is sent. Answers and stream rows come in any order and
more than once: ``cum_qty`` only grows, and an order that has ended stays ended.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from mmbot.errors import StateDivergedError
from mmbot.types import FillSeen, OrderSeen, OrdStatus, Side

REMEMBERED = 512  # ended orders whose late rows are still recognised
MAX_PREFIX = 13  # characters: the rest of the venue's 36 is for the role and the counter


class InFlight(Enum):
    """What was asked of an order and is not answered yet."""

    NEW = "new"
    AMEND = "amend"
    CANCEL = "cancel"


@dataclass(slots=True)
class OwnOrder:
    """One quote of ours; prices in ticks, sizes in contracts."""

    cl_ord_id: str
    symbol: str
    side: Side
    price: int
    order_qty: int
    cum_qty: int = 0
    order_id: str = ""
    status: OrdStatus | None = None  # None: the venue has not spoken yet
    in_flight: InFlight | None = None
    action_id: int = 0
    sent_ns: int = 0
    traded: int = 0  # sum of its executions, which may be ahead of cum_qty

    @property
    def leaves(self) -> int:
        """Contracts that may still trade."""
        return max(0, self.order_qty - max(self.cum_qty, self.traded))


class OwnOrders:
    """The quotes of one run, by clOrdID."""

    def __init__(self, prefix: str) -> None:
        """Name orders ``prefix`` + role letter + counter.

        Raises:
            ValueError: the prefix is empty or longer than 13 characters.
        """
        if not 0 < len(prefix) <= MAX_PREFIX:
            raise ValueError(f"clOrdID prefix {prefix!r} must have 1 to {MAX_PREFIX} characters")
        self.prefix = prefix
        self.live: dict[str, OwnOrder] = {}
        self._ended: OrderedDict[str, OrdStatus | None] = (
            OrderedDict()
        )  # None: not said by the venue
        self._count = 0

    def next_id(self, role: str) -> str:
        """Return a new clOrdID; ``role`` is q(uote), h(edge) or s(lice)."""
        self._count += 1
        return f"{self.prefix}{role}{self._count}"

    def role_of(self, cl_ord_id: str) -> str:
        """Return the role letter of one of our clOrdIDs; "" when it is not of this run."""
        return cl_ord_id[len(self.prefix) :][:1] if cl_ord_id.startswith(self.prefix) else ""

    def name_of(self, order_id: str) -> str:
        """Return the clOrdID of a live order by the venue's id; "" when there is none.

        The answer to the cancel of an order that is gone names no clOrdID.
        """
        found = (o.cl_ord_id for o in self.live.values() if o.order_id == order_id)
        return next(found, "") if order_id else ""

    def is_filled(self, cl_ord_id: str) -> bool:
        """Whether an order that is not live any more ended by being filled."""
        return self._ended.get(cl_ord_id) is OrdStatus.FILLED

    def is_quote(self, cl_ord_id: str) -> bool:
        """Whether an order was entered as a quote of this run."""
        return self.role_of(cl_ord_id) == "q"

    def sent(self, order: OwnOrder) -> None:
        """Remember an order that is being entered."""
        self.live[order.cl_ord_id] = order

    def mark(
        self, cl_ord_ids: Iterable[str], in_flight: InFlight, action_id: int, now_ns: int
    ) -> None:
        """Note that action ``action_id`` asks something of these orders."""
        for cl_ord_id in cl_ord_ids:
            order = self.live[cl_ord_id]
            order.in_flight, order.action_id, order.sent_ns = in_flight, action_id, now_ns

    def answered(self, action_id: int, *, placed: bool) -> None:
        """Nothing of ``action_id`` is in flight any more; what was not ``placed`` has never been.

        Args:
            action_id: of the request.
            placed: False when the venue refused it as a whole, so that new orders don't exist.
        """
        for order in [o for o in self.live.values() if o.action_id == action_id]:
            refused = order.in_flight is InFlight.NEW and not placed and order.status is None
            order.in_flight = None
            if refused:
                self._end(order.cl_ord_id, known=False)

    def see(self, row: OrderSeen) -> bool:
        """Take a row of the venue in; return whether an order has ended or traded.

        Raises:
            StateDivergedError: a new open order carries our prefix but no number that we gave.
        """
        name = row.cl_ord_id or self.name_of(row.order_id)
        if not self.is_quote(name):
            return False
        order = self.live.get(name)
        if order is None:
            return self._adopt(row)
        if row.cum_qty is not None and row.cum_qty < order.cum_qty:
            return False  # a late row, older than what we know
        before = order.cum_qty
        _advance(order, row)
        if order.status is not None and not order.status.is_open:
            self._end(name)
            return True
        return order.cum_qty > before

    def see_fill(self, fill: FillSeen) -> None:
        """Count an execution; the row that says the same may come before or after."""
        order = self.live.get(fill.cl_ord_id)
        if order is not None:
            order.traded += fill.qty

    def resync(self, open_rows: Iterable[OrderSeen], asked_ns: int) -> bool:
        """Compare with all open orders that the venue has; return whether something had ended.

        What was sent at or after ``asked_ns`` may not be in the answer and is left alone.

        Raises:
            StateDivergedError: as ``see``.
        """
        rows = {row.cl_ord_id: row for row in open_rows if self.is_quote(row.cl_ord_id)}
        gone = [
            order.cl_ord_id
            for order in self.live.values()
            if order.cl_ord_id not in rows and order.sent_ns < asked_ns
        ]
        for cl_ord_id in gone:
            self._end(cl_ord_id, known=False)
        for row in rows.values():
            self.see(row)
            order = self.live.get(row.cl_ord_id)
            if order is not None and order.sent_ns < asked_ns:
                order.in_flight = None
        return bool(gone)

    def side(self, side: Side) -> list[OwnOrder]:
        """Return the live orders of one side, outermost first."""
        found = [order for order in self.live.values() if order.side is side]
        found.sort(key=lambda order: order.price * side)
        return found

    @property
    def busy(self) -> bool:
        """Whether something is in flight."""
        for order in self.live.values():  # noqa: SIM110 (a generator costs more than the answer)
            if order.in_flight is not None:
                return True
        return False

    def stuck(self, before_ns: int) -> bool:
        """Whether something is in flight since before ``before_ns``."""
        for order in self.live.values():
            if order.in_flight is not None and order.sent_ns < before_ns:
                return True
        return False

    def _adopt(self, row: OrderSeen) -> bool:
        # What the venue ended stays ended; what we only took for ended may turn up alive.
        if self._ended.get(row.cl_ord_id) or row.status is None or not row.status.is_open:
            return False
        number = row.cl_ord_id[len(self.prefix) + 1 :]
        if not number.isdigit() or int(number) > self._count:
            raise StateDivergedError(f"order {row.cl_ord_id} is open and was not entered by us")
        if row.side is None or row.price is None or row.order_qty is None:
            return False
        self.live[row.cl_ord_id] = OwnOrder(
            cl_ord_id=row.cl_ord_id,
            symbol=row.symbol,
            side=row.side,
            price=row.price,
            order_qty=row.order_qty,
            cum_qty=row.cum_qty or 0,
            order_id=row.order_id,
            status=row.status,
        )
        return True

    def _end(self, cl_ord_id: str, *, known: bool = True) -> None:
        order = self.live.pop(cl_ord_id)
        self._ended[cl_ord_id] = order.status if known else None
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)


def _advance(order: OwnOrder, row: OrderSeen) -> None:
    order.order_id = row.order_id or order.order_id
    if row.cum_qty is not None:
        order.cum_qty = row.cum_qty
    if row.price is not None:
        order.price = row.price
    if row.order_qty is not None:
        order.order_qty = row.order_qty
    if row.status is not None:
        order.status = row.status
        if order.in_flight is InFlight.NEW:
            order.in_flight = None
