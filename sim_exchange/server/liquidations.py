"""What the public sees of losses: the engine's open orders and the insurance fund (E13, E13b).

Tables ``liquidation`` and ``insurance``, over REST and as topics (protocol.md 2.7, 6.4).
"""

from sim_exchange.core.events import FundSnapshot, OrderChanged, OrderOpened
from sim_exchange.core.views import OrderLike
from sim_exchange.history import Insured
from sim_exchange.server.requests import Request
from sim_exchange.server.topics import Outlet, Topic
from sim_exchange.server.venue import Venue
from sim_exchange.wire.ids import order_uuid
from sim_exchange.wire.numbers import ticks_number
from sim_exchange.wire.query import read_query, select
from sim_exchange.wire.rows import Row
from sim_exchange.wire.texts import side_text
from sim_exchange.wire.times import to_iso

TABLES = ("liquidation", "insurance")
_ENGINE = 0  # the account that liquidates
_Rows = list[tuple[str, Row]]
_ORDER_KEYS = ("orderID",)
_FUND_KEYS = ("currency", "timestamp")


def insurance_row(item: Insured) -> Row:
    """Return a row of the fund as it was at one noon, minor units."""
    return {
        "currency": item.currency,
        "timestamp": to_iso(item.at_ns),
        "walletBalance": item.amount,
    }


def liquidation_rows(venue: Venue) -> dict[int, Row]:
    """Return a row of each order that the engine has in a book, oldest first, by order number."""
    return {order.order_id: _row(venue, order) for order in venue.exchange.liquidations()}


def _row(venue: Venue, order: OrderLike) -> Row:
    tick = venue.exchange.markets[order.symbol].spec.tick_pico
    return {
        "orderID": order_uuid(order.order_id),
        "symbol": order.symbol,
        "side": side_text(order.side),
        "price": ticks_number(order.price, tick),
        "leavesQty": order.leaves_qty,
    }


def liquidations(venue: Venue, request: Request) -> list[Row]:
    """GET /liquidation: open ones only, oldest first."""
    query = read_query(request.params)
    symbol = None if query.symbol is None else venue.catalogue.resolve(query.symbol) or query.symbol
    rows = [row for row in liquidation_rows(venue).values() if symbol in {None, row["symbol"]}]
    if query.reverse:
        rows.reverse()
    return select(rows, _itself, query, _ORDER_KEYS)


def insurance(venue: Venue, request: Request) -> list[Row]:
    """GET /insurance: a row a noon and currency; a symbol here is a currency."""
    query = read_query(request.params)
    stored = venue.history.insured
    items = reversed(stored) if query.reverse else iter(stored)
    wanted = (
        item
        for item in items
        if query.start_ns <= item.at_ns <= query.end_ns and query.symbol in {None, item.currency}
    )
    return select(wanted, insurance_row, query, _FUND_KEYS)


def _itself(row: Row) -> Row:
    return row


class LiquidationFeed:
    """Tells subscribers of the engine's orders as they come, shrink and go, and of the fund."""

    def __init__(self, venue: Venue, outlet: Outlet) -> None:
        """Read from ``venue``, tell by ``outlet``."""
        self._venue = venue
        self._outlet = outlet
        self._told: dict[int, Row] = {}
        self._is_changed = False
        self._snapshots: list[tuple[str, Row]] = []

    def order_changed(self, event: OrderOpened | OrderChanged) -> None:
        """Note that an order changed, if it is the engine's."""
        if event.account == _ENGINE:
            self._is_changed = True

    def fund_told(self, event: FundSnapshot) -> None:
        """Note the fund of a noon."""
        item = Insured(event.at_ns, event.currency, event.amount)
        self._snapshots.append(("", insurance_row(item)))

    def flush(self) -> None:
        """Tell what has changed since the last turn."""
        if self._snapshots:
            rows, self._snapshots = self._snapshots, []
            self._outlet.emit("insurance", "insert", rows)
        if self._is_changed:
            self._is_changed = False
            self._tell_orders()

    def _tell_orders(self) -> None:
        told, self._told = self._told, liquidation_rows(self._venue)
        inserts: _Rows = []
        updates: _Rows = []
        deletes: _Rows = []
        for number, row in self._told.items():
            before = told.pop(number, None)
            symbol = str(row["symbol"])
            if before is None:
                inserts.append((symbol, row))
            elif before != row:
                changed = {name: value for name, value in row.items() if before[name] != value}
                updates.append((symbol, {"orderID": row["orderID"], "symbol": symbol, **changed}))
        for row in told.values():
            symbol = str(row["symbol"])
            deletes.append((symbol, {"orderID": row["orderID"], "symbol": symbol}))
        for action, rows in (("insert", inserts), ("update", updates), ("delete", deletes)):
            if rows:
                self._outlet.emit("liquidation", action, rows)

    def partial(self, topic: Topic) -> list[Row]:
        """Return a topic's rows: open orders, or the last noon of each currency."""
        if topic.table == "insurance":
            last = {item.currency: item for item in self._venue.history.insured}
            return [insurance_row(item) for item in last.values()]
        if not self._is_changed:
            self._told = liquidation_rows(self._venue)
        return [row for row in self._told.values() if topic.symbol in {"", row["symbol"]}]
