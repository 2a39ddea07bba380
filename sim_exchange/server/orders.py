"""Handlers of orders and positions: what changes the exchange (protocol.md 2.2, 4)."""

from collections.abc import Sequence

from sim_exchange.core.commands import (
    AmendBulk,
    AmendOrder,
    CancelAll,
    CancelAllAfter,
    CancelOrders,
    PlaceBulk,
    PlaceOrder,
)
from sim_exchange.core.events import Accepted, Event, OrderChanged, Refused
from sim_exchange.core.types import OrdStatus, Reason, Side
from sim_exchange.core.views import MarketLike, OrderLike
from sim_exchange.errors import BadRequestError, RequestError
from sim_exchange.server.requests import Request
from sim_exchange.server.venue import Venue
from sim_exchange.wire.ids import IdKind, from_uuid, order_uuid
from sim_exchange.wire.parse import (
    Params,
    amend,
    amend_target,
    list_of,
    objects_of,
    place,
    quantity_of,
    text_of,
)
from sim_exchange.wire.query import matches, read_query
from sim_exchange.wire.ratelimit import bulk_cost
from sim_exchange.wire.rows import Row
from sim_exchange.wire.texts import (
    CANCEL_ERROR_STATE,
    CANCEL_ERROR_UNKNOWN,
    not_found,
    refusal,
)
from sim_exchange.wire.times import to_iso

_MS_NS = 10**6
_MAX_TIMEOUT_MS = 365 * 86_400_000
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_LACKING = (Reason.INSUFFICIENT_BALANCE, Reason.NO_FUNDS)


def place_order(venue: Venue, request: Request) -> Row:
    """POST /order."""
    command = place(request.params, venue.catalogue, request.account)
    return _placed(venue, command)


def close_position(venue: Venue, request: Request) -> Row:
    """POST /order/closePosition: an order with execInst Close."""
    params: Params = {"symbol": request.params.get("symbol"), "execInst": "Close"}
    if request.params.get("price") is not None:
        params["price"] = request.params["price"]
    return _placed(venue, place(params, venue.catalogue, request.account))


def _placed(venue: Venue, command: PlaceOrder) -> Row:
    for event in venue.submit(command):
        if type(event) is Accepted:
            return venue.orders.order(venue.exchange.orders[event.ref])
        if type(event) is Refused:
            raise _refused(venue, event, command)
    raise _silent(command)


def _refused(venue: Venue, event: Refused, command: PlaceOrder) -> RequestError:
    market = venue.exchange.markets[command.symbol]
    currency = market.spec.settl_currency
    if event.reason in _LACKING and event.text:
        currency = event.text  # a sell may lack coins, or what a loan of them would lock
    return refusal(event.reason, event.detail, currency=currency, side=command.side)


def _silent(command: object) -> RuntimeError:
    return RuntimeError(f"the core answered neither Accepted nor Refused to {command!r}")


def always(_request: Request) -> bool:
    """Whether a cancel is let in however many requests wait (E20): yes."""
    return True


def closes_whole(request: Request) -> bool:
    """Whether an order closes a whole position, and so is let in however many wait (E20)."""
    params = request.params
    insts = params.get("execInst")
    closes = isinstance(insts, str) and "Close" in insts.replace(" ", "").split(",")
    return closes and params.get("orderQty") is None


def bulk_tokens(request: Request) -> int:
    """Cost of a bulk call; a broken one costs 1."""
    try:
        return bulk_cost(len(objects_of(request.params, "orders")))
    except BadRequestError:
        return 1


def place_bulk(venue: Venue, request: Request) -> list[Row]:
    """POST /order/bulk: all are validated first; what the engine refuses comes back as a row."""
    account = request.account
    items = objects_of(request.params, "orders")
    orders = tuple(place(item, venue.catalogue, account) for item in items)
    if len({order.symbol for order in orders}) != 1:
        raise refusal(Reason.SYMBOLS_DIFFER)
    rows: list[Row] = []
    refused: list[RequestError] = []
    for event in venue.submit(PlaceBulk(account=account, orders=orders)):
        if type(event) is Accepted:
            rows.append(venue.orders.order(venue.exchange.orders[event.ref]))
        elif type(event) is Refused:
            error = _refused(venue, event, orders[event.index])
            refused.append(error)
            rows.append(_rejected_row(venue, orders[event.index], error))
    if refused and len(refused) == len(rows):
        raise refused[0]
    return rows


def _rejected_row(venue: Venue, order: PlaceOrder, error: RequestError) -> Row:
    market = venue.exchange.markets[order.symbol]
    listing = venue.catalogue.listing(order.symbol)
    at = to_iso(venue.exchange.now_ns)
    return {
        "orderID": order_uuid(0),
        "clOrdID": order.cl_ord_id or None,
        "clOrdLinkID": order.cl_ord_link_id or None,
        "account": order.account,
        "symbol": order.symbol,
        "side": None if order.side is None else ("Buy" if order.side is Side.BUY else "Sell"),
        "orderQty": order.order_qty,
        "price": None if order.price is None else listing.price(order.price),
        "stopPx": None if order.stop_px is None else listing.price(order.stop_px),
        "currency": market.spec.quote_currency,
        "settlCurrency": market.spec.settl_currency,
        "ordType": order.ord_type.value,
        "timeInForce": order.time_in_force.value,
        "ordStatus": OrdStatus.REJECTED.value,
        "workingIndicator": False,
        "ordRejReason": error.message,
        "leavesQty": 0,
        "cumQty": 0,
        "avgPx": None,
        "text": error.message,
        "transactTime": at,
        "timestamp": at,
        "error": error.message,
    }


def amend_order(venue: Venue, request: Request) -> Row:
    """PUT /order."""
    account = request.account
    order_id, name = amend_target(request.params)
    order = _live_or_ended(venue, account, order_id, name, _named(name))
    market = venue.exchange.markets[order.symbol]
    number = 0 if name else order.order_id
    command = amend(request.params, market, account, number, name, order.side)
    for event in venue.submit(command):
        if type(event) is Accepted:
            return venue.orders.order(venue.exchange.orders[event.ref or order.order_id])
        if type(event) is Refused:
            raise _amend_refused(market, event, _named(name))
    raise _silent(command)


def amend_bulk(venue: Venue, request: Request) -> list[Row]:
    """PUT /order/bulk: any order that can't be amended fails the whole call."""
    account = request.account
    commands: list[AmendOrder] = []
    market: MarketLike | None = None
    for item in objects_of(request.params, "orders"):
        order_id, name = amend_target(item)
        try:
            order = _live_or_ended(venue, account, order_id, name, _named(name))
        except BadRequestError as error:
            raise refusal(Reason.ORDER_NOT_OPEN) from error
        if market is not None and market.spec.symbol != order.symbol:
            raise refusal(Reason.SYMBOLS_DIFFER)
        market = venue.exchange.markets[order.symbol]
        commands.append(amend(item, market, account, 0 if name else order_id, name, order.side))
    if market is None:
        raise BadRequestError("Invalid orders")
    rows: list[Row] = []
    for event in venue.submit(AmendBulk(account=account, amends=tuple(commands))):
        if type(event) is Accepted:
            rows.append(venue.orders.order(venue.exchange.orders[event.ref]))
        elif type(event) is Refused:
            if event.reason is Reason.UNKNOWN_ORDER:
                raise refusal(Reason.ORDER_NOT_OPEN)
            raise _amend_refused(market, event, "orderID")
    return rows


def _named(name: str) -> str:
    return "origClOrdID" if name else "orderID"


def _amend_refused(market: MarketLike, event: Refused, field: str) -> RequestError:
    currency = market.spec.settl_currency
    return refusal(event.reason, event.detail, currency=currency, field=field)


def _live_or_ended(venue: Venue, account: int, order_id: int, name: str, field: str) -> OrderLike:
    orders = venue.exchange.orders
    past = venue.history.accounts.get(account)
    if name:
        order_id = past.names.get(name, 0) if past is not None else 0
        if not order_id:
            named = (o for o in venue.exchange.open_orders(account) if o.cl_ord_id == name)
            order_id = next((order.order_id for order in named), 0)
    order = orders.get(order_id)
    if order is not None and order.account == account:
        return order
    if past is not None and order_id in past.ended:
        raise refusal(Reason.ORDER_NOT_OPEN)
    raise refusal(Reason.UNKNOWN_ORDER, field=field)


def cancel_orders(venue: Venue, request: Request) -> list[Row]:
    """DELETE /order: one row an id, with ``error`` where it could not be canceled."""
    account = request.account
    id_texts = list_of(request.params, "orderID")
    names = list_of(request.params, "clOrdID")
    if id_texts is None and names is None:
        raise BadRequestError("Either an orderID or a clOrdID must be provided.")
    id_texts, names = id_texts or [], names or []
    if not id_texts and not names:
        return []
    numbers = tuple(from_uuid(IdKind.ORDER, text) for text in id_texts)
    asked = [("orderID", text) for text in id_texts] + [("clOrdID", text) for text in names]
    events = venue.submit(
        CancelOrders(
            account=account,
            order_ids=numbers,
            cl_ord_ids=tuple(names),
            text=text_of(request.params, "text"),
        )
    )
    rows: list[Row] = []
    unknown = 0
    for event in events:
        if type(event) is Accepted:
            rows.append(venue.orders.order(venue.exchange.orders[event.ref]))
        elif type(event) is Refused:
            field, text = asked[event.index]
            number = numbers[event.index] if event.index < len(numbers) else 0
            row = _not_canceled(venue, account, event, field, text, number)
            unknown += row["error"] == CANCEL_ERROR_UNKNOWN
            rows.append(row)
    if unknown == len(rows):
        raise not_found()
    return rows


def _not_canceled(
    venue: Venue, account: int, event: Refused, field: str, text: str, number: int
) -> Row:
    past = venue.history.accounts.get(account)
    if not number and past is not None and field == "clOrdID":
        number = past.names.get(text, 0)
    order: OrderLike | None = venue.exchange.orders.get(event.ref or number)
    if order is None and past is not None:
        order = past.ended.get(event.ref or number)
    if order is None or order.account != account:
        return {field: text, "error": CANCEL_ERROR_UNKNOWN}
    row = venue.orders.order(order)
    row["error"] = CANCEL_ERROR_STATE.format(order.status.value)
    return row


def cancel_all(venue: Venue, request: Request) -> list[Row]:
    """DELETE /order/all: the canceled orders, those of a symbol and filter when given."""
    account = request.account
    query = read_query(request.params)
    conditions = dict(query.conditions)
    symbol = query.symbol or conditions.pop("symbol", None)
    side = conditions.pop("side", None)
    if side is not None and side not in _SIDES:
        raise BadRequestError("Invalid side")
    exact = "" if symbol is None else venue.catalogue.market(symbol).spec.symbol
    text = text_of(request.params, "text")
    if not conditions:
        wanted = _SIDES[str(side)] if side is not None else None
        command = CancelAll(account=account, symbol=exact, side=wanted, text=text)
        events = venue.submit(command)
        for event in events:
            if type(event) is Refused:
                raise refusal(event.reason, event.detail)
        return _canceled(venue, account, events)
    ids = tuple(
        order.order_id
        for order in venue.exchange.open_orders(account, exact)
        if (side is None or order.side is _SIDES[str(side)])
        and matches(venue.orders.order(order), conditions)
    )
    if not ids:
        return []
    return _canceled(
        venue, account, venue.submit(CancelOrders(account=account, order_ids=ids, text=text))
    )


def _canceled(venue: Venue, account: int, events: Sequence[Event]) -> list[Row]:
    numbers = dict.fromkeys(
        event.order_id
        for event in events
        if type(event) is OrderChanged and event.account == account
    )
    orders = [venue.exchange.orders[number] for number in numbers]
    return [venue.orders.order(o) for o in orders if o.status is OrdStatus.CANCELED]


def cancel_all_after(venue: Venue, request: Request) -> Row:
    """POST /order/cancelAllAfter: arm, renew or (0) disarm the dead-man switch."""
    timeout = quantity_of(request.params, "timeout")
    if timeout is None:
        raise BadRequestError("Invalid timeout")
    return dead_man(venue, request.account, timeout)


def dead_man(venue: Venue, account: int, timeout_ms: int) -> Row:
    """Arm the switch for ``timeout_ms`` of the client's time; REST and socket alike (4.9)."""
    if not 0 <= timeout_ms <= _MAX_TIMEOUT_MS:
        raise BadRequestError("Invalid timeout")
    # At factor N the exchange's clock runs N times as fast, and the client must have its own time.
    timeout_ns = timeout_ms * _MS_NS * venue.client_factor()
    command = CancelAllAfter(account=account, timeout_ns=timeout_ns)
    for event in venue.submit(command):
        if type(event) is Refused:
            raise refusal(event.reason, event.detail)
    at_ns = venue.exchange.now_ns
    return {
        "now": to_iso(at_ns),
        "cancelTime": to_iso(at_ns + timeout_ns) if timeout_ns else 0,
    }
